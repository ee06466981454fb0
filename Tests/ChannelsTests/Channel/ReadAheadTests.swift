// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels
import Testing

/// Read-ahead, several selects and sends that nobody awaits, through the library and the built daemon
/// (rules 18, 19, 21 and 24).
@Suite struct ReadAheadTests {
    @Test(arguments: [false, true])
    func orderIsKeptAndTheEndIsSeen(onTheLoop: Bool) async throws {
        try await withDaemon { _, client in
            let numbers = try await client.channel("numbers", capacity: 16, of: Int.self)
            let body: @Sendable @concurrent () async throws -> [Int] = {
                var taken: [Int] = []
                for try await number in numbers.readingAhead(8) { taken.append(number) }
                return taken
            }
            let reader =
                onTheLoop
                ? Task(executorPreference: client.executor) { try await body() } : Task { try await body() }
            for number in 0..<500 { try await numbers.send(number) }
            try await numbers.close()
            #expect(try await reader.value == Array(0..<500))
            #expect(try await numbers.status().settled == 500)
        }
    }

    @Test func aBufferOf16WithAReadAheadOf8Holds16() async throws {
        try await withDaemon { _, client in
            let work = try await client.channel("work", capacity: 16, of: Int.self)
            try await work.send(0)
            var iterator = work.readingAhead(8).makeAsyncIterator()
            #expect(try await iterator.next() == 0)
            for number in 1...16 { try await work.send(number) }
            #expect(try await work.trySend(17) == false)
            let full = try await work.status()
            #expect(full.length == 8 && full.ahead == 8)
            #expect(try await iterator.next() == 1)
            try await work.send(17)
            for number in 2...17 { #expect(try await iterator.next() == number) }
        }
    }

    @Test func whatADroppedIteratorHadGoesBackUnseen() async throws {
        try await withDaemon { daemon, client in
            let work = try await client.channel("work", capacity: 8, of: Int.self)
            for number in 0..<6 { try await work.send(number) }
            do {
                var iterator = work.readingAhead(4).makeAsyncIterator()
                #expect(try await iterator.next() == 0)
                #expect(try await iterator.next() == 1)
            }
            try await wait(for: work, "nothing ahead") {
                $0.ahead == 0 && $0.length == 4 && $0.waitingReceives == 0
            }
            for number in 2..<6 {
                let message = try await work.receiveMessage()
                #expect(message.element == number && message.attempts == 0 && !message.isRedelivered)
            }
        }
    }

    @Test func aCancelledTaskGivesBackWhatItHad() async throws {
        try await withDaemon { _, client in
            let work = try await client.channel("work", capacity: 8, of: Int.self)
            let reader = Task {
                var iterator = work.readingAhead(4).makeAsyncIterator()
                let first = try await iterator.next()
                await #expect(throws: CancellationError.self) {
                    while true { _ = try await iterator.next() }
                }
                return first
            }
            try await work.send(0)
            try await wait(for: work, "the first settled") { $0.settled == 1 && $0.waitingReceives == 1 }
            reader.cancel()
            #expect(try await reader.value == 0)
            try await wait(for: work, "no receiver") { $0.waitingReceives == 0 }
            #expect(try await work.trySend(1))
            #expect(try await work.receive() == 1)
        }
    }

    @Test func idleWorkersShareTheWork() async throws {
        try await withDaemon { daemon, client in
            let work = try await client.channel("work", capacity: 64, of: Int.self)
            let other = try await ChandClient.connect(to: daemon.socketPath, name: "other")
            let same = try await other.channel("work", of: Int.self)
            var first = work.readingAhead(8).makeAsyncIterator()
            try await work.send(0)
            #expect(try await first.next() == 0)
            let second = Task {
                var iterator = same.readingAhead(8).makeAsyncIterator()
                var taken: Set<Int> = []
                while taken.count < 4, let number = try await iterator.next() { taken.insert(number) }
                return taken
            }
            try await wait(for: work, "two that wait") { $0.waitingReceives == 2 }
            try await work.send(contentsOf: Array(1...8))
            var got = try await second.value
            for _ in 0..<4 { got.insert(try #require(try await first.next())) }
            #expect(got == Set(1...8))
            await other.close()
        }
    }

    @Test func onARendezvousNothingIsTakenBeforeItIsAskedFor() async throws {
        try await withDaemon { _, client in
            let meet = try await client.channel("meet", capacity: 0, of: Int.self)
            let sender = Task { for number in 0..<3 { try await meet.send(number) } }
            var iterator = meet.readingAhead(8).makeAsyncIterator()
            #expect(try await iterator.next() == 0)
            try await wait(for: meet, "a sender that waits") { $0.waitingSends == 1 }
            #expect(try await meet.status().waitingReceives == 0)
            #expect(try await iterator.next() == 1)
            #expect(try await iterator.next() == 2)
            try await sender.value
        }
    }

    @Test func stoppingEndsAnIterationAndGivesBack() async throws {
        try await withDaemon { _, client in
            let work = try await client.channel("work", capacity: 8, of: Int.self)
            let again = try await client.channel("work", of: Int.self)
            for number in 0..<4 { try await work.send(number) }
            var iterator = work.readingAhead(4).makeAsyncIterator()
            #expect(try await iterator.next() == 0)
            try await work.stop()
            let error = await #expect(throws: ChandError.self) { _ = try await iterator.next() }
            #expect(error?.code == .handleClosed)
            #expect(try await again.receive(upTo: 4) == [1, 2, 3])
        }
    }

    @Test func leasesAheadBeginWhenTheyAreHandedOver() async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            for number in 0..<4 { try await jobs.send(number) }
            do {
                let terms = LeaseTerms(time: .seconds(60), attempts: 3)
                var iterator = jobs.leases(terms, readAhead: 3).makeAsyncIterator()
                let first = try #require(try await iterator.next())
                #expect(first.element == 0 && first.attempts == 0)
                try await wait(for: jobs, "three ahead") { $0.ahead == 3 && $0.leased == 4 }
                try await first.done()
                let second = try #require(try await iterator.next())
                try await second.giveBack()
            }
            try await wait(for: jobs, "all back") { $0.ahead == 0 && $0.unsettled == 0 && $0.length == 3 }
            let attempts = try await [
                jobs.receiveMessage().attempts, jobs.receiveMessage().attempts,
                jobs.receiveMessage().attempts,
            ]
            #expect(attempts == [1, 0, 0])
        }
    }

    /// Rule 16: a handle that goes with an iteration is closed, though its client asks for nothing else.
    @Test func aHandleGoesWithItsIteration() async throws {
        try await withDaemon { daemon, client in
            let numbers = try await client.channel("numbers", capacity: 0, of: Int.self, role: .send)
            let other = try await ChandClient.connect(to: daemon.socketPath, timeout: Patience.duration)
            async let received = other.run {
                let numbers = try await other.channel("numbers", of: Int.self, role: .receive)
                for try await number in numbers.readingAhead(4) { return number }
                return 0
            }
            try await numbers.send(1)
            #expect(try await received == 1)
            try await wait(for: numbers, "no receiver") { $0.receivers == 0 && $0.settled == 1 }
            await other.close()
        }
    }

    /// Messages that the daemon writes from where they lie, among others.
    @Test func severalSelectsOfLargeMessages() async throws {
        try await withDaemon { _, client in
            let a = try await client.channel("a", capacity: 16, of: MessageBytes.self)
            let b = try await client.channel("b", capacity: 16, of: MessageBytes.self)
            func message(_ number: Int) -> MessageBytes {
                MessageBytes([UInt8](repeating: UInt8(number), count: number % 3 == 0 ? 40 << 10 : number))
            }
            for number in 0..<16 { try await (number < 8 ? a : b).send(message(number)) }
            var taken: [Int: [MessageBytes]] = [:]
            while taken.values.reduce(0, { $0 + $1.count }) < 16 {
                for winner in try await select(upTo: 16, [receive(from: a), receive(from: b)]) {
                    taken[winner.index, default: []].append(try #require(winner.element()))
                }
            }
            #expect(taken[0] == (0..<8).map(message) && taken[1] == (8..<16).map(message))
        }
    }

    @Test func severalSelectsInOneTurn() async throws {
        try await withDaemon { _, client in
            let a = try await client.channel("a", capacity: 4, of: Int.self)
            let b = try await client.channel("b", capacity: 4, of: String.self)
            try await a.send(contentsOf: [1, 2])
            try await b.send("x")
            let winners = try await select(
                upTo: 9, [receive(from: a), receive(from: b)], ordered: true)
            #expect(winners.map(\.index) == [0, 0, 1])
            #expect(winners.compactMap { $0.element(as: Int.self) } == [1, 2])
            #expect(winners.last?.element(as: String.self) == "x")
            let none = try await select(upTo: 9, [receive(from: a)], timeout: .zero)
            #expect(none.isEmpty)
            try await a.close()
            let closed = try await select(upTo: 9, [receive(from: a)])
            #expect(closed.count == 1 && closed[0].isClosed)
            let error = await #expect(throws: ChandError.self) {
                _ = try await select(upTo: 2, [send("y", to: b)])
            }
            #expect(error?.code == .invalidArgument)
            #expect(try await b.status().settled == 1)
        }
    }

    @Test(arguments: [false, true])
    func sendsThatNobodyAwaitsAreFlushed(onTheLoop: Bool) async throws {
        try await withDaemon { _, client in
            let work = try await client.channel("work", capacity: 4, of: Int.self)
            let body: @Sendable @concurrent () async throws -> Void = {
                for number in 0..<1000 { try await work.sendLater(number) }
                try await work.flush()
            }
            let sender =
                onTheLoop
                ? Task(executorPreference: client.executor) { try await body() } : Task { try await body() }
            for number in 0..<1000 { #expect(try await work.receive() == number) }
            try await sender.value
            #expect(try await work.status().accepted == 1000)
        }
    }

    @Test func flushThrowsTheFirstFailureOnce() async throws {
        try await withDaemon { _, client in
            let work = try await client.channel("work", capacity: 1, of: Int.self)
            try await work.sendLater(1)
            try await work.sendLater(2)
            try await wait(for: work, "a send that waits") { $0.waitingSends == 1 }
            try await work.close()
            await #expect(throws: ChannelClosed.self) { try await work.flush() }
            try await work.flush()
            try await work.sendLater(3)
            await #expect(throws: ChannelClosed.self) { try await work.flush() }
            #expect(try await work.receive() == 1)
        }
    }

    @Test func sendsThatNobodyAwaitsWaitWhenTooManyAreUnderWay() async throws {
        try await withDaemon { _, client in
            let work = try await client.channel("work", capacity: 1, of: Int.self)
            let sender = Task { for number in 0..<300 { try await work.sendLater(number) } }
            try await wait(for: work, "256 sends under way") {
                $0.waitingSends == 255 || $0.waitingSends == 256
            }
            sender.cancel()
            await #expect(throws: CancellationError.self) { try await sender.value }
            try await work.close()
            await #expect(throws: ChannelClosed.self) { try await work.flush() }
        }
    }

    /// The daemon may keep what nobody waits for: who begins to wait asks for it (rule 24).
    @Test(
        .timeLimit(.minutes(15)), arguments: [[300, 300, 300], [100, 200, 1, 100], [10, 10], []],
        [false, true])
    func bigSendsThatNobodyAwaitsGoOn(kibibytes: [Int], onTheLoop: Bool) async throws {
        try await withDaemon { _, client in
            let work = try await client.channel("work", capacity: -1, of: MessageBytes.self)
            let sending: @Sendable () async throws -> Void = {
                for size in kibibytes {
                    try await work.sendLater(MessageBytes([UInt8](repeating: 1, count: size << 10)))
                }
                try await work.flush()
            }
            // On the client's thread each is written before the next one begins, elsewhere perhaps after.
            if onTheLoop { try await client.run { try await sending() } } else { try await sending() }
            #expect(try await work.status().accepted == UInt64(kibibytes.count))
        }
    }

    /// Says with every element on which thread it was decoded.
    private struct WitnessCodec: ChanCodec {
        func encode(_ element: ThreadToken, into message: inout MessageWriter) {}
        func decode(_ message: MessageBytes) -> ThreadToken { .current }
    }

    /// What an iteration does for a consumer it does where that runs, on an actor say, also through an existential: elements are
    /// decoded there, and nobody changes threads for them.
    @Test func whatIsIteratedIsTakenWhereItsConsumerRuns() async throws {
        try await withDaemon { _, client in
            let threads = try await client.channel("threads", capacity: 8, codec: WitnessCodec())
            for _ in 0..<8 { try await threads.send(.current) }
            try await threads.close()
            try await Self.iterate(threads.readingAhead(4))
        }
    }

    /// The main actor has a thread of its own.
    @MainActor private static func iterate(_ sequence: any AsyncSequence<ThreadToken, any Error>) async throws
    {
        let mine = ThreadToken.current
        var taken = 0
        for try await thread in sequence {
            #expect(thread == mine && ThreadToken.current == mine)
            taken += 1
        }
        #expect(taken == 8)
    }
}
