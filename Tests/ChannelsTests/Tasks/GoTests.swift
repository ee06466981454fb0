// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Testing

/// Starting tasks, and functions that block.
@Suite struct GoTests {
    private struct Mine: Error {}

    @Test func theResultComesOnBothWays() async throws {
        let channel = Chan<Int>()
        let received = go { try await channel.receive() }
        go { try await channel.send(4) }
        let blocking = try await onThread { try received.result() }
        #expect(blocking == 4)
        #expect(try await received.value == 4)
        let failing = go { throw Mine() }
        await #expect(throws: Mine.self) { try await failing.value }
        let waiting = go { try await channel.receive() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func insideRunItStaysOnTheClientsThread() async throws {
        let (_, client) = try await ScriptedDaemon.connected()
        let loop = await client.run { ThreadToken.current }
        let inside = try await client.run {
            let plain = await Task { await inner() }.value
            return (try await go { ThreadToken.current }.value, plain)
        }
        #expect(inside.0 == loop)
        #expect(inside.1 == loop)
        #expect(try await go { ThreadToken.current }.value != loop)
    }

    private func inner() async -> ThreadToken? { try? await go { ThreadToken.current }.value }

    @Test func whatBlocksHoldsUpNobody() async throws {
        // More than there are processors, each waiting for the last one: only threads of their own let them end.
        let count = 16
        let arrived = ConditionLock(0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    await runBlocking {
                        arrived.withLock { $0 += 1 }
                        arrived.broadcast()
                        _ = arrived.wait { $0 == count ? () : nil }
                    }
                }
            }
        }
        #expect(arrived.withLock { $0 } == count)
        await #expect(throws: Mine.self) { try await runBlocking { () throws(Mine) in throw Mine() } }
    }
}
