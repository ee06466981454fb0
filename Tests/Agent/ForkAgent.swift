// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Glibc

/// Forks on the client's own thread: the child is told that the client is its parent's, and the parent goes on (rule X4).
enum ForkAgent {
    static func run(socket: String) async throws {
        let client = try await ChandClient.connect(to: socket, name: "fork")
        let status = try await client.run { () async throws -> Int32 in
            // What the child does was done before: what the runtime makes at the first time takes its locks.
            guard await code({ try await client.ping() }) == nil,
                await code({ throw ChandError(.unknown, "") }) == .unknown
            else { throw LiveFailure("the daemon does not answer") }
            // What waits at the fork goes on in the parent only.
            let channel = try await client.channel("fork", of: Int.self)
            let parent = getpid()
            let receiver = go { () async -> Int? in
                let received = try? await channel.receive()
                if getpid() != parent { _exit(2) }
                return received
            }
            while try await channel.status().waitingReceives == 0 { await Task.yield() }
            // Two are in hand, of which the parent takes the second.
            let queue = try await client.channel("ahead", capacity: 4, of: Int.self)
            try await queue.send(contentsOf: [1, 2])
            var ahead = queue.readingAhead(4).makeAsyncIterator()
            guard try await ahead.next() == 1 else { throw LiveFailure("the first message did not come") }
            let child = try forkProcess()
            guard child == 0 else {
                let status = try ending(of: child)
                guard try await ahead.next() == 2 else {
                    throw LiveFailure("the second message did not come")
                }
                try await channel.send(7)
                return try await receiver.value == 7 ? status : -1
            }
            for _ in 0..<3 {
                guard await code({ try await client.ping() }) == .forked else { _exit(1) }
                await Task.yield()
            }
            guard await code({ _ = try await ahead.next() }) == .forked,
                await code({ try await channel.sendLater(9) }) == .forked,
                await code({ try await channel.flush() }) == .forked
            else { _exit(3) }
            _exit(0)
        }
        guard status == 0 else { throw LiveFailure("the child ended with \(status)") }
        // The child has written and read nothing, and what comes is still noticed.
        try await client.ping()
        await client.close()
    }

    private static func code(_ body: () async throws -> Void) async -> ChandError.Code? {
        do { try await body() } catch let error as ChandError { return error.code } catch {}
        return nil
    }

    private static func ending(of child: pid_t) throws -> Int32 {
        var status: Int32 = -1
        guard waitpid(child, &status, 0) == child else { throw LiveFailure("the child is not there") }
        return status
    }
}
