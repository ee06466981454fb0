// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@testable import Channels

/// The time of leases inside the process, where most inputs don't tell it (rule 19).
@Suite struct LocalLeaseTests {
    private static let hour: UInt64 = 3_600_000_000_000

    /// A channel whose broker was never told the time.
    private static func untimed() throws -> (channel: Chan<Int>, space: LocalSpace) {
        let space = LocalSpace()
        let local = try LocalChannel(ElementStore<Int>(space), capacity: 1)
        return (Chan(.near(local)), space)
    }

    /// Checks that what is due next in a space is so an hour from now, or from some instant after `start`.
    private static func expectAnHour(from start: UInt64, in space: LocalSpace) {
        let due = space.lock.withLock { $0.alarmTime }
        #expect(due >= start + hour && due <= MonotonicClock.now() + hour)
    }

    @Test func itRunsFromTheCommit() async throws {
        let (channel, space) = try Self.untimed()
        try await channel.send(1)
        let start = MonotonicClock.now()
        let lease = try await channel.lease(LeaseTerms(time: .seconds(3600)))
        Self.expectAnHour(from: start, in: space)
        try await lease.done()
    }

    @Test func itRunsFromTheCommitHoweverLongTheReceiveWaited() async throws {
        let (channel, space) = try Self.untimed()
        let leasing = Task { try await channel.lease(LeaseTerms(time: .seconds(3600))) }
        try await wait(for: channel, "a receiver") { $0.waitingReceives == 1 }
        let start = MonotonicClock.now()
        try await channel.send(1)
        Self.expectAnHour(from: start, in: space)
        try await leasing.value.done()
    }
}
