// SPDX-License-Identifier: Apache-2.0

public import ChanCore

/// One message as it was handed to a receiver.
public struct DeliveredMessage: Equatable, Sendable {
    /// What it is: tests give every message a number of its own.
    public var body: UInt64
    /// Its size.
    public var byteCount: Int
    /// How often it may have been seen before.
    public var attempts: UInt16
    /// Whether a caller may have had it before.
    public var redelivered: Bool
    /// What else the delivery says: who waits, and whether attempts are limited.
    public var flags: DeliveryFlags
    /// The channels that it passes.
    public var passed: [PassedChannel] = []

    /// Makes a message.
    public init(
        body: UInt64, byteCount: Int = 8, attempts: UInt16 = 0, redelivered: Bool = false,
        flags: DeliveryFlags = []
    ) {
        self.flags = flags
        self.body = body
        self.byteCount = byteCount
        self.attempts = attempts
        self.redelivered = redelivered
    }
}

/// One effect of the broker, as the sink got it.
public enum BrokerEvent: Equatable, Sendable {
    /// A send or batch is committed.
    case sent(session: UInt32, request: UInt64)
    /// A send case is committed.
    case selected(session: UInt32, request: UInt64, caseIndex: UInt16)
    /// A receive or receive case is committed.
    case delivered(session: UInt32, request: UInt64, group: DeliveryGroup, messages: [DeliveredMessage])
    /// A channel's state is there.
    case waited(session: UInt32, request: UInt64, reason: CloseReason)
    /// An operation ended without success.
    case failed(session: UInt32, request: UInt64, failure: Failure)

    /// The session that the event is for.
    public var session: UInt32 {
        switch self {
        case .sent(let session, _), .selected(let session, _, _), .delivered(let session, _, _, _),
            .failed(let session, _, _), .waited(let session, _, _):
            session
        }
    }

    /// Whether the request goes on after it.
    public var isPart: Bool {
        if case .delivered(_, _, let group, _) = self { group.more } else { false }
    }

    /// The request that the event ends, or is a part of.
    public var request: UInt64 {
        switch self {
        case .sent(_, let request), .selected(_, let request, _), .delivered(_, let request, _, _),
            .failed(_, let request, _), .waited(_, let request, _):
            request
        }
    }

    /// The case of a select that the event reports; nil where it reports none.
    public var caseIndex: Int? {
        switch self {
        case .sent, .waited: nil
        case .selected(_, _, let index): Int(index)
        case .delivered(_, _, let group, _): Int(group.caseIndex)
        case .failed(_, _, let failure): failure.caseIndex.map { Int($0) }
        }
    }

    /// The bodies of a delivery, none otherwise.
    public var bodies: [UInt64] {
        if case .delivered(_, _, _, let messages) = self { messages.map(\.body) } else { [] }
    }

    /// Why it failed; nil where it did not.
    public var failure: Failure? {
        if case .failed(_, _, let failure) = self { failure } else { nil }
    }
}

extension BrokerEvent: CustomStringConvertible {
    /// Who, which request, what.
    public var description: String {
        let who = "s\(session) r\(request)"
        switch self {
        case .sent: return "\(who) sent"
        case .selected(_, _, let index): return "\(who) sent by case \(index)"
        case .delivered(_, _, let group, let messages):
            let text = messages.map {
                "\($0.body)\($0.redelivered ? "!" : "")\($0.attempts > 0 ? "*\($0.attempts)" : "")"
            }
            return "\(who) received \(text.joined(separator: ",")) by case \(group.caseIndex) of "
                + "h\(group.handle) from \(group.first)\(group.closed ? ", closed" : "")\(group.more ? ", more" : "")"
        case .waited(_, _, let reason): return "\(who) waited: \(reason.code) \(reason.text)"
        case .failed(_, _, let failure):
            let place = failure.caseIndex.map { " by case \($0)" } ?? ""
            let accepted = failure.accepted > 0 ? " after \(failure.accepted)" : ""
            return "\(who) failed\(place)\(accepted): \(failure.kind) \(failure.reason) \(failure.text)"
        }
    }
}

/// A sink that writes down what the broker does, and notices what no sink may be told.
public struct RecordingSink: BrokerSink {
    /// How messages are held.
    public typealias Body = UInt64

    /// Effects since the last `take`, in commit order.
    public private(set) var events: [BrokerEvent] = []
    /// Bodies let go since the last `take`.
    public private(set) var discarded: [UInt64] = []
    /// What broke the sink's own contract; nil for nothing.
    public private(set) var fault: String?
    private var open: (session: UInt32, request: UInt64, group: DeliveryGroup, messages: [DeliveredMessage])?

    /// Makes a sink that has recorded nothing.
    public init() {}

    /// Hands over what was recorded and starts anew.
    public mutating func take() -> (events: [BrokerEvent], discarded: [UInt64]) {
        if open != nil { fault = "a group of deliveries was not ended" }
        defer {
            events.removeAll(keepingCapacity: true)
            discarded.removeAll(keepingCapacity: true)
        }
        return (events, discarded)
    }

    private mutating func record(_ event: BrokerEvent) {
        if open != nil { fault = "\(event) within a group of deliveries" }
        events.append(event)
    }

    /// Records the commit of a send.
    public mutating func sent(session: UInt32, request: UInt64) {
        record(.sent(session: session, request: request))
    }

    /// Records the commit of a send case.
    public mutating func selected(session: UInt32, request: UInt64, caseIndex: UInt16) {
        record(.selected(session: session, request: request, caseIndex: caseIndex))
    }

    /// Begins a group.
    public mutating func beginDeliveries(session: UInt32, request: UInt64, group: DeliveryGroup) {
        if open != nil { fault = "a group of deliveries within another" }
        open = (session, request, group, [])
    }

    /// Adds to the group.
    public mutating func delivery(
        session: UInt32, body: UInt64, byteCount: Int, attempts: UInt16, flags: DeliveryFlags
    ) {
        if open?.session != session { fault = "a delivery outside its group" }
        open?.messages.append(
            DeliveredMessage(
                body: body, byteCount: byteCount, attempts: attempts,
                redelivered: flags.contains(.redelivered), flags: flags.subtracting(.redelivered)))
    }

    /// Adds what the last message passes.
    public mutating func passed(session: UInt32, _ channels: [PassedChannel]) {
        guard let last = open?.messages.indices.last, open?.session == session,
            open?.messages[last].flags.contains(.passes) == true, !channels.isEmpty
        else {
            fault = "channels are passed outside a message that passes any"
            return
        }
        open?.messages[last].passed = channels
    }

    /// Records the group.
    public mutating func endDeliveries(session: UInt32) {
        guard let group = open, group.session == session else {
            fault = "an end of deliveries without a group"
            return
        }
        open = nil
        if group.messages.isEmpty || group.messages.count != Int(group.group.count)
            || group.messages.reduce(0, { $0 + $1.byteCount }) != group.group.byteCount
            || group.group.passed != size(of: group.messages)
        {
            fault = "a group of deliveries is miscounted"
        }
        record(
            .delivered(
                session: group.session, request: group.request, group: group.group, messages: group.messages))
    }

    private func size(of messages: [DeliveredMessage]) -> PassedSize {
        var size = PassedSize()
        for message in messages where !message.passed.isEmpty {
            size.messages += 1
            size.channels += message.passed.count
            for channel in message.passed {
                size.textBytes += channel.name.utf8.count + (channel.typeTag?.utf8.count ?? 0)
            }
        }
        return size
    }

    /// Records that a wait is over.
    public mutating func waited(session: UInt32, request: UInt64, reason: CloseReason) {
        record(.waited(session: session, request: request, reason: reason))
    }

    /// Records a failure.
    public mutating func failed(session: UInt32, request: UInt64, failure: Failure) {
        record(.failed(session: session, request: request, failure: failure))
    }

    /// Records that a body is let go.
    public mutating func discard(_ body: UInt64) { discarded.append(body) }
}
