// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels
import Testing

/// The client's thread as an executor.
@Suite struct RunTests {
    @Test func theBodyAndItsChildrenRunOnOneThread() async throws {
        let (_, client) = try await ScriptedDaemon.connected()
        let threads = await client.run {
            var threads = [ThreadToken.current]
            await Task.yield()
            threads.append(.current)
            async let child = ThreadToken.current
            threads.append(await child)
            threads += await withTaskGroup(of: ThreadToken.self) { group in
                for _ in 0..<4 { group.addTask { .current } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            return threads
        }
        #expect(Set(threads).count == 1)
        #expect(threads.first != .current)
    }

    /// A closure literal on the main actor would stay there, or trap, if it inherited its isolation.
    @MainActor @Test func aBodyGivenOnTheMainActorRunsOnTheLoop() async throws {
        let (_, client) = try await ScriptedDaemon.connected()
        let main = ThreadToken.current
        let inside = await client.run { ThreadToken.current }
        #expect(inside != main)
        // Not main itself: without a run loop, the main actor's tasks go from thread to thread.
        #expect(ThreadToken.current != inside)
    }

    @Test func errorsOfTheBodyComeOutAsTheyAre() async throws {
        struct Mine: Error, Equatable {}
        let (_, client) = try await ScriptedDaemon.connected()
        await #expect(throws: Mine()) { try await client.run { throw Mine() } }
    }

    @Test func aTaskCanPreferTheLoop() async throws {
        let (_, client) = try await ScriptedDaemon.connected()
        let loop = await client.run { ThreadToken.current }
        let task = Task(executorPreference: client.executor) { ThreadToken.current }
        #expect(await task.value == loop)
    }

    @Test func tasksGoOnAfterTheClientIsClosed() async throws {
        let (daemon, client) = try await ScriptedDaemon.connected()
        async let done = client.run {
            await client.close()
            await Task.yield()
            return await withTaskGroup(of: Int.self) { group in
                for number in 0..<4 { group.addTask { number } }
                return await group.reduce(0, +)
            }
        }
        try await daemon.step { peer in
            _ = try peer.expect(.leave)
            try peer.write(Goodbye(.done, "").encoded())
        }
        #expect(await done == 6)
    }

    @Test func tasksThatNeverWaitDoNotStarveTheSocket() async throws {
        let (daemon, client) = try await ScriptedDaemon.connected()
        async let busy: Void = client.run {
            let spinner = Task(executorPreference: client.executor) {
                while !Task.isCancelled { await Task.yield() }
            }
            try await client.ping()
            spinner.cancel()
        }
        try await daemon.step { peer in
            try peer.write(WireWriter(.pong, request: peer.expect(.ping).header.request).finish())
        }
        try await busy
    }

    @MainActor @Test func handlersOfASelectRunWhereTheCallerRuns() async throws {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        async let selected: Bool = daemon.step { peer in
            let request = try peer.expect(.select).header.request
            try peer.write(SimpleFrame.selected(request: request, caseIndex: 0))
            return true
        }
        let same = try await select { send("x", to: channel) { isOnMainActor() } }
        #expect(same)
        #expect(try await selected)
    }
}

/// Traps if it is not so.
private func isOnMainActor() -> Bool { MainActor.assumeIsolated { true } }
