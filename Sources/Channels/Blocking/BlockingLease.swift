// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Synchronization

/// An element that is the caller's until it says what became of it: what ``Lease`` is for tasks.
///
/// One that goes away without a word goes back to its channel, marked as redelivered, with the client's next request.
public struct BlockingLease<Element: Sendable> {
    private let client: ChandClient.Blocking
    private let handle: RemoteHandle
    private let lease: Lease<Element>

    init(_ client: ChandClient.Blocking, _ handle: RemoteHandle, _ lease: Lease<Element>) {
        self.client = client
        self.handle = handle
        self.lease = lease
    }

    /// What was received.
    public var element: Element { lease.element }
    /// How often the message was delivered before.
    public var attempts: Int { lease.attempts }
    /// Whether some caller may have seen it before (rule 18).
    public var isRedelivered: Bool { lease.isRedelivered }

    /// Says that the work is done; see ``Lease/done()``.
    public func done() throws {
        try finish(.done)
        lease.offer?.settle()
    }

    /// Says that the work is done, with the client's next request; see ``Lease/doneLater()``.
    public func doneLater() throws { try lease.doneLater() }

    /// Gives the message back to its channel, for another attempt; see ``Lease/giveBack()``.
    public func giveBack() throws {
        lease.offer?.withdraw()
        try finish(.giveBack)
    }

    /// Lets the lease last for `time` from now, or until it is finished where `time` is nil.
    public func extend(by time: Duration?) throws {
        guard !lease.isFinished.load(ordering: .acquiring) else { throw lease.isOver }
        try change(.extend, WireTime.leaseNanoseconds(time))
    }

    private func finish(_ action: LeaseRequest.Action) throws {
        guard !lease.isFinished.exchange(true, ordering: .acquiringAndReleasing) else { throw lease.isOver }
        do {
            try change(action, 0)
        } catch {
            lease.offer?.withdraw()
            throw error
        }
    }

    private func change(_ action: LeaseRequest.Action, _ nanoseconds: UInt64) throws {
        try client.answer(
            to: handle.changing(
                action, lease: lease.delivery, session: lease.session, nanoseconds: nanoseconds))
    }
}
