// SPDX-License-Identifier: Apache-2.0

/// What those who monitor are told of; docs/protocol.md explains each, under the same number.
public enum EventKind: UInt8, Sendable, CaseIterable {
    /// A session opened the channel.
    case open = 1
    /// The channel was closed.
    case close = 2
    /// Messages were accepted.
    case send = 3
    /// Messages were delivered.
    case receive = 4
    /// A select won with a case on the channel.
    case select = 5
    /// A waiting operation was withdrawn on request.
    case cancelled = 6
    /// A session ended without having said so.
    case died = 7
    /// A limit kept an operation from going on.
    case quota = 8

    /// Whether those of a session on a channel are counted together.
    @inlinable public var isCounted: Bool { self != .open && self != .close && self != .died }
}

/// Something that happened on a channel.
public struct MonitoredEvent: Sendable {
    /// What.
    public var kind: EventKind
    /// Who did it, by the index of the session; `UInt32.max` where nobody did.
    public var session: UInt32
    /// The channel's generation, which no other channel has.
    public var generation: UInt64
    /// Whose channel it is.
    public var owner: UInt32
    /// Its name as it is shown.
    public var channel: String
    /// How many messages, or operations.
    public var count: UInt32

    /// Makes an event.
    public init(
        kind: EventKind, session: UInt32, generation: UInt64 = 0, owner: UInt32, channel: String = "",
        count: UInt32 = 1
    ) {
        self.kind = kind
        self.session = session
        self.generation = generation
        self.owner = owner
        self.channel = channel
        self.count = count
    }
}

extension Broker {
    /// Tells whoever monitors that a session did something on a channel; `none` where it was no session's doing.
    @inlinable
    func tell<S: BrokerSink<Body> & ~Copyable>(
        _ kind: EventKind, session: UInt32, channel: UInt32, count: UInt32 = 1, into sink: inout S
    ) {
        guard sink.isMonitored else { return }
        let generation = channels[channel].generation
        guard !sink.recurred(kind, session: session, generation: generation, count: count) else { return }
        sink.occurred(event(kind, session: session, channel: channel, count: count))
    }

    /// The same of a select that won with a receive through a handle.
    @inlinable
    func tellSelected<S: BrokerSink<Body> & ~Copyable>(_ handle: UInt32, into sink: inout S) {
        tell(.select, session: handles[handle].session, channel: handles[handle].channel, into: &sink)
    }

    @usableFromInline
    func event(_ kind: EventKind, session: UInt32, channel: UInt32, count: UInt32) -> MonitoredEvent {
        MonitoredEvent(
            kind: kind, session: session, generation: channels[channel].generation,
            owner: channels[channel].owner, channel: channels[channel].shownName, count: count)
    }

    /// The same of every case of a waiting operation.
    @usableFromInline
    func tell<S: BrokerSink<Body> & ~Copyable>(_ kind: EventKind, operation: UInt32, into sink: inout S) {
        guard sink.isMonitored else { return }
        let session = operations[operation].session
        var waiter = operations[operation].firstWaiter
        while waiter != none {
            tell(kind, session: session, channel: waiters[waiter].channel, into: &sink)
            waiter = waiters[waiter].nextCase
        }
        if operations[operation].watch != none {
            let channel = watches[operations[operation].watch].channel
            tell(kind, session: session, channel: channel, into: &sink)
        }
    }

    /// The beginning of a name as a session writes it, made absolute; empty for every name.
    public func absolutePrefix(_ prefix: String, session: UInt32) -> String {
        guard let first = prefix.utf8.first, first != UInt8(ascii: "/") else { return prefix }
        return "/uid/\(sessions[session].identity.uid)/\(prefix)"
    }
}
