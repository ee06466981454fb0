// SPDX-License-Identifier: Apache-2.0

import Channels
import Testing

/// Waiting for the state of a channel inside the process.
@Suite struct LocalWaitTests {
    @Test func statesAreSeen() async throws {
        let jobs = Chan<Int>(size: 2)
        async let closed = jobs.waitUntilClosed()
        try await jobs.wait(until: .empty)
        async let queued: Void = jobs.wait(until: .queued(2))
        try await jobs.send(contentsOf: [1, 2])
        try await queued
        try await jobs.close(reason: CloseReason(code: 7, "enough"))
        #expect(try await closed == CloseReason(code: 7, "enough"))
        async let drained: Void = jobs.wait(until: .drained)
        #expect(try await jobs.receive(upTo: 2) == [1, 2])
        try await drained
        await #expect(throws: ChannelClosed.self) { try await jobs.wait(until: .queued(1)) }
    }

    @Test func itEndsWithTimeTaskAndHandle() async throws {
        let jobs = Chan<Int>()
        for time in [Duration.zero, .milliseconds(1)] {
            let error = await #expect(throws: ChandError.self) {
                try await jobs.wait(until: .queued(1), timeout: time)
            }
            #expect(error?.code == .timeout)
        }
        let task = Task { try await jobs.wait(until: .closed) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        await jobs.release()
        let error = await #expect(throws: ChandError.self) { try await jobs.wait(until: .closed) }
        #expect(error?.code == .handleClosed)
    }
}
