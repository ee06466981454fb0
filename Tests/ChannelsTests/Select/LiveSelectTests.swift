// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Testing

/// Selects through the library and the built daemon.
@Suite struct LiveSelectTests {
    @Test func listsSayWhoWon() async throws {
        try await withDaemon { _, client in
            let texts = try await client.channel("texts", capacity: 1, of: String.self)
            let numbers = try await client.channel("numbers", capacity: 1, of: Int.self)
            let cases = [receive(from: texts), send(5, to: numbers)]
            var winner = try await select(cases)
            #expect(winner.index == 1)
            guard case .sent = winner.outcome else {
                Issue.record("\(winner)")
                return
            }
            #expect(try await trySelect(cases)?.index == nil)
            #expect(try await select(cases, timeout: .milliseconds(10))?.index == nil)
            try await texts.send("hello")
            winner = try await select(cases)
            #expect(winner.index == 0)
            #expect(winner.element(as: String.self) == "hello")
            #expect(winner.element(as: Int.self) == nil)
            #expect(try await numbers.receive() == 5)
        }
    }

    @Test func handlersGetElementsAndTheirValueIsReturned() async throws {
        try await withDaemon { _, client in
            let texts = try await client.channel("texts", capacity: 1, of: String.self)
            let numbers = try await client.channel("numbers", capacity: 1, of: Int.self)
            func once(_ limit: Duration) async throws -> String {
                try await select {
                    receive(from: texts) { text in "text \(text)" }
                    receive(from: numbers) { number in "number \(number + 1)" }
                    timeout(limit) { "late" }
                }
            }
            #expect(try await once(.milliseconds(5)) == "late")
            try await texts.send("a")
            #expect(try await once(.seconds(60)) == "text a")
            try await numbers.send(1)
            #expect(try await once(.seconds(60)) == "number 2")
            let other = try await select {
                receive(from: texts) { $0 }
                otherwise { "nothing" }
            }
            #expect(other == "nothing")
        }
    }

    @Test func nilChannelsConditionsAndLoops() async throws {
        try await withDaemon { _, client in
            var channels: [Chan<Int>] = []
            for index in 0..<5 {
                channels.append(try await client.channel("c/\(index)", capacity: 1, of: Int.self))
            }
            for (index, channel) in channels.enumerated() { try await channel.send(index) }
            var taken: Set<Int> = []
            while taken.count < 4 {
                let some = channels
                let odd = taken.count % 2 == 1
                let number = try await select {
                    for channel in some.dropFirst() { receive(from: channel) { $0 } }
                    receive(from: nil as Chan<Int>?) { $0 }
                    if odd { receive(from: nil as Chan<Int>?) { _ in -1 } }
                }
                #expect(taken.insert(number).inserted)
            }
            #expect(taken == [1, 2, 3, 4])
            let winner = try await select(
                [receive(from: nil as Chan<Int>?), receive(from: channels[0])], ordered: true)
            #expect(winner.index == 1)
        }
    }

    @Test func closedIsAValueOrAHandlerOrAnError() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 1, of: Int.self)
            try await channel.close(reason: CloseReason(code: 3, "over"))
            let winner = try await select([receive(from: channel)])
            #expect(winner.isClosed)
            #expect((winner.error as? ChannelClosed)?.reason.code == 3)
            #expect(try await select([send(1, to: channel)]).isClosed)
            let text = try await select {
                receive(from: channel, { "\($0)" }, closed: { "closed: \($0.reason.text)" })
            }
            #expect(text == "closed: over")
            await #expect(throws: ChannelClosed.self) {
                try await select { receive(from: channel) { _ in } }
            }
        }
    }

    @Test func cancellingWithdrawsAllCases() async throws {
        try await withDaemon { _, client in
            let first = try await client.channel("a", capacity: 0, of: Int.self)
            let second = try await client.channel("b", capacity: 0, of: Int.self)
            let task = Task { try await select([receive(from: first), send(1, to: second)]).index }
            try await wait(for: second, "a sender") { $0.waitingSends == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { _ = try await task.value }
            #expect(try await first.status().waitingReceives == 0)
            #expect(try await second.status().waitingSends == 0)
            #expect(try await !second.receiveReady())
        }
    }

    @Test func withoutChannelsOnlyTimeAndCancellationEndIt() async throws {
        #expect(try await trySelect([SelectCase<SelectWinner>]())?.index == nil)
        let late = try await select { timeout(.milliseconds(5)) { "late" } }
        #expect(late == "late")
        let now = try await select {
            otherwise { "now" }
            timeout(.seconds(60)) { "late" }
        }
        #expect(now == "now")
        let task = Task { try await select([receive(from: nil as Chan<Int>?)]).index }
        try await Task.sleep(for: .milliseconds(20))
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }

    /// Rule 10: of several limits of time the first that is reached ends it, wherever it stands.
    @Test(arguments: [[5, 10_000], [10_000, 5], [10_000, 5, 10_000]])
    func theEarliestLimitOfTimeCounts(milliseconds: [Int]) async throws {
        let cases = milliseconds.map { time in timeout(.milliseconds(time)) { time } }
        #expect(try await select(cases) == 5)
        #expect(try await select(cases, timeout: .seconds(20)) == 5)
        #expect(try await select(cases, timeout: .milliseconds(1)) == nil)
    }

    @Test func twoClientsAreAMistake() async throws {
        try await withDaemon { daemon, client in
            let other = try await ChandClient.connect(to: daemon.socketPath)
            let here = try await client.channel("a", of: Int.self)
            let there = try await other.channel("b", of: Int.self)
            let error = await #expect(throws: ChandError.self) {
                _ = try await select([receive(from: here), receive(from: there)])
            }
            #expect(error?.code == .invalidArgument)
            let many = Array(repeating: receive(from: here), count: 1025)
            #expect(
                await #expect(throws: ChandError.self) { _ = try await select(many) }?.code
                    == .quotaExceeded)
            await other.close()
        }
    }

    @Test func selectAgainstSelect() async throws {
        try await withDaemon { daemon, client in
            let other = try await ChandClient.connect(to: daemon.socketPath)
            let names = ["x", "y", "z"]
            async let sent = client.run {
                var channels: [Chan<Int>] = []
                for name in names {
                    channels.append(try await client.channel(name, capacity: 0, of: Int.self))
                }
                var sent = 0
                for number in 0..<300 {
                    _ = try await select(channels.map { send(number, to: $0) })
                    sent += number
                }
                for channel in channels { try await channel.close() }
                return sent
            }
            let received = try await other.run {
                var open: [Chan<Int>?] = []
                for name in names { open.append(try await other.channel(name, capacity: 0, of: Int.self)) }
                var sum = 0
                while open.contains(where: { $0 != nil }) {
                    let winner = try await select(open.reversed().map { receive(from: $0) })
                    if winner.isClosed { open[open.count - 1 - winner.index] = nil }
                    sum += winner.element(as: Int.self) ?? 0
                }
                return sum
            }
            #expect(try await sent == received)
            await other.close()
        }
    }
}
