// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Testing

/// Leases whose end was cancelled before the daemon was asked for it (rules 19 and 22).
@Suite struct UnaskedLeaseTests {
    /// Ends a lease in a task that is cancelled before.
    private func endInVain<Element>(_ lease: Lease<Element>, givingBack: Bool) async {
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            if givingBack { try await lease.giveBack() } else { try await lease.done() }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test(arguments: [false, true]) func canBeEndedAgain(givingBack: Bool) async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(1)
            let lease = try await jobs.lease()
            await endInVain(lease, givingBack: givingBack)
            #expect(try await jobs.status().leased == 1)
            if givingBack { try await lease.giveBack() } else { try await lease.done() }
            let status = try await jobs.status()
            #expect(status.leased == 0 && status.length == (givingBack ? 1 : 0))
            let error = await #expect(throws: ChandError.self) { try await lease.done() }
            #expect(error?.code == .leaseExpired)
        }
    }

    @Test(arguments: [false, true]) func goesBackWithItsLastValue(givingBack: Bool) async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(1)
            do {
                let lease = try await jobs.lease()
                await endInVain(lease, givingBack: givingBack)
            }
            let again = try await jobs.lease(timeout: .seconds(30))
            #expect(again.element == 1 && again.isRedelivered)
            try await again.done()
        }
    }

    @Test(arguments: [false, true]) func keepsItsChannels(givingBack: Bool) async throws {
        try await withDaemon { _, client in
            let lines = try await client.channel("lines", capacity: 4, of: Chan<Int>.self)
            let numbers = try await client.unnamed(capacity: 2, of: Int.self)
            try await lines.send(numbers)
            let lease = try await lines.lease()
            await endInVain(lease, givingBack: givingBack)
            try await lease.done()
            try await lease.element.send(1)
            #expect(try await numbers.receive() == 1)
        }
    }
}
