// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Testing

/// A message that does not decode goes back, is set aside or a dead letter, by choice, and never vanishes.
@Suite struct UndecodableTests {
    /// A way to receive.
    struct Way: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let receive: @Sendable (Chan<Int>) async throws -> Int
    }

    static let ways = [
        Way(testDescription: "receive") { try await $0.receive() },
        Way(testDescription: "try") { try await $0.tryReceive() ?? -1 },
        Way(testDescription: "up to") { try await $0.receive(upTo: 2).first ?? -1 },
        Way(testDescription: "select") { channel in try await select { receive(from: channel) { $0 } } },
        Way(testDescription: "several selects") { channel in
            let winner = try await select(upTo: 1, [receive(from: channel)]).first
            if let error = winner?.error { throw error }
            return winner?.element() ?? -1
        },
        Way(testDescription: "select with a near channel") { channel in
            try await select {
                receive(from: channel) { $0 }
                receive(from: never(of: Int.self)) { $0 }
            }
        },
        Way(testDescription: "set") { channel in
            let set = SelectSet<Int>()
            set.receive(1, from: channel)
            let ended = try await set.select()
            if case .failed(let error) = ended?.outcome { throw error }
            return ended?.element() ?? -1
        },
        Way(testDescription: "iteration") { try await first(of: $0) },
        Way(testDescription: "batches") { try await first(of: $0.batches(of: 2))[0] },
        Way(testDescription: "read-ahead") { try await first(of: $0.readingAhead(2)) },
        Way(testDescription: "lease") { channel in
            let lease = try await channel.lease()
            try await lease.done()
            return lease.element
        },
        Way(testDescription: "leases ahead") { channel in
            let lease = try await first(of: channel.leases(readAhead: 2))
            try await lease.done()
            return lease.element
        },
    ]

    private static func first<S: AsyncSequence>(of sequence: S) async throws -> S.Element {
        for try await element in sequence { return element }
        throw LiveFailure("nothing came")
    }

    @Test(arguments: ways, [UndecodableMessages.giveBack, .setAside, .deadLetter("dead")])
    func itIsWhereItWasSaidToGo(way: Way, choice: UndecodableMessages) async throws {
        try await withDaemon { _, client in
            let texts = try await client.channel("c", capacity: 8, of: String.self)
            let numbers = try await client.channel(
                "c", of: Int.self, options: ChannelOptions(undecodable: choice))
            try await texts.send("abc")
            try await numbers.send(7)
            let error = await #expect(throws: ChandError.self) { try await way.receive(numbers) }
            #expect(error?.code == .decoding)
            #expect(error?.channel == numbers.name)
            switch choice {
            case .giveBack:
                let again = try await texts.receiveMessage()
                #expect(again.element == "abc" && again.isRedelivered)
                #expect(try await way.receive(numbers) == 7)
            case .setAside:
                #expect(try await way.receive(numbers) == 7)
                #expect(try await texts.status().setAside == 1)
                #expect(try await texts.restore() == 1)
                let again = try await texts.receiveMessage()
                #expect(again.element == "abc" && again.isRedelivered)
            case .deadLetter(let name):
                #expect(try await way.receive(numbers) == 7)
                let dead = try await client.channel(
                    name, of: String.self, options: ChannelOptions(mustExist: true))
                #expect(try await dead.tryReceive() == "abc")
            }
            let status = try await texts.status()
            #expect(status.length == 0 && status.unsettled == 0 && status.setAside == 0)
        }
    }

    @Test func aDeadLetterChannelHasAName() async throws {
        try await withDaemon { _, client in
            let error = await #expect(throws: ChandError.self) {
                try await client.channel(
                    "c", of: Int.self, options: ChannelOptions(undecodable: .deadLetter("")))
            }
            #expect(error?.code == .invalidName)
        }
    }
}
