// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Channels
import Testing

/// Cancelling a task and running out of time, at every moment of an operation (rules 10, 22, X10).
@Suite struct CancellationTests {
    @Test func beforeTheCallNothingIsWritten() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await channel.send("never")
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        async let ping = client.ping()
        try await daemon.step { peer in
            let next = try peer.expect(.ping)
            try peer.write(WireWriter(.pong, request: next.header.request).finish())
        }
        _ = try await ping
    }

    @Test(arguments: [false, true]) func whileItWaitsItIsWithdrawn(onTheLoop: Bool) async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, onTheLoop) { try await channel.receive() }
        let request = try await daemon.step { try $0.expect(.receive).header.request }
        task.cancel()
        try await daemon.step { peer in
            let cancel = try peer.expect(.cancel)
            guard cancel.header.request == request else { throw LiveFailure("withdraws \(cancel)") }
            try peer.refuse(request, .cancelled)
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test(arguments: [false, true]) func aCommittedResultIsReturned(onTheLoop: Bool) async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, onTheLoop) { try await channel.receive() }
        let request = try await daemon.step { try $0.expect(.receive).header.request }
        task.cancel()
        try await daemon.step { peer in
            _ = try peer.expect(.cancel)
            try peer.deliver(Array("kept".utf8), to: request, first: 1)
            let settled = try peer.expectRanges(.settle)
            guard settled == [DeliveryRange(handle: 3, first: 1, count: 1)] else {
                throw LiveFailure("settled \(settled)")
            }
        }
        #expect(try await task.value == "kept")
    }

    @Test func aCommittedSendSucceeds() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, true) { try await channel.send("x") }
        let request = try await daemon.step { try $0.expect(.send).header.request }
        task.cancel()
        try await daemon.step { peer in
            _ = try peer.expect(.cancel)
            try peer.commit(request)
        }
        try await task.value
    }

    @Test func afterTheOutcomeNothingIsWritten() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, true) {
            let text = try await channel.receive()
            while !Task.isCancelled { await Task.yield() }
            return text
        }
        try await daemon.step { peer in
            try peer.deliver([0x61], to: peer.expect(.receive).header.request, first: 1)
            _ = try peer.expect(.settle)
        }
        task.cancel()
        #expect(try await task.value == "a")
        async let ping = client.ping()
        try await daemon.step { peer in
            let next = try peer.expect(.ping)
            try peer.write(WireWriter(.pong, request: next.header.request).finish())
        }
        _ = try await ping
    }

    @Test func withoutAnAnswerTheOutcomeIsUnknownAndWhatComesLaterGoesBack() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened(gracePeriod: .milliseconds(200))
        let task = start(on: client, true) { try await channel.receive(timeout: .milliseconds(30)) }
        let request = try await daemon.step { peer in
            let receive = try peer.expect(.receive)
            let cancel = try peer.expect(.cancel)
            guard cancel.header.request == receive.header.request else { throw LiveFailure("\(cancel)") }
            return receive.header.request
        }
        let error = await #expect(throws: ChandError.self) { try await task.value }
        #expect(error?.code == .outcomeUnknown)
        #expect(error?.channel == "/uid/1000/c")
        let ranges = try await daemon.step { peer in
            try peer.deliver([1], [2], to: request, first: 9)
            return try peer.expectRanges(.giveBack, seen: false)
        }
        #expect(ranges == [DeliveryRange(handle: 3, first: 9, count: 2)])
    }

    @Test func theDaemonsTimeoutIsTheDecision() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, true) { try await channel.send("x", timeout: .milliseconds(40)) }
        try await daemon.step { peer in
            let frame = try peer.expect(.send)
            let timeout = try frame.body.withUnsafeBytes { try SendRequest(reading: $0).timeout }
            guard timeout == 40_000_000 else { throw LiveFailure("timeout \(timeout)") }
            try peer.refuse(frame.header.request, .timeout)
        }
        let error = await #expect(throws: ChandError.self) { try await task.value }
        #expect(error?.code == .timeout)
    }

    @Test func aDaemonWhoseTimerIsSlowerThanOursIsNoCancellation() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, true) {
            try await select([receive(from: channel)], timeout: .milliseconds(20))?.index
        }
        try await daemon.step { peer in
            let request = try peer.expect(.select).header.request
            _ = try peer.expect(.cancel)
            try peer.refuse(request, .cancelled)
        }
        #expect(try await task.value == nil)
    }

    @Test func aBatchThatWasAcceptedInPartSaysSo() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, true) { try await channel.send(contentsOf: ["a", "b", "c"]) }
        let request = try await daemon.step { try $0.expect(.send).header.request }
        task.cancel()
        try await daemon.step { peer in
            _ = try peer.expect(.cancel)
            try peer.refuse(request, .cancelled, accepted: 2)
        }
        let error = await #expect(throws: ChandError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(error?.accepted == 2)
    }

    /// A codec that cancels a task while it writes.
    private struct Spoiler: ChanCodec {
        let task: Task<String, any Error>
        func encode(_ element: Int, into message: inout MessageWriter) {
            message.append(1)
            task.cancel()
            message.append(2)
        }
        func decode(_ message: MessageBytes) -> Int { message.count }
    }

    @Test func aCodecMayCancelATask() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, true) { try await channel.receive() }
        let request = try await daemon.step { try $0.expect(.receive).header.request }
        async let opening = client.channel("d", codec: Spoiler(task: task))
        try await daemon.step { peer in
            let open = try peer.expect(.open)
            try peer.write(ScriptedDaemon.opened(handle: 4).encoded(request: open.header.request))
        }
        let other = try await opening
        async let sent: Void = client.run { try await other.send(7) }
        try await daemon.step { peer in
            let send = try peer.expect(.send)
            guard Array(send.body.suffix(6)) == [2, 0, 0, 0, 1, 2] else { throw LiveFailure("\(send.body)") }
            guard try peer.expect(.cancel).header.request == request else {
                throw LiveFailure("another CANCEL")
            }
            try peer.commit(send.header.request)
            try peer.refuse(request, .cancelled)
        }
        try await sent
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test(arguments: [false, true]) func aReleaseClosesTheHandleAllTheSame(onTheLoop: Bool) async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = start(on: client, onTheLoop) {
            withUnsafeCurrentTask { $0?.cancel() }
            await channel.release()
        }
        try await task.value
        async let ping = client.ping()
        try await daemon.step { peer in
            let close = try peer.expect(.closeHandle)
            try peer.write(SimpleFrame.done(request: close.header.request))
            let next = try peer.expect(.ping)
            try peer.write(WireWriter(.pong, request: next.header.request).finish())
        }
        _ = try await ping
    }

    @Test func connectingCanBeGivenUp() async throws {
        let daemon = try ScriptedDaemon()
        let path = daemon.path
        let task = Task { try await ChandClient.connect(to: path, timeout: Patience.duration) }
        try await daemon.accept(greets: false)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    /// Starts a task on the client's own thread, or anywhere else.
    private func start<Result: Sendable>(
        on client: ChandClient, _ onTheLoop: Bool,
        _ body: @escaping @Sendable @concurrent () async throws -> Result
    ) -> Task<Result, any Error> {
        if onTheLoop { return Task(executorPreference: client.executor) { try await body() } }
        return Task.detached { try await body() }
    }
}
