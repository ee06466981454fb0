// SPDX-License-Identifier: Apache-2.0

/// Why the broker ended an operation without success; docs/protocol.md explains each, under the same number.
public enum FailureKind: UInt8, Sendable, CaseIterable {
    /// The channel is closed (rule 4).
    case closed = 1
    /// A try could not proceed.
    case wouldBlock = 2
    /// The time ran out (rule 10).
    case timeout = 3
    /// The operation was withdrawn (rule 22).
    case cancelled = 4
    /// The channel fails with its last receiver and has none (rule 16).
    case noReceivers = 5
    /// No such channel.
    case noSuchChannel = 6
    /// Must-create, and it exists.
    case exists = 7
    /// A stated option differs (rule 14).
    case mismatch = 8
    /// No right (rule 28).
    case notPermitted = 9
    /// A limit is reached (rule 27).
    case quotaExceeded = 10
    /// The name breaks rule 25.
    case invalidName = 11
    /// A value is not allowed.
    case invalidArgument = 12
    /// The handle lacks the role.
    case wrongRole = 13
    /// The handle went while the operation waited.
    case handleClosed = 14
    /// The session has no such handle.
    case noSuchHandle = 15
    /// The lease is over: it expired, or was finished before (rule 19).
    case leaseExpired = 17
    /// The messages are committed, and nobody will confirm them (rule 20).
    case notConfirmed = 18
}

/// How an operation ended without success.
public struct Failure: Error, Equatable, Sendable {
    /// Why.
    public var kind: FailureKind
    /// Which case of a select it was, if it was one's.
    public var caseIndex: UInt16?
    /// Messages of a batch that were committed before.
    public var accepted: UInt32
    /// The number given with a close.
    public var reason: UInt32
    /// What happened, for a person, or the text given with a close.
    public var text: String

    /// Makes a failure.
    public init(
        _ kind: FailureKind, caseIndex: UInt16? = nil, accepted: UInt32 = 0, reason: UInt32 = 0,
        text: String = ""
    ) {
        self.kind = kind
        self.caseIndex = caseIndex
        self.accepted = accepted
        self.reason = reason
        self.text = text
    }
}

/// Where the broker's effects go, in commit order: the caller of every input passes its own.
///
/// Sessions are named by the index that `Broker.beginSession` returned. Nothing is called between
/// `beginDeliveries` and `endDeliveries` but `delivery` and `passed`.
public protocol BrokerSink<Body>: ~Copyable {
    /// How a message's bytes are held.
    associatedtype Body: BitwiseCopyable

    /// A send, or a whole batch, is committed.
    mutating func sent(session: UInt32, request: UInt64)
    /// A send case of a select is committed.
    mutating func selected(session: UInt32, request: UInt64, caseIndex: UInt16)
    /// A receive, a receive case, or a part of either (`group.more`), is committed; `group.count` calls of `delivery` follow.
    mutating func beginDeliveries(session: UInt32, request: UInt64, group: DeliveryGroup)
    /// One message of the group.
    mutating func delivery(
        session: UInt32, body: Body, byteCount: Int, attempts: UInt16, flags: DeliveryFlags)
    /// What that message passes, where its flags say that it does (rule 26).
    mutating func passed(session: UInt32, _ channels: [PassedChannel])
    /// The group is complete.
    mutating func endDeliveries(session: UInt32)
    /// A wait for a channel's state is over: it is there; of a closed channel, what the close said.
    mutating func waited(session: UInt32, request: UInt64, reason: CloseReason)
    /// An operation ended without success.
    mutating func failed(session: UInt32, request: UInt64, failure: Failure)
    /// The broker holds this body no longer.
    mutating func discard(_ body: Body)
    /// Whether somebody wants to be told of events: all that they cost otherwise.
    var isMonitored: Bool { get }
    /// Something happened. Returns false where it can't be counted with one before: `occurred` then says it all.
    mutating func recurred(_ kind: EventKind, session: UInt32, generation: UInt64, count: UInt32) -> Bool
    /// What `recurred` did not take.
    mutating func occurred(_ event: MonitoredEvent)
}

extension BrokerSink where Self: ~Copyable {
    /// For an owner whose messages never pass channels, which is never told of any.
    public mutating func passed(session: UInt32, _ channels: [PassedChannel]) {}
    /// For an owner whom nobody monitors.
    @inlinable public var isMonitored: Bool { false }
    /// Never called where nobody monitors.
    @inlinable
    public mutating func recurred(
        _ kind: EventKind, session: UInt32, generation: UInt64, count: UInt32
    ) -> Bool { true }
    /// Never called where nobody monitors.
    public mutating func occurred(_ event: MonitoredEvent) {}
    /// For an owner that never calls `wait`.
    public mutating func waited(session: UInt32, request: UInt64, reason: CloseReason) {}
}

/// What a delivery says of its message.
public struct DeliveryFlags: OptionSet, Hashable, Sendable {
    /// The bits, as they stand on the wire.
    public let rawValue: UInt8
    /// Makes flags of their bits.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Some caller may have seen it before (rule 18).
    @inlinable public static var redelivered: DeliveryFlags { DeliveryFlags(rawValue: 1) }
    /// Somebody waits for its receipt (rule 20).
    @inlinable public static var receiptAwaited: DeliveryFlags { DeliveryFlags(rawValue: 2) }
    /// Somebody waits for its settlement (rule 20).
    @inlinable public static var settlementAwaited: DeliveryFlags { DeliveryFlags(rawValue: 4) }
    /// Attempts are limited: its receipt is to be written before it is handed over (rule 18).
    @inlinable public static var attemptsLimited: DeliveryFlags { DeliveryFlags(rawValue: 8) }
    /// It passes channels (rule 26).
    @inlinable public static var passes: DeliveryFlags { DeliveryFlags(rawValue: 16) }
}

/// What the deliveries that answer one receive have in common.
public struct DeliveryGroup: Equatable, Sendable {
    /// The case of a select that won, 0 for a receive.
    public var caseIndex: UInt16
    /// The handle's number in its session.
    public var handle: UInt32
    /// The first delivery's number; the others follow it.
    public var first: UInt64
    /// How many.
    public var count: UInt32
    /// Bytes of all messages.
    public var byteCount: Int
    /// The channel is closed: settle at once (rule 4).
    public var closed: Bool
    /// What the channels that they pass take to write.
    public var passed: PassedSize
    /// The request is not over: more answers follow.
    public var more: Bool
    /// They are a credit's (rule 21): what follows may be told together with them.
    public var isAhead: Bool

    /// Makes a group.
    @inlinable
    public init(
        caseIndex: UInt16, handle: UInt32, first: UInt64, count: UInt32, byteCount: Int, closed: Bool,
        passed: PassedSize = PassedSize(), more: Bool = false, isAhead: Bool = false
    ) {
        self.isAhead = isAhead
        self.passed = passed
        self.caseIndex = caseIndex
        self.handle = handle
        self.first = first
        self.count = count
        self.byteCount = byteCount
        self.closed = closed
        self.more = more
    }
}
