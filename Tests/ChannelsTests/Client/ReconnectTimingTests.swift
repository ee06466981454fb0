// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels
import Testing

/// Reconnecting to a daemon that goes at odd moments, or does not want the client.
@Suite struct ReconnectTimingTests {
    private static let rejoining = ChannelOptions(mustExist: true, rejoin: true)

    private func code(_ body: @Sendable () async throws -> Void) async -> ChandError.Code? {
        await #expect(throws: ChandError.self) { try await body() }?.code
    }

    private func opened() async throws -> (ScriptedDaemon, ChandClient, Chan<String>) {
        try await ScriptedDaemon.opened(
            reconnect: .automatic(waiting: .seconds(60)), options: Self.rejoining)
    }

    /// Waits for the next state that is of interest.
    private func next<Value>(
        of states: inout ConnectionStates.AsyncIterator, _ select: (ConnectionState) -> Value?
    ) async throws -> Value {
        while let state = await states.next() {
            if let value = select(state) { return value }
        }
        throw LiveFailure("the states end")
    }

    private func reconnection(_ state: ConnectionState) -> Reconnection? {
        if case .reconnected(let reconnection) = state { reconnection } else { nil }
    }

    private func closing(_ state: ConnectionState) -> ChandError? {
        if case .closed(let error) = state { error } else { nil }
    }

    /// Answers the OPEN that comes first in a new session.
    private func reopen(_ daemon: ScriptedDaemon, as handle: UInt32) async throws {
        try await daemon.step { peer in
            let frame = try peer.expect(.open)
            let request = try frame.body.withUnsafeBytes { body throws(WireFault) in
                try OpenRequest(frame.header, reading: body)
            }
            guard !request.mustExist, !request.mustCreate, request.name == "c" else {
                throw LiveFailure("opens again with \(request)")
            }
            var opened = ScriptedDaemon.opened(handle: handle)
            opened.generation = 9
            try peer.write(opened.encoded(request: frame.header.request))
        }
    }

    @Test func lostInTheHandshakeAndInRejoining() async throws {
        let (daemon, client, channel) = try await opened()
        var states = client.states.makeAsyncIterator()
        daemon.hangUp()
        // Begun before the client knows, it would be lost with the session.
        _ = try await next(of: &states) { state in
            if case .disconnected = state { true } else { nil }
        }
        async let sent: Void = channel.send("x")
        // Before WELCOME, behind it, and before the answer to OPEN.
        try await daemon.accept(greets: false)
        daemon.hangUp()
        try await daemon.accept()
        daemon.hangUp()
        try await daemon.accept()
        try await daemon.step { _ = try $0.expect(.open) }
        daemon.hangUp()
        try await daemon.accept(instance: 8)
        try await reopen(daemon, as: 5)
        let handle = try await daemon.step { peer in
            let frame = try peer.expect(.send)
            try peer.commit(frame.header.request)
            return frame.body.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        }
        #expect(handle == 5)
        try await sent
        #expect(channel.generation == 9)
        let found = try await next(of: &states, reconnection)
        #expect(found.channels.count == 1)
        _ = client
    }

    /// Answers the next OPEN, whatever it asks for.
    private func open(_ daemon: ScriptedDaemon, as handle: UInt32) async throws {
        try await daemon.step { peer in
            let request = try peer.expect(.open).header.request
            try peer.write(ScriptedDaemon.opened(handle: handle).encoded(request: request))
        }
    }

    /// Gives up receiving, and answers that.
    private func stop(_ channel: Chan<String>, _ daemon: ScriptedDaemon) async throws {
        async let stopped: Void = channel.stop()
        try await daemon.step { peer in
            try peer.write(SimpleFrame.done(request: peer.expect(.stop).header.request))
        }
        try await stopped
    }

    @Test func aReleaseThatIsHeldForTooLongClosesTheHandle() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened(
            reconnect: .automatic(waiting: .milliseconds(50)), options: Self.rejoining)
        async let opening = client.channel("d", of: String.self, options: ChannelOptions(rejoin: true))
        try await open(daemon, as: 4)
        let other = try await opening
        daemon.hangUp()
        try await daemon.accept()
        try await reopen(daemon, as: 5)
        // The other one is not opened again, so everything else is held.
        while channel.generation != 9 { await Task.yield() }
        await channel.release()
        let handle = try await daemon.step { peer in
            _ = try peer.expect(.open)
            let close = try peer.expect(.closeHandle)
            return close.body.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        }
        #expect(handle == 5)
        withExtendedLifetime((client, other)) {}
    }

    @Test func whatWasStoppedReceivesInNoLaterSession() async throws {
        let (daemon, client, channel) = try await opened()
        try await stop(channel, daemon)
        for handle: UInt32 in [5, 6] {
            daemon.hangUp()
            try await daemon.accept()
            let role = try await daemon.step { peer in
                let frame = try peer.expect(.open)
                try peer.write(ScriptedDaemon.opened(handle: handle).encoded(request: frame.header.request))
                return try frame.body.withUnsafeBytes { body throws(WireFault) in
                    try OpenRequest(frame.header, reading: body).role
                }
            }
            #expect(role == .send)
        }
        withExtendedLifetime((client, channel)) {}
    }

    @Test func aReceiverThatWasStoppedIsNotOpenedAgain() async throws {
        let (daemon, client) = try await ScriptedDaemon.connected(
            reconnect: .automatic(waiting: .seconds(60)))
        async let opening = client.channel(
            "c", of: String.self, role: .receive, options: ChannelOptions(rejoin: true))
        try await open(daemon, as: 3)
        let channel = try await opening
        try await stop(channel, daemon)
        var states = client.states.makeAsyncIterator()
        daemon.hangUp()
        _ = try await next(of: &states) { state in
            if case .disconnected = state { true } else { nil }
        }
        #expect(await code { _ = try await channel.receive() } == .handleClosed)
        async let ping = client.ping()
        try await daemon.accept()
        try await daemon.step { peer in
            let request = try peer.expect(.ping).header.request
            try peer.write(WireWriter(.pong, request: request).finish())
        }
        _ = try await ping
        #expect(try await next(of: &states, reconnection).channels.isEmpty)
        #expect(await code { _ = try await channel.receive() } == .handleClosed)
    }

    /// It was encoded in the call, and is too large for the session that it is begun in.
    @Test func whatIsSentLaterAndTooLargeByThenFailsTheFlush() async throws {
        let (daemon, client, channel) = try await opened()
        var states = client.states.makeAsyncIterator()
        daemon.hangUp()
        _ = try await next(of: &states) { state in
            if case .disconnected = state { true } else { nil }
        }
        try await channel.sendLater(String(repeating: "x", count: 60_000))
        try await daemon.accept(greets: false)
        try await daemon.step { peer in
            var welcome = ScriptedDaemon.welcome
            welcome.maxBodyBytes = 1 << 15
            welcome.maxMessageBytes = 1 << 14
            try peer.write(welcome.encoded())
        }
        try await reopen(daemon, as: 5)
        #expect(await code { try await channel.flush() } == .messageTooLarge)
        try await channel.flush()
        withExtendedLifetime(client) {}
    }

    @Test func theSameDaemonIsKnownAgain() async throws {
        let (daemon, client, _) = try await ScriptedDaemon.opened(
            reconnect: .automatic(waiting: .seconds(60)))
        var states = client.states.makeAsyncIterator()
        daemon.hangUp()
        try await daemon.accept()
        let found = try await next(of: &states, reconnection)
        #expect(found.isSameDaemon)
        #expect(found.channels.isEmpty)
    }

    @Test(arguments: [GoodbyeCode.malformed, .refused, .done, .slowReceiver])
    func whoIsSentAwayStaysAway(_ reason: GoodbyeCode) async throws {
        let (daemon, client, channel) = try await opened()
        var states = client.states.makeAsyncIterator()
        try await daemon.step { try $0.write(Goodbye(reason, "go").encoded()) }
        let error = try await next(of: &states, closing)
        #expect(await code { try await channel.send("x") } == error.code)
        #expect(await states.next() == nil)
    }

    @Test(arguments: [GoodbyeCode.version, .refused, .tooManySessions])
    func whoIsRefusedLaterStaysAway(_ reason: GoodbyeCode) async throws {
        let (daemon, client, channel) = try await opened()
        var states = client.states.makeAsyncIterator()
        try await daemon.step { try $0.write(Goodbye(.shuttingDown, "later").encoded()) }
        async let sent = code { try await channel.send("x") }
        try await daemon.accept(greets: false)
        try await daemon.step { try $0.write(Goodbye(reason, "go").encoded()) }
        let error = try await next(of: &states, closing)
        #expect(error.description.contains("go"))
        let failure = await sent
        #expect(failure == error.code || failure == .connectionLost)
    }

    @Test func aDaemonThatBreaksTheProtocolIsNotAskedAgain() async throws {
        let (daemon, client, _) = try await opened()
        var states = client.states.makeAsyncIterator()
        try await daemon.step { try $0.commit(4711) }
        #expect(try await next(of: &states, closing).code == .protocolViolation)
    }

    @Test func whatCannotBeOpenedAgainIsGone() async throws {
        let (daemon, client, channel) = try await opened()
        var states = client.states.makeAsyncIterator()
        daemon.hangUp()
        try await daemon.accept()
        try await daemon.step { peer in
            try peer.refuse(peer.expect(.open).header.request, .mismatch, text: "the capacity is 4")
        }
        let found = try await next(of: &states, reconnection).channels
        #expect(found.first?.generation == nil)
        #expect(found.first?.error?.code == .channelGone)
        let error = await #expect(throws: ChandError.self) { try await channel.send("x") }
        #expect(error?.code == .channelGone)
        #expect(error?.description.contains("the capacity is 4") == true)
        // And it is not asked for another time.
        daemon.hangUp()
        try await daemon.accept()
        #expect(try await next(of: &states, reconnection).channels.isEmpty)
    }

    @Test func aBatchIsNotContinued() async throws {
        let (daemon, client, channel) = try await opened()
        let text = String(repeating: "x", count: 60_000)
        async let failure = #expect(throws: ChandError.self) {
            try await channel.send(contentsOf: [text, text, text, text, text, text])
        }
        try await daemon.step { peer in
            let first = try peer.expect(.send)
            let count = first.body.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }
            try peer.commit(first.header.request, count: 1)
            guard count < 6 else { throw LiveFailure("all in one frame") }
            _ = try peer.expect(.send)
        }
        daemon.hangUp()
        try await daemon.accept()
        try await reopen(daemon, as: 3)
        let error = await failure
        #expect(error?.code == .connectionLost)
        #expect((error?.accepted ?? 0) > 0)
        _ = client
    }

    @Test func severalLookAtTheStates() async throws {
        let (daemon, client, _) = try await ScriptedDaemon.opened(
            reconnect: .automatic(waiting: .seconds(60)))
        let states = client.states
        async let first = collect(states)
        async let second = collect(states)
        let cancelled = Task { await collect(states) }
        cancelled.cancel()
        _ = await cancelled.value
        daemon.hangUp()
        try await daemon.accept()
        for await state in states {
            if case .reconnected = state { break }
        }
        await client.close()
        for names in await [first, second] {
            #expect(names.last == "closed")
            #expect(Array(names.suffix(2)) == ["reconnected", "closed"])
        }
    }

    private func collect(_ states: ConnectionStates) async -> [String] {
        var names: [String] = []
        for await state in states {
            switch state {
            case .connected: names.append("connected")
            case .disconnected: names.append("disconnected")
            case .reconnected: names.append("reconnected")
            case .closed: names.append("closed")
            }
        }
        return names
    }
}
