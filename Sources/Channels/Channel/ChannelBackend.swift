// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// What carries the messages of a channel value.
///
/// Sending and receiving are in two steps, since only the calling task can suspend: the backend makes an
/// operation, and the task parks itself with it. Timeouts are nanoseconds as on the wire: 0 is a try, below 0
/// is for ever.
protocol ChannelBackend<Element>: AnyObject, Sendable {
    associatedtype Element: Sendable

    /// The channel's absolute name.
    var name: String { get }
    /// What the value may do.
    var role: ChannelRole { get }
    /// Which life of the name this is.
    var generation: UInt64 { get }
    /// Whether opening it created it.
    var wasCreated: Bool { get }
    /// What is equal for two values of the same life of the same channel.
    var identity: ChannelIdentity { get }
    /// The channel of a daemon, if it is one.
    var remote: RemoteChannel<Element>? { get }

    /// Makes an operation that sends; its outcome is the number of messages committed.
    func sending(timeout: Int64, acceptedBefore: Int, confirm: SendConfirmation) -> SendOperation
    /// Begins to send one element, for a task that is parked.
    func begin(_ operation: SendOperation, sending element: Element)
    /// Begins to send the first elements of a collection, as many as are good at a time; says where it stopped.
    func begin<Elements: Collection<Element>>(
        _ operation: SendOperation, sending elements: Elements
    ) -> Elements.Index
    /// Makes an operation that receives one element into memory for it; its outcome is 0 or 1.
    func receiving(into target: UnsafeMutableRawPointer, timeout: Int64) -> SingleReceive
    /// Makes an operation that receives what is there, up to a count; its outcome is how many.
    func receiving(upTo count: Int, timeout: Int64) -> BatchReceive<Element>
    /// Makes an operation that receives one element under a lease; its outcome is 0 or 1.
    func leasing(_ terms: WireLease, timeout: Int64) -> LeaseReceive<Element>
    /// Receives ahead of an iterator.
    func readAhead(_ count: Int) -> ReadAhead<Element>

    /// Closes the channel; true if this call did.
    func close(_ reason: CloseReason) async throws -> Bool
    /// Gives up receiving.
    func stop() async throws
    /// Gives up the channel.
    func release() async
    /// The channel's state.
    func status() async throws -> ChannelStatus
}

/// Which life of which channel of which daemon.
struct ChannelIdentity: Hashable, Sendable {
    /// The daemon's own number, new at each start.
    let instance: UInt64
    /// The absolute name.
    let name: String
    /// Which life of the name.
    let generation: UInt64
}
