// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Testing

/// Selects with cases inside the process and on a daemon's channels.
@Suite struct MixedSelectTests {
    @Test func whatIsReadyWins() async throws {
        try await withDaemon { _, client in
            let far = try await client.channel("far", capacity: 1, of: String.self)
            let near = Chan<Int>(size: 1)
            func once() async throws -> String {
                try await select {
                    receive(from: far) { "far \($0)" }
                    receive(from: near) { "near \($0)" }
                    otherwise { "nothing" }
                }
            }
            for _ in 0..<20 {
                #expect(try await once() == "nothing")
                try await far.send("a")
                #expect(try await once() == "far a")
                try await near.send(1)
                #expect(try await once() == "near 1")
            }
        }
    }

    @Test func whatComesFirstWinsAndTheOtherHalfHasNoEffect() async throws {
        try await withDaemon { _, client in
            let far = try await client.channel("far", capacity: 0, of: Int.self)
            let near = Chan<Int>()
            for round in 0..<20 {
                let winner = Task { try await select([receive(from: far), receive(from: near)]) }
                try await wait(for: far, "the far half") { $0.waitingReceives == 1 }
                if round.isMultiple(of: 2) {
                    try await near.send(round)
                } else {
                    try await far.send(round)
                }
                let result = try await winner.value
                #expect(result.index == (round.isMultiple(of: 2) ? 1 : 0))
                #expect(result.element() == round)
                #expect(try await far.status().waitingReceives == 0)
                #expect(try await near.status().waitingReceives == 0)
                #expect(try await far.trySend(1) == false)
                #expect(try await near.trySend(1) == false)
            }
        }
    }

    @Test func timersCancellationAndClosing() async throws {
        try await withDaemon { _, client in
            let far = try await client.channel("far", capacity: 0, of: Int.self)
            let near = Chan<Int>()
            let winner = try await select {
                receive(from: far) { _ in "far" }
                receive(from: after(.milliseconds(20))) { _ in "after" }
                receive(from: never(of: Int.self)) { _ in "never" }
            }
            #expect(winner == "after")
            @Sendable func cases() -> [SelectCase<SelectWinner>] { [send(1, to: far), send(1, to: near)] }
            #expect(try await select(cases(), timeout: .milliseconds(5))?.index == nil)
            let task = Task { try await select(cases()) }
            try await wait(for: far, "the far half") { $0.waitingSends == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await far.status().waitingSends == 0)
            let closing = Task { try await select(cases()) }
            try await wait(for: far, "the far half") { $0.waitingSends == 1 }
            try await near.close()
            #expect(try await closing.value.isClosed)
            #expect(try await far.status().waitingSends == 0)
        }
    }

    @Test func stoppingTheNearHalfEndsIt() async throws {
        try await withDaemon { _, client in
            let far = try await client.channel("far", capacity: 0, of: Int.self)
            let near = Chan<Int>()
            let waiting = Task {
                try await select([receive(from: near), receive(from: far)], timeout: Patience.duration)
            }
            try await wait(for: far, "the far half") { $0.waitingReceives == 1 }
            try await near.stop()
            let error = await #expect(throws: ChandError.self) { try await waiting.value }
            #expect(error?.code == .handleClosed)
            #expect(try await far.status().waitingReceives == 0)
        }
    }

    @Test func twoMixedSelectsMeet() async throws {
        try await withDaemon { _, client in
            let idle = try await client.channel("idle", capacity: 0, of: Int.self)
            let near = Chan<Int>()
            for round in 0..<50 {
                let sender = Task { try await select([send(round, to: near), receive(from: idle)]) }
                let receiver = Task { try await select([receive(from: idle), receive(from: near)]) }
                #expect(try await sender.value.index == 0)
                let received = try await receiver.value
                #expect(received.index == 1)
                #expect(received.element() == round)
            }
            #expect(try await idle.status().waitingReceives == 0)
        }
    }

    /// A partner that could meet goes away with its far half: the one who waits for it gets on without.
    @Test func aLeaderLetsGo() async throws {
        try await withDaemon { _, client in
            let near = Chan<Int>()
            let one = try await client.channel("one", capacity: 0, of: Int.self)
            let other = try await client.channel("other", capacity: 1, of: Int.self)
            for round in 0..<50 {
                let elder = Task { try await select([receive(from: near), receive(from: one)]) }
                let younger = Task { try await select([send(round, to: near), receive(from: other)]) }
                try await other.send(-1)
                let sent = try await younger.value
                if sent.index == 0 {
                    #expect(try await elder.value.element() == round)
                    #expect(try await other.receive() == -1)
                } else {
                    #expect(sent.element() == -1)
                    try await one.send(7)
                    #expect(try await elder.value.element() == 7)
                }
            }
        }
    }

    @Test func nothingIsLostOrTakenTwice() async throws {
        try await withDaemon { _, client in
            let count = 300
            let far = try await client.channel("far", capacity: 0, of: Int.self)
            let near = Chan<Int>()
            let back = try await client.channel("back", capacity: 0, of: Int.self)
            let received = Lock<[Int]>([])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for number in 0..<count { try await far.send(number) } }
                group.addTask { for number in count..<2 * count { try await near.send(number) } }
                // A sender that is mixed itself; what goes back over the daemon counts too.
                group.addTask {
                    for number in 2 * count..<3 * count {
                        _ = try await select([send(number, to: near), send(number, to: back)])
                    }
                }
                for _ in 0..<3 {
                    group.addTask {
                        while received.withLock({ $0.count }) < 3 * count {
                            let winner = try await select(
                                [receive(from: far), receive(from: near), receive(from: back)],
                                timeout: .milliseconds(50))
                            if let number: Int = winner?.element() { received.withLock { $0.append(number) } }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(received.withLock { $0 }.sorted() == Array(0..<3 * count))
        }
    }
}
