// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Channels
import Testing

/// The end of a connection, whoever brings it about.
@Suite struct LossTests {
    private func code(_ body: @Sendable () async throws -> Void) async -> ChandError.Code? {
        await #expect(throws: ChandError.self) { try await body() }?.code
    }

    @Test func whatWasUnderWayFailsAndWhatComesLaterFailsAtOnce() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        async let sent = code { try await channel.send("x") }
        async let received = code { _ = try await channel.receive() }
        try await daemon.step { peer in
            let types = try [peer.frame().type, peer.frame().type]
            guard Set(types) == [.send, .receive] else { throw LiveFailure("\(types)") }
        }
        daemon.hangUp()
        #expect(await sent == .connectionLost)
        #expect(await received == .connectionLost)
        #expect(await code { try await channel.send("x") } == .connectionLost)
        #expect(await code { try await client.ping() } == .connectionLost)
        await client.close()
    }

    @Test func theDaemonsReasonIsToldToEverybody() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        async let failure = #expect(throws: ChandError.self) { _ = try await channel.receive() }
        try await daemon.step { peer in
            _ = try peer.expect(.receive)
            try peer.write(Goodbye(.shuttingDown, "back in a minute").encoded())
        }
        let error = await failure
        #expect(error?.code == .connectionLost)
        #expect(error?.description.contains("back in a minute") == true)
        #expect(await code { try await client.ping() } == .connectionLost)
    }

    @Test(arguments: [4711, 0, UInt64.max]) func nonsenseEndsTheConnection(request: UInt64) async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        async let received = code { _ = try await channel.receive() }
        try await daemon.step { peer in
            _ = try peer.expect(.receive)
            try peer.commit(request)
        }
        #expect(await received == .protocolViolation)
        #expect(await code { try await client.ping() } == .protocolViolation)
    }

    @Test func anAnswerOfTheWrongKindEndsTheConnection() async throws {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        async let received = code { _ = try await channel.receive() }
        try await daemon.step { peer in try peer.commit(peer.expect(.receive).header.request) }
        #expect(await received == .protocolViolation)
    }

    @Test func unknownOptionalFramesAreSkipped() async throws {
        let (daemon, client) = try await ScriptedDaemon.connected()
        async let ping = client.ping()
        try await daemon.step { peer in
            let request = try peer.expect(.ping).header.request
            var frame = WireWriter(.pong, flags: FrameHeader.optionalFlag, request: request).finish()
            frame[4] = 0xF3
            try peer.write(frame)
            try peer.write(WireWriter(.pong, request: request).finish())
        }
        _ = try await ping
    }

    @Test func closingWithdrawsWhatWaitsAndGivesBackWhatComes() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened(gracePeriod: Patience.duration)
        async let received = code { _ = try await channel.receive() }
        async let sent = code { try await channel.send("x") }
        let (receive, send) = try await daemon.step { peer in
            var ids: [FrameType: UInt64] = [:]
            for frame in try [peer.frame(), peer.frame()] { ids[frame.type ?? .ping] = frame.header.request }
            return (ids[.receive] ?? 0, ids[.send] ?? 0)
        }
        async let closed: Void = client.close()
        #expect(await received == .clientClosed)
        #expect(await sent == .clientClosed)
        let ranges = try await daemon.step { peer in
            guard
                try Set([peer.expect(.cancel), peer.expect(.cancel)].map(\.header.request)) == [
                    receive, send,
                ]
            else { throw LiveFailure("withdraws something else") }
            try peer.deliver([1], to: receive, first: 5)
            try peer.commit(send)
            let ranges = try peer.expectRanges(.giveBack, seen: false)
            _ = try peer.expect(.leave)
            try peer.write(Goodbye(.done, "").encoded())
            return ranges
        }
        #expect(ranges == [DeliveryRange(handle: 3, first: 5, count: 1)])
        await closed
        #expect(await code { try await channel.send("x") } == .clientClosed)
        #expect(await code { try await client.ping() } == .clientClosed)
        await client.close()
    }

    @Test func aClientThatIsDroppedLeaves() async throws {
        let daemon = try ScriptedDaemon()
        async let accepted: Void = daemon.accept()
        do { _ = try await ChandClient.connect(to: daemon.path, timeout: Patience.duration) }
        try await accepted
        try await daemon.step { peer in
            _ = try peer.expect(.leave)
            guard try peer.next() == nil else { throw LiveFailure("something follows LEAVE") }
        }
    }

    @Test func aChannelKeepsTheConnection() async throws {
        var (daemon, client, channel): (ScriptedDaemon, ChandClient?, Chan<String>?) =
            try await ScriptedDaemon.opened()
        _ = consume client
        client = nil
        let kept = try #require(channel)
        async let sent: Void = kept.send("still there")
        try await daemon.step { peer in try peer.commit(peer.expect(.send).header.request) }
        try await sent
        channel = nil
    }

    @Test func aHandleThatNobodyHoldsIsClosed() async throws {
        let (daemon, client) = try await ScriptedDaemon.connected()
        do {
            async let channel = client.channel("c", of: String.self)
            try await daemon.step { peer in
                let open = try peer.expect(.open)
                try peer.write(ScriptedDaemon.opened(handle: 3).encoded(request: open.header.request))
            }
            _ = try await channel
        }
        try await daemon.step { _ = try $0.expect(.closeHandle) }
        _ = client
    }

    @Test func releasedChannelsAreOfNoUse() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        async let released: Void = channel.release()
        try await daemon.step { peer in
            try peer.write(SimpleFrame.done(request: peer.expect(.closeHandle).header.request))
        }
        await released
        await channel.release()
        #expect(await code { try await channel.send("x") } == .handleClosed)
        #expect(await code { _ = try await channel.receive() } == .handleClosed)
        #expect(await code { _ = try await channel.status() } == .handleClosed)
        #expect(await code { _ = try await select([receive(from: channel)]) } == .handleClosed)
        _ = client
    }

    /// What was taken when nothing can be settled any more holds neither the client nor its thread.
    @Test func whatWasTakenInTheEndHoldsNothing() async throws {
        weak var loop: AnyObject?
        do {
            let (daemon, client, channel) = try await ScriptedDaemon.opened()
            loop = client.executor as AnyObject
            async let received = client.run {
                var incoming = channel.readingAhead(4).makeAsyncIterator()
                return try await incoming.next()
            }
            try await daemon.step { peer in
                // In one piece, so that the connection is over before the consumer's turn.
                var writer = WireWriter(.received, request: try peer.expect(.receive).header.request)
                writer.integer(UInt32(3))
                writer.integer(UInt32(1))
                writer.integer(UInt64(1))
                writer.integer(UInt32(1))
                writer.integer(UInt32(0))
                writer.raw("x".utf8)
                try peer.write(writer.finish() + Goodbye(.shuttingDown, "").encoded())
            }
            #expect(try await received == "x")
        }
        for _ in 0..<3000 where loop != nil { try await Task.sleep(for: .milliseconds(2)) }
        #expect(loop == nil)
    }
}
