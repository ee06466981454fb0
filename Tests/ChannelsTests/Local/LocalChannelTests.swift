// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@testable import Channels

/// Channels inside the process, beyond what the conformance bodies check of every backend.
@Suite struct LocalChannelTests {
    /// Neither encodable nor of a daemon's types.
    final class Thing: Sendable {
        let gone: Chan<Int>
        init(_ gone: Chan<Int>) { self.gone = gone }
        deinit {
            // Runs where the last reference goes, so it must be allowed to use channels.
            guard case .near(let local) = gone.backend else { return }
            local.offer(1)
        }
    }

    @Test func elementsNeedOnlyBeSendable() async throws {
        let gone = Chan<Int>(size: -1)
        let things = Chan<Thing>(size: 2)
        try await things.send(Thing(gone))
        try await things.send(Thing(gone))
        var thing: Thing? = try await things.receive()
        #expect(thing != nil)
        #expect(try await gone.length == 0)
        thing = nil
        #expect(try await gone.length == 1)
    }

    @Test func whatIsLeftGoesWithTheLastValue() async throws {
        let gone = Chan<Int>(size: -1)
        var things: Chan<Thing>? = Chan<Thing>(size: 2)
        try await things?.send(Thing(gone))
        var copy = things
        things = nil
        #expect(try await gone.length == 0)
        #expect(copy != nil)
        copy = nil
        #expect(try await gone.length == 1)
    }

    @Test func channelsGoThroughChannels() async throws {
        let outer = Chan<Chan<Int>>(size: 1)
        try await outer.send(Chan<Int>(size: 1))
        // The last value of the inner channel is dropped with the outer one's lock free.
        #expect(try await outer.trySend(Chan<Int>()) == false)
        let inner = try await outer.receive()
        try await inner.send(3)
        #expect(try await inner.receive() == 3)
        try await outer.send(inner)
    }

    @Test func statusAndNames() async throws {
        let channel = Chan<String>(size: 3)
        try await channel.send("a")
        #expect(try await channel.length == 1)
        #expect(try await channel.capacity == .buffered(3))
        #expect(try await channel.sendReady())
        #expect(try await channel.receiveReady())
        #expect(try await Chan<Int>().capacity == .rendezvous)
        #expect(try await Chan<Int>(size: -1).capacity == .unbounded)
        #expect(channel != Chan<String>(size: 3))
        let copy = channel
        #expect(channel == copy)
        #expect(channel.name.hasPrefix("/local/"))
    }

    @Test func closingTellsTheReason() async throws {
        let channel = Chan<Int>(size: 1)
        try await channel.send(1)
        #expect(try await channel.close(reason: CloseReason(code: 7, "enough")))
        #expect(try await channel.close() == false)
        #expect(try await channel.receive() == 1)
        let closed = ChannelClosed(channel: channel.name, reason: CloseReason(code: 7, "enough"))
        await #expect(throws: closed) { try await channel.receive() }
        await #expect(throws: closed) { try await channel.send(2) }
    }

    @Test func aReleasedChannelFails() async throws {
        let channel = Chan<Int>(size: 1)
        let waiting = Task { try await channel.receive() }
        try await wait(for: channel, "a receiver") { $0.waitingReceives == 1 }
        await channel.release()
        await #expect { try await waiting.value } throws: { ($0 as? ChandError)?.code == .handleClosed }
        await #expect { try await channel.send(1) } throws: { ($0 as? ChandError)?.code == .handleClosed }
        await #expect { try await select([receive(from: channel)]) } throws: {
            ($0 as? ChandError)?.code == .handleClosed
        }
    }

    @Test func timeoutsEndAndNothingIsLost() async throws {
        let channel = Chan<Int>()
        await #expect { try await channel.receive(timeout: .milliseconds(5)) } throws: {
            ($0 as? ChandError)?.code == .timeout
        }
        await #expect { try await channel.send(1, timeout: .milliseconds(5)) } throws: {
            ($0 as? ChandError)?.code == .timeout
        }
        // A later deadline does not delay an earlier one.
        async let late = channel.receive(timeout: .seconds(300))
        try await wait(for: channel, "a receiver") { $0.waitingReceives == 1 }
        let other = Chan<Int>()
        await #expect(throws: ChandError.self) { try await other.receive(timeout: .milliseconds(5)) }
        try await channel.send(2)
        #expect(try await late == 2)
    }

    @Test func leasesComeBack() async throws {
        let channel = Chan<String>(size: 2)
        try await channel.send("a")
        let first = try await channel.lease()
        #expect(first.element == "a")
        try await first.giveBack()
        await #expect { try await first.done() } throws: { ($0 as? ChandError)?.code == .leaseExpired }
        var second: Lease<String>? = try await channel.lease()
        #expect(second?.attempts == 1)
        #expect(second?.isRedelivered == true)
        second = nil
        let third = try await channel.lease(LeaseTerms(time: .milliseconds(5)))
        let fourth = try await channel.lease()
        await #expect { try await third.done() } throws: { ($0 as? ChandError)?.code == .leaseExpired }
        try fourth.doneLater()
        #expect(throws: ChandError.self) { try fourth.doneLater() }
        #expect(try await channel.tryReceive() == nil)
        #expect(try await channel.status().unsettled == 0)
    }

    @Test func confirmedSendsWait() async throws {
        let channel = Chan<Int>(size: 1)
        async let settled: Void = channel.send(1, confirm: .settlement)
        let lease = try await channel.lease()
        async let received: Void = channel.send(2, confirm: .receipt)
        try await lease.done()
        try await settled
        let second = try await channel.lease()
        try await received
        try await second.done()
        await #expect { try await channel.send(3, confirm: .receipt, timeout: .milliseconds(5)) } throws: {
            ($0 as? ChandError)?.code == .notConfirmed
        }
        #expect(try await channel.receive() == 3)
    }

    @Test func severalConsumersShareAndAllEnd() async throws {
        let channel = Chan<Int>()
        let sums = try await withThrowingTaskGroup(of: [Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var mine: [Int] = []
                    for try await number in channel { mine.append(number) }
                    return mine
                }
            }
            for number in 0..<1000 { try await channel.send(number) }
            try await channel.close()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(sums.sorted() == Array(0..<1000))
    }

    @Test func batchesAndReadAhead() async throws {
        let channel = Chan<Int>(size: 4)
        async let sent = channel.send(contentsOf: 0..<100)
        var all: [Int] = []
        for try await number in channel.readingAhead(8) {
            all.append(number)
            if all.count == 50 { break }
        }
        while all.count < 100 { all += try await channel.receive(upTo: 7) }
        #expect(all == Array(0..<100))
        #expect(try await sent == 100)
        #expect(try await channel.trySend(contentsOf: 0..<10) == 4)
    }

    @Test func viewsRestrictTheDirection() async throws {
        let channel = Chan<Int>(size: 1)
        let (sender, receiver) = (channel.sender, channel.receiver)
        try await sender.send(1)
        #expect(try await receiver.recv() == 1)
        let winner = try await select {
            send(2, to: sender) { "sent" }
            receive(from: receiver) { "received \($0)" }
        }
        #expect(winner == "sent")
        try await sender.close()
        var rest: [Int] = []
        for try await number in receiver { rest.append(number) }
        #expect(rest == [2])
    }

    @Test func selectOverTypes() async throws {
        let (texts, numbers) = (Chan<String>(size: 1), Chan<Int>(size: 1))
        func once() async throws -> String {
            try await select {
                receive(from: texts) { "text \($0)" }
                receive(from: numbers) { "number \($0)" }
                timeout(.milliseconds(5)) { "late" }
            }
        }
        #expect(try await once() == "late")
        try await texts.send("a")
        #expect(try await once() == "text a")
        try await numbers.send(1)
        #expect(try await once() == "number 1")
        try await texts.close()
        await #expect(throws: ChannelClosed.self) { try await once() }
    }
}
