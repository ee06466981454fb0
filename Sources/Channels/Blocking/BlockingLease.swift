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
        try finish(.giveBack)
        lease.offer?.withdraw()
    }

    /// Lets the lease last for `time` from now, or until it is finished where `time` is nil.
    public func extend(by time: Duration?) throws {
        guard !lease.isFinished.load(ordering: .acquiring) else { throw lease.isOver }
        try client.answer(to: changing(.extend, WireTime.leaseNanoseconds(time)))
    }

    private func finish(_ action: LeaseRequest.Action) throws {
        guard !lease.isFinished.exchange(true, ordering: .acquiringAndReleasing) else { throw lease.isOver }
        let request = changing(action, 0)
        do {
            try client.answer(to: request)
        } catch {
            if request.ending == nil {
                // The client was busy and has not begun it: it can be finished again, and goes back if it is not.
                lease.isFinished.store(false, ordering: .releasing)
            } else {
                lease.offer?.withdraw()
            }
            throw error
        }
    }

    private func changing(_ action: LeaseRequest.Action, _ nanoseconds: UInt64) -> RequestOperation<Void> {
        handle.changing(action, lease: lease.delivery, session: lease.session, nanoseconds: nanoseconds)
    }
}
