// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Glibc
import Testing

@testable import Channels

/// The blocking client with a daemon that does what honest ones do seldom.
@Suite struct BlockingFaultTests {
    private typealias Opened = OnThread<(ChandClient.Blocking, BlockingChan<String>)>

    private func opened(gracePeriod: Duration = .seconds(5)) async throws -> (ScriptedDaemon, Opened) {
        let daemon = try ScriptedDaemon()
        let path = daemon.path
        async let client = Opened {
            let client = try ChandClient.Blocking(to: path, name: "test", gracePeriod: gracePeriod)
            return (client, try client.channel("c", of: String.self))
        }
        try await daemon.accept()
        try await daemon.step { peer in
            let request = try peer.expect(.open).header.request
            try peer.write(ScriptedDaemon.opened(handle: 3).encoded(request: request))
        }
        return (daemon, try await client)
    }

    private func code<Result>(_ body: () throws -> Result) -> ChandError.Code? {
        #expect(throws: ChandError.self) { _ = try body() }?.code
    }

    @Test func settlementsComeBeforeTheNextRequest() async throws {
        let (daemon, client) = try await opened()
        async let received = client.run { [try $0.1.receive(), try $0.1.receive()] }
        try await daemon.step { peer in
            try peer.deliver([97], to: peer.expect(.receive).header.request, first: 1)
            let ranges = try peer.expectRanges(.settle)
            guard ranges == [DeliveryRange(handle: 3, first: 1, count: 1)] else {
                throw LiveFailure("\(ranges)")
            }
            try peer.deliver([98], to: peer.expect(.receive).header.request, first: 2)
        }
        #expect(try await received == ["a", "b"])
        async let settled: Void = client.run { $0.0.close() }
        try await daemon.step { peer in
            _ = try peer.expectRanges(.settle)
            _ = try peer.expect(.leave)
            try peer.write(Goodbye(.done, "").encoded())
        }
        try await settled
    }

    @Test func withoutAnAnswerTheOutcomeIsUnknownAndWhatComesLaterGoesBack() async throws {
        let (daemon, client) = try await opened(gracePeriod: .milliseconds(100))
        async let failed = client.run { client in
            self.code { try client.1.receive(timeout: .milliseconds(20)) }
        }
        let request = try await daemon.step { peer in
            let request = try peer.expect(.receive).header.request
            guard try peer.expect(.cancel).header.request == request else {
                throw LiveFailure("cancels another")
            }
            return request
        }
        #expect(try await failed == .outcomeUnknown)
        async let pinged: Duration = client.run { try $0.0.ping() }
        try await daemon.step { peer in
            try peer.deliver([1], [2], to: request, first: 9)
            try peer.write(WireWriter(.pong, request: peer.expect(.ping).header.request).finish())
        }
        _ = try await pinged
        async let settled: Void = client.run { try $0.0.settle() }
        let ranges = try await daemon.step { try $0.expectRanges(.giveBack, seen: false) }
        #expect(ranges == [DeliveryRange(handle: 3, first: 9, count: 2)])
        try await settled
    }

    @Test func whatTheDaemonWithdrawsForLackOfTimeIsATimeout() async throws {
        let (daemon, client) = try await opened()
        async let failed = client.run { client in
            self.code { try client.1.send("x", timeout: .milliseconds(20)) }
        }
        try await daemon.step { peer in
            let request = try peer.expect(.send).header.request
            _ = try peer.expect(.cancel)
            try peer.refuse(request, .cancelled)
        }
        #expect(try await failed == .timeout)
    }

    @Test func aDaemonThatDoesNotReadDoesNotKeepASendForLongerThanItsTime() async throws {
        let (daemon, client) = try await opened(gracePeriod: .milliseconds(100))
        let texts = [String](repeating: String(repeating: "x", count: 60_000), count: 15)
        let failed = try await client.run { client in
            self.code { try client.1.send(contentsOf: texts, timeout: .milliseconds(20)) }
        }
        #expect(failed == .outcomeUnknown)
        daemon.hangUp()
        #expect(try await client.run { client in self.code { try client.0.ping() } } == .connectionLost)
    }

    @Test func theDaemonsReasonAndNonsenseEndTheConnection() async throws {
        let (daemon, client) = try await opened()
        async let failed = client.run { client in
            #expect(throws: ChandError.self) { try client.1.receive() }
        }
        try await daemon.step { peer in
            _ = try peer.expect(.receive)
            try peer.write(Goodbye(.shuttingDown, "back in a minute").encoded())
        }
        let error = try await failed
        #expect(error?.code == .connectionLost && error?.description.contains("back in a minute") == true)

        let (other, second) = try await opened()
        async let broken = second.run { client in self.code { try client.1.receive() } }
        try await other.step { peer in try peer.commit(peer.expect(.receive).header.request + 5) }
        #expect(try await broken == .protocolViolation)
        #expect(try await second.run { client in self.code { try client.1.send("x") } } == .protocolViolation)
    }

    @Test(arguments: [SystemCall.read, .poll, .send]) func interruptionsEndNothing(_ call: SystemCall)
        async throws
    {
        let (daemon, client) = try await opened()
        async let received = client.run { client in
            try SystemFaults.fail(call, times: 3, errno: EINTR) {
                try client.1.receive(timeout: call == .poll ? .seconds(60) : nil)
            }
        }
        try await daemon.step { peer in
            try peer.deliver([97], to: peer.expect(.receive).header.request, first: 1)
        }
        #expect(try await received == "a")
    }

    @Test func whatACodecRefuses() async throws {
        let (daemon, client) = try await opened()
        async let failed = client.run { client in self.code { try client.1.receive() } }
        try await daemon.step { peer in
            try peer.deliver([0xFF], to: peer.expect(.receive).header.request, first: 1)
        }
        #expect(try await failed == .decoding)
        async let settled: Void = client.run { try $0.0.settle() }
        #expect(
            try await daemon.step { try $0.expectRanges(.giveBack, seen: true) }
                == [DeliveryRange(handle: 3, first: 1, count: 1)])
        try await settled
    }

    @Test func aCodecThatUsesItsOwnClientIsTold() async throws {
        let (daemon, client) = try await opened()
        let failed = try await client.run { client in
            let nested = NestedCodec(client: client.0)
            let channel = BlockingChan(
                client.0,
                RemoteChannel(
                    loop: client.0.loop, opened: ScriptedDaemon.opened(handle: 3), role: .both,
                    codec: ElementCodec(nested)))
            return #expect(throws: ChandError.self) { try channel.send(1) }
        }
        #expect(failed?.code == .encoding && failed?.underlying?.contains("codec") == true)
        daemon.hangUp()
    }

    @Test func aLeaseThatACodecCannotEndIsStillThere() async throws {
        let (daemon, client) = try await opened()
        async let ended = client.run { client in
            let lease = try client.1.lease()
            let channel = BlockingChan(
                client.0,
                RemoteChannel(
                    loop: client.0.loop, opened: ScriptedDaemon.opened(handle: 3), role: .both,
                    codec: ElementCodec(LeaseEndingCodec(lease: lease))))
            let failed = #expect(throws: ChandError.self) { try channel.send(1) }
            try lease.done()
            withExtendedLifetime(channel) {}
            return failed
        }
        try await daemon.step { peer in
            try peer.deliver([97], to: peer.expect(.receive).header.request, first: 1)
            try peer.write(SimpleFrame.done(request: peer.expect(.lease).header.request))
        }
        #expect(try await ended?.code == .encoding)
        daemon.hangUp()
    }

    @Test func connectingFailsAsForTasks() async throws {
        let absent = try await onThread {
            self.code { try ChandClient.Blocking(to: "/nonexistent/chand.sock") }
        }
        #expect(absent == .daemonNotRunning)
        let daemon = try ScriptedDaemon()
        let path = daemon.path
        let silent = try await onThread {
            self.code { try ChandClient.Blocking(to: path, timeout: .milliseconds(50)) }
        }
        #expect(silent == .timeout)
        let refusing = try ScriptedDaemon()
        let other = refusing.path
        async let refused = onThread { self.code { try ChandClient.Blocking(to: other) } }
        try await refusing.accept(greets: false)
        try await refusing.step { try $0.write(Goodbye(.refused, "no").encoded()) }
        #expect(try await refused == .notPermitted)
    }

    @Test func aForkedChildIsToldAndLeavesTheConnectionAlone() async throws {
        let (daemon, client) = try await opened()
        let status = try await client.run { client -> Int32 in
            let child = try forkProcess()
            if child == 0 {
                let failure = self.failure { try client.1.send("x") }
                client.0.close()
                _exit(failure == .forked ? 0 : 1)
            }
            var status: Int32 = -1
            #expect(waitpid(child, &status, 0) == child)
            return status
        }
        #expect(status == 0)
        async let pinged: Duration = client.run { try $0.0.ping() }
        try await daemon.step { peer in
            try peer.write(WireWriter(.pong, request: peer.expect(.ping).header.request).finish())
        }
        _ = try await pinged
    }

    /// Without the test library, which a forked child had better not use.
    private func failure(_ body: () throws -> Void) -> ChandError.Code? {
        do { try body() } catch let error as ChandError { return error.code } catch {}
        return nil
    }
}

/// Unchecked: used on one thread.
private struct LeaseEndingCodec: ChanCodec, @unchecked Sendable {
    let lease: BlockingLease<String>
    func encode(_ element: Int, into message: inout MessageWriter) throws { try lease.done() }
    func decode(_ message: MessageBytes) throws -> Int { 0 }
}

/// Unchecked: used on one thread.
private struct NestedCodec: ChanCodec, @unchecked Sendable {
    let client: ChandClient.Blocking
    func encode(_ element: Int, into message: inout MessageWriter) throws { try client.ping() }
    func decode(_ message: MessageBytes) throws -> Int { 0 }
}
