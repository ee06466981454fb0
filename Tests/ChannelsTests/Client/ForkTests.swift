// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Glibc
import Testing

@testable import Channels

/// A forked child may not use what belongs to its parent (rule X4): it is told, and does not hang.
@Suite struct ForkTests {
    /// Runs something in a forked child, which ends with the number that it returns; how the child ended, as from `waitpid`.
    private func inChild(_ body: () -> Int32) throws -> Int32 {
        let child = try forkProcess()
        if child == 0 {
            alarm(60)
            _exit(body())
        }
        var status: Int32 = -1
        #expect(waitpid(child, &status, 0) == child)
        return status
    }

    @Test func theChildIsToldAndDoesNotHang() async throws {
        let (_, client, channel) = try await ScriptedDaemon.opened()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 16)
        defer { memory.deallocate() }
        let operation = SingleReceive(try #require(channel.backend.remote), into: memory, timeout: -1)
        let status = try inChild {
            // No task can run here, so this is what the library does before it suspends one.
            client.loop.begin(operation)
            operation.cancel()
            client.loop.abandonHandle(3, session: 1)
            return client.loop.isHere ? 1 : 0
        }
        #expect(status == 0)
        #expect(client.loop.isHere)
    }

    /// A task that forks on the client's own thread, which goes on in the child; in a process of its own, where no other thread has
    /// a lock of the runtime's meanwhile.
    @Test func aTaskOnTheClientsThreadMayFork() async throws {
        try await withDaemon { daemon, _ in
            let socket = daemon.socketPath
            let status = try await onThread { () throws -> ChanSystem.ExitStatus? in
                let agent = try ChildProcess.spawn(
                    try BuiltProgram.path("chand-test-agent"), arguments: ["fork", socket], group: 0)
                defer { try? agent.kill(.kill) }
                return try agent.wait(timeoutMilliseconds: Patience.milliseconds)
            }
            #expect(status == .exited(0))
        }
    }

    /// The number of the first use that is not refused as it should be, from 1; 0 for none.
    ///
    /// No thread runs tasks in a child, so nothing may suspend either.
    private func firstAdmitted(_ uses: [@Sendable () async throws -> Void]) -> Int32 {
        // Not `enumerated()`: what the runtime makes of it, once, another thread may be at, whom a child waits for in vain.
        for index in uses.indices {
            nonisolated(unsafe) var isRefused = false
            Task.immediate {
                do { try await uses[index]() } catch let error as ChandError {
                    isRefused = error.code == .forked
                } catch {}
            }
            if !isRefused { return Int32(index + 1) }
        }
        return 0
    }

    @Test func channelsSelectsAndSources() async throws {
        let (_, client, far) = try await ScriptedDaemon.opened()
        let near = Chan<Int>(size: 4)
        try await near.send(contentsOf: [1, 2, 3])
        let lease = try await near.lease()
        let hangUps = try signals(SIGWINCH)
        let task = go { try await hangUps.receive() }
        let blocked = await runBlocking { 1 }
        let set = SelectSet<Int>()
        let uses: [@Sendable () async throws -> Void] = [
            {
                let error = await #expect(throws: ChandError.self) { try await near.send(2) }
                #expect(error?.channel == near.name)
                throw try #require(error)
            },
            { _ = try await near.receive() },
            { _ = try await near.receive(upTo: 3) },
            { _ = try await near.tryReceive() },
            { for try await _ in near {} },
            { _ = try await near.status() },
            { try await near.wait(until: .empty) },
            { try await near.close() },
            { try await near.stop() },
            { try await lease.done() },
            { try await Chan<Int>(size: 1).send(1) },
            { _ = try await after(.zero).receive() },
            { _ = try await tick(every: .seconds(1)).receive() },
            { _ = try await far.receive() },
            { try await far.send("x") },
            { _ = try await far.status() },
            { _ = try await client.ping() },
            { _ = try await select([receive(from: near)]) },
            { _ = try await select([receive(from: near), receive(from: far)]) },
            { _ = try await select([timeout(.seconds(1))]) },
            { _ = try await trySelect([signal(SIGHUP)]) },
            { _ = try await trySelect([finished(task)]) },
            { _ = try await trySelect([readable(0)]) },
            { _ = try await trySelect([exited(1)]) },
            { _ = try signals(SIGHUP) },
            {
                set.receive(1, from: near)
                _ = try await set.select()
            },
            { _ = try await go { 1 }.value },
            {
                // It has a thread here as well: this one.
                if await runBlocking({ 2 }) == 2 { throw ChandError.forked }
            },
        ]
        #expect(try inChild { firstAdmitted(uses) } == 0)
        #expect(
            try inChild {
                do { return try go { Int32(1) }.result() } catch { return 0 }
            } == 0)
        // All is as it was.
        try await lease.done()
        #expect(try await near.receive(upTo: 4) == [2, 3])
        #expect(blocked == 1)
        kill(getpid(), SIGWINCH)
        #expect(try await task.value == SIGWINCH)
    }

    /// In a child nobody takes a signal from a channel: it does what it would have done.
    @Test func aSignalInTheChild() async throws {
        let channel = try signals(SIGUSR2)
        let status = try inChild {
            // Threads that run tasks leave signals to others, of which there are none here.
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_UNBLOCK, &all, nil)
            kill(getpid(), SIGUSR2)
            return 0
        }
        #expect(status == SIGUSR2)
        kill(getpid(), SIGUSR2)
        #expect(try await channel.receive() == SIGUSR2)
    }
}
