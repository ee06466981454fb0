// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

@testable import ChanCore
@testable import Channels

/// The time of a select that leads another: its far half is withdrawn, and its near half waits for the other's.
@Suite struct MixedSelectTimeTests {
    @Test("10 who leads has what is left of its time, which loses the tie against a far case")
    func whoLeads() async throws {
        let (daemon, _, far) = try await ScriptedDaemon.opened(gracePeriod: Patience.duration)
        let near = Chan<Int>()
        // Long enough for all that comes before it is over.
        let limit = Patience.milliseconds / 6
        let elder = Task {
            try await select(
                [receive(from: near), receive(from: far)], timeout: .milliseconds(limit), ordered: true)
        }
        let (first, begun) = try await daemon.step { peer in
            try (peer.expect(.select).header.request, MonotonicClock.now())
        }
        let younger = Task { try await select([send(1, to: near), receive(from: far)], ordered: true).index }
        let (second, withdrawn) = try await daemon.step { peer in
            guard try peer.expect(.cancel).header.request == first else {
                throw LiveFailure("the elder does not make way")
            }
            let second = try peer.expect(.select).header.request
            let withdrawn = MonotonicClock.now()
            try peer.refuse(first, .cancelled)
            return (second, withdrawn)
        }
        // As long as the answer does not come, the elder leads.
        try await daemon.step { peer in
            guard try peer.expect(.cancel).header.request == second else {
                throw LiveFailure("the younger does not follow")
            }
        }
        let given = try #require(timeGiven(on: near.near))
        #expect(given + (withdrawn - begun) <= 1_000_000 * limit)
        try await daemon.step { peer in
            let frame = try peer.expect(.select)
            let timeout = try frame.body.withUnsafeBytes {
                try SelectRequest(frame.header, reading: $0).timeout
            }
            guard timeout == WireTimeout.none else { throw LiveFailure("the elder waits for \(timeout) ns") }
            try peer.deliver(Array("late".utf8), to: frame.header.request, first: 1, caseIndex: 1)
        }
        let winner = try await elder.value
        #expect(winner?.index == 1)
        #expect(winner?.element() == "late")
        younger.cancel()
        try await daemon.step { try $0.refuse(second, .cancelled) }
        await #expect(throws: CancellationError.self) { try await younger.value }
    }

    /// For how long the first who waits to receive was parked, in nanoseconds.
    private func timeGiven(on channel: LocalChannel<Int>) -> UInt64? {
        let space = channel.space
        return space.lock.withLock { state -> UInt64? in
            guard let handle = state.broker.openHandle(space.session, channel.number) else { return nil }
            let waiter = state.broker.channels[state.broker.handles[handle].channel].activity.receivers.head
            guard waiter != none else { return nil }
            let operation = state.broker.operations[state.broker.waiters[waiter].operation]
            return operation.deadline - operation.since
        }
    }
}
