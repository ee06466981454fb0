// SPDX-License-Identifier: Apache-2.0

/// What carries the messages of a channel value.
///
/// Timeouts are nanoseconds as on the wire: 0 is a try, below 0 is for ever.
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
    /// The channel of a daemon, if it is one.
    var remote: RemoteChannel<Element>? { get }

    /// Sends one element; false where a try would have to wait.
    func send(_ element: Element, timeout: Int64) async throws -> Bool
    /// Sends elements in order and returns how many were accepted: all, unless it is a try.
    func send(contentsOf elements: some Collection<Element>, timeout: Int64) async throws -> Int
    /// Receives one element; nil where a try finds nothing.
    func receive(timeout: Int64) async throws -> Element?
    /// Receives what is there, up to a count; nothing only where a try finds nothing.
    func receive(upTo count: Int, timeout: Int64) async throws -> [Element]
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
