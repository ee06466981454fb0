// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Channels
import Testing

/// Operations of a set begin in the order in which they are added (rule 23).
@Suite struct SelectSetOrderTests {
    @Test("23 near sends of a set") func near() async throws {
        let count = 64
        let channel = Chan<Int>(size: count)
        let set = SelectSet<Int>()
        for number in 0..<count { set.send(number, number, to: channel) }
        #expect(try await channel.tryReceive(upTo: count) == Array(0..<count))
        var ids: [Int] = []
        while let ended = try await set.select() {
            guard case .sent = ended.outcome else { throw LiveFailure("\(ended)") }
            ids.append(ended.id)
        }
        #expect(ids == Array(0..<count))
    }

    @Test func aNearSendThatFails() async throws {
        let channel = Chan<Int>()
        let set = SelectSet<Int>()
        set.send(1, 7, to: channel)
        #expect(try await channel.status().waitingSends == 1)
        try await channel.close()
        guard case .failed(let error)? = try await set.select()?.outcome else {
            Issue.record("no failure")
            return
        }
        #expect(error is ChannelClosed)
    }

    @Test func aDroppedSetWithdrawsItsSends() async throws {
        let channel = Chan<Int>()
        var set: SelectSet<Int>? = SelectSet<Int>()
        set?.send(1, 7, to: channel)
        #expect(try await channel.status().waitingSends == 1)
        set = nil
        #expect(try await channel.status().waitingSends == 0)
    }

    @Test("23 far operations of a set", arguments: [false, true]) func far(onTheLoop: Bool) async throws {
        let count = 32
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let set = SelectSet<Int>()
        let add: @Sendable () -> Void = {
            for number in 0..<count { set.send(number, "\(number)", to: channel) }
            set.receive(count, from: channel)
            set.send(count + 1, "last", to: channel)
        }
        if onTheLoop { await client.run { add() } } else { add() }
        let texts = try await daemon.step { peer in
            var texts: [String] = []
            for _ in 0..<count { texts.append(try Self.text(peer.expect(.send), commit: peer)) }
            try peer.deliver(Array("got".utf8), to: peer.expect(.receive).header.request, first: 1)
            texts.append(try Self.text(peer.expect(.send), commit: peer))
            return texts
        }
        #expect(texts == (0..<count).map { "\($0)" } + ["last"])
        var ids: [Int] = []
        while let ended = try await set.select() {
            ids.append(ended.id)
            if ended.id == count { #expect(ended.element() == "got") }
        }
        #expect(ids == Array(0..<count + 2))
    }

    /// The text that a frame sends, which is committed.
    private static func text(_ frame: WireFrame, commit peer: WireClient) throws -> String {
        try peer.commit(frame.header.request)
        return try frame.body.withUnsafeBytes { body throws(WireFault) -> String in
            var request = try SendRequest(reading: body, flags: frame.header.flags)
            return String(decoding: try request.next(), as: UTF8.self)
        }
    }
}
