// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Glibc
import Testing

@testable import Channels

/// A task that forks on the client's own thread: in the child that thread goes on (rule X4).
@Suite(.timeLimit(.minutes(3))) struct ForkOnLoopTests {
    /// How a child ended, as from `waitpid`; blocks the thread, so that nothing else happens there meanwhile.
    private static func ending(of child: pid_t) -> Int32 {
        var status: Int32 = -1
        return waitpid(child, &status, 0) == child ? status : -1
    }

    private static func code(_ body: @Sendable () async throws -> Void) async -> ChandError.Code? {
        do { try await body() } catch let error as ChandError { return error.code } catch {}
        return nil
    }

    @Test func theChildIsToldAndTheParentGoesOn() async throws {
        let (daemon, client) = try await ScriptedDaemon.connected()
        let status = try await client.run { () async throws -> Int32 in
            // What the runtime looks up once is looked up before, while no other thread can be at it for ever.
            _ = await Self.code { throw ChandError(.unknown, "") }
            let child = try forkProcess()
            guard child == 0 else { return Self.ending(of: child) }
            alarm(60)
            for _ in 0..<3 {
                guard await Self.code({ try await client.ping() }) == .forked else { _exit(1) }
                await Task.yield()
            }
            _exit(0)
        }
        #expect(status == 0)
        // The child has written nothing, and what comes is still noticed.
        async let pinged = client.ping()
        try await daemon.step { peer in
            try peer.write(WireWriter(.pong, request: peer.expect(.ping).header.request).finish())
        }
        _ = try await pinged
    }

    @Test func theChildReadsNothing() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        async let outcome: (Int32, String) = client.run { () async throws -> (Int32, String) in
            _ = await Self.code { throw ChandError(.unknown, "") }
            async let received = channel.receive()
            for _ in 0..<4 { await Task.yield() }
            // Still in the same turn, so that the answer is there before the loop looks.
            client.loop.core.connection.flush()
            let descriptor = client.loop.core.connection.descriptor
            guard try !Transfer.wait(descriptor, for: .read, until: Patience.deadline()).isEmpty else {
                throw LiveFailure("no answer comes")
            }
            let child = try forkProcess()
            if child == 0 {
                alarm(60)
                for _ in 0..<3 { await Task.yield() }
                do {
                    _ = try await received
                    _exit(1)
                } catch let error as ChandError {
                    _exit(error.code == .forked ? 0 : 2)
                } catch {
                    _exit(3)
                }
            }
            let status = Self.ending(of: child)
            return (status, try await received)
        }
        try await daemon.step { peer in
            try peer.deliver(Array("a".utf8), to: peer.expect(.receive).header.request, first: 1)
        }
        let (status, element) = try await outcome
        #expect(status == 0)
        #expect(element == "a")
    }

    @Test func whatWaitedForItsTurnRunsInTheParentOnly() async throws {
        let (_, client) = try await ScriptedDaemon.connected()
        let ran = Lock(0)
        let status = try await client.run { () async throws -> Int32 in
            let forking = Task(executorPreference: client.executor) { () async throws -> Int32 in
                let child = try forkProcess()
                guard child == 0 else { return Self.ending(of: child) }
                alarm(60)
                for _ in 0..<3 { await Task.yield() }
                _exit(ran.withLock { $0 } == 0 ? 0 : 1)
            }
            let sibling = Task(executorPreference: client.executor) { ran.withLock { $0 += 1 } }
            await sibling.value
            return try await forking.value
        }
        #expect(status == 0)
        #expect(ran.withLock { $0 } == 1)
    }
}
