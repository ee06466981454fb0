// SPDX-License-Identifier: Apache-2.0

/// Somewhere that channels live: the model, the broker, in-process channels, a live daemon.
///
/// Bodies are written once against this and run on every backend. They never share a client between tasks
/// that a backend may want to put into different connections or processes: each task of a body gets its own.
public protocol ConformanceBackend: Sendable {
    /// A client as a process has one: a session with its own handles, which all go when it disconnects.
    ///
    /// Names are the backend's to keep apart: two bodies that run at once must not meet on the same name.
    /// Clients that a body leaves connected are the backend's to end.
    func connect() async throws -> any ConformanceClient
}

/// How long an operation may wait.
public enum ConformanceWait: Hashable, Sendable {
    /// Until it can proceed.
    case forever
    /// Not at all: a try, a select with default.
    case never
    /// As long as this.
    case atMost(Duration)
}

/// What a handle may do.
public enum ConformanceRole: Hashable, Sendable {
    /// Send and close.
    case send
    /// Receive.
    case receive
    /// Both.
    case both
}

/// How an operation ends without success.
public enum ConformanceFailure: Error, Equatable, Sendable {
    /// The channel is closed.
    case closed
    /// A try could not proceed.
    case wouldBlock
    /// The time ran out.
    case timeout
    /// The task was cancelled, and nothing happened.
    case cancelled
    /// The channel has no receivers and fails sends then.
    case noReceivers
    /// Anything else, in the backend's words.
    case other(String)
}

/// One case of a select; `channel` is what `open` of the same client returned.
public enum ConformanceCase: Hashable, Sendable {
    /// Receive an element.
    case receive(Int)
    /// Send this element.
    case send(UInt64, Int)
    /// A nil channel.
    case never
}

/// What a select did.
public enum ConformanceSelection: Hashable, Sendable {
    /// The case of this index received this element; nil is closed.
    case received(UInt64?, by: Int)
    /// The send case of this index is committed.
    case sent(by: Int)
    /// The send case of this index found its channel closed.
    case sendFailed(by: Int)
    /// No case could proceed and there is a default.
    case wouldBlock
    /// The time ran out.
    case timeout
}

/// What is to be seen of a channel at one instant.
public struct ConformanceState: Equatable, Sendable {
    /// Elements in the buffer.
    public var length: Int
    /// The capacity: 0 rendezvous, -1 unbounded.
    public var capacity: Int64
    /// Sends that wait, each case of a select counted.
    public var sendWaiters: Int
    /// Receives that wait, each case of a select counted.
    public var receiveWaiters: Int

    /// Makes a state.
    public init(length: Int, capacity: Int64, sendWaiters: Int, receiveWaiters: Int) {
        self.length = length
        self.capacity = capacity
        self.sendWaiters = sendWaiters
        self.receiveWaiters = receiveWaiters
    }
}

/// What an open states.
public struct ConformanceOptions: Sendable {
    /// The capacity; nil leaves it unstated.
    public var capacity: Int64?
    /// What the handle may do.
    public var role = ConformanceRole.both
    /// The daemon closes the channel when its last sender goes.
    public var closeWithLastSender = false
    /// Sends fail while there is no receiver any more.
    public var failWithLastReceiver = false

    /// Makes options with a capacity.
    public init(capacity: Int64? = nil) { self.capacity = capacity }
}

/// One client, whose channels are numbers that `open` hands out.
///
/// Received elements are settled as a library would: when the element is handed to the caller.
///
/// Every operation honours the cancellation of the task that it is called from: it returns its result if it
/// had committed, else throws `cancelled` and had no effect.
public protocol ConformanceClient: Sendable {
    /// Opens a channel by name.
    func open(_ name: String, _ options: ConformanceOptions) async throws(ConformanceFailure) -> Int
    /// Sends one element.
    func send(_ element: UInt64, on channel: Int, _ wait: ConformanceWait) async throws(ConformanceFailure)
    /// Sends elements as one batch; returns how many were accepted, with the failure if not all were.
    func send(
        contentsOf elements: [UInt64], on channel: Int, _ wait: ConformanceWait
    ) async -> (accepted: Int, failure: ConformanceFailure?)
    /// Receives 1 to `count` elements.
    func receive(
        upTo count: Int, from channel: Int, _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> [UInt64]
    /// Selects.
    func select(
        _ cases: [ConformanceCase], _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> ConformanceSelection
    /// Closes the channel; says whether this call was the one that did.
    func close(_ channel: Int) async throws(ConformanceFailure) -> Bool
    /// Closes the handle.
    func release(_ channel: Int) async throws(ConformanceFailure)
    /// What is to be seen of the channel.
    func state(_ channel: Int) async throws(ConformanceFailure) -> ConformanceState
    /// Ends the session as the death of its process does.
    func disconnect() async
    /// Ends the session in order: what was received does not come back, as the last of it may after a death (19 X34).
    func leave() async
}

extension ConformanceClient {
    /// Where every receive is settled before it returns, there is no difference.
    public func leave() async { await disconnect() }
}
