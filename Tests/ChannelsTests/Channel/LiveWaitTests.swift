// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Testing

/// Waiting for a channel's state through the library and the built daemon.
@Suite struct LiveWaitTests {
    @Test func closedComesWithItsReason() async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 2, of: Int.self)
            let reason = CloseReason(code: 7, "enough")
            async let told = jobs.waitUntilClosed()
            async let named = client.wait(for: "jobs", until: .drained)
            try await jobs.wait(until: .empty)
            try await jobs.send(1)
            try await jobs.wait(until: .queued(1))
            try await jobs.close(reason: reason)
            #expect(try await told == reason)
            #expect(try await jobs.receive() == 1)
            #expect(try await named == reason)
            await #expect(throws: ChannelClosed.self) { try await jobs.wait(until: .queued(1)) }
        }
    }

    @Test func itEndsWithTimeHandleAndTask() async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", of: Int.self)
            let timeout = await #expect(throws: ChandError.self) {
                try await jobs.wait(until: .receivers(1), timeout: .milliseconds(1))
            }
            #expect(timeout?.code == .timeout)
            let task = Task { try await jobs.wait(until: .senders(1)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let other = try await client.channel("jobs", of: Int.self, role: .send)
            try await jobs.wait(until: .senders(1))
            await other.release()
            let error = await #expect(throws: ChandError.self) { try await other.wait(until: .closed) }
            #expect(error?.code == .handleClosed)
        }
    }
}
