// SPDX-License-Identifier: Apache-2.0

public import ChanCore

/// A message as a test sends it.
public struct SentMessage: Hashable, Sendable {
    /// A number that no other message of the test has.
    public var body: UInt64
    /// The size that it is accounted with.
    public var byteCount: Int
    /// The channels that it passes.
    public var passing: [Listing]

    /// Makes a message.
    public init(_ body: UInt64, byteCount: Int = 8, passing: [Listing] = []) {
        self.passing = passing
        self.body = body
        self.byteCount = byteCount
    }
}

/// One case of a select as a test writes it.
public struct CaseInput: Hashable, Sendable {
    /// What it does.
    public var kind: SelectCase.Kind
    /// On which handle.
    public var handle: UInt32
    /// For a receive: closed as soon as nothing is queued.
    public var untilDrained: Bool
    /// For a send: what.
    public var message: SentMessage?

    /// Makes a case of any kind, sensible or not.
    public init(kind: SelectCase.Kind, handle: UInt32, untilDrained: Bool, message: SentMessage?) {
        self.kind = kind
        self.handle = handle
        self.untilDrained = untilDrained
        self.message = message
    }

    /// A case that sends.
    public static func send(_ handle: UInt32, _ body: UInt64) -> CaseInput {
        CaseInput(kind: .send, handle: handle, untilDrained: false, message: SentMessage(body))
    }

    /// A case that receives.
    public static func receive(_ handle: UInt32, untilDrained: Bool = false) -> CaseInput {
        CaseInput(kind: .receive, handle: handle, untilDrained: untilDrained, message: nil)
    }

    /// A case on a nil channel.
    public static var never: CaseInput {
        CaseInput(kind: .never, handle: 0, untilDrained: false, message: nil)
    }
}

/// One input of the broker as a value, so that it can be generated, replayed, deleted and printed.
public enum BrokerInput: Equatable, Sendable {
    /// A client connects; `label` names it from then on.
    case begin(label: UInt32, Identity)
    /// A client is gone.
    case end(session: UInt32)
    /// `label` names the handle from then on.
    case open(session: UInt32, label: UInt32, OpenOptions)
    /// Frees a name.
    case remove(session: UInt32, name: String)
    /// Sends one message or a batch.
    case send(session: UInt32, request: UInt64, handle: UInt32, [SentMessage], timeout: Int64)
    /// Receives 1 to `count`.
    case receive(
        session: UInt32, request: UInt64, handle: UInt32, count: UInt32, timeout: Int64, untilDrained: Bool)
    /// Sends and waits beyond the commit.
    case sendConfirmed(
        session: UInt32, request: UInt64, handle: UInt32, [SentMessage], timeout: Int64, Confirm)
    /// Receives 1 to `count` under a lease.
    case lease(
        session: UInt32, request: UInt64, handle: UInt32, count: UInt32, timeout: Int64, untilDrained: Bool,
        LeaseTerms)
    /// Receives ahead, up to `limit` at a time, under a lease where terms are given.
    case readAhead(
        session: UInt32, request: UInt64, handle: UInt32, limit: UInt32, timeout: Int64, untilDrained: Bool,
        LeaseTerms?)
    /// Selects.
    case select(session: UInt32, request: UInt64, [CaseInput], ordered: Bool, timeout: Int64)
    /// Selects up to `limit` times in one turn.
    case selectSeveral(
        session: UInt32, request: UInt64, [CaseInput], ordered: Bool, timeout: Int64, limit: UInt32)
    /// Withdraws a request.
    case cancel(session: UInt32, request: UInt64)
    /// Closes the channel.
    case close(session: UInt32, handle: UInt32, CloseReason)
    /// Closes the handle.
    case closeHandle(session: UInt32, handle: UInt32)
    /// Receives no more by this handle.
    case stop(session: UInt32, handle: UInt32)
    /// Is done with deliveries.
    case settle(session: UInt32, handle: UInt32, first: UInt64, count: UInt32)
    /// Returns deliveries.
    case giveBack(session: UInt32, handle: UInt32, first: UInt64, count: UInt32, seen: Bool)
    /// Can do nothing with a delivery.
    case giveUp(session: UInt32, handle: UInt32, delivery: UInt64, deadLetter: String)
    /// Has deliveries, and is not done with them.
    case receipt(session: UInt32, handle: UInt32, first: UInt64, count: UInt32)
    /// Is done with a leased delivery, or returns it.
    case finishLease(session: UInt32, handle: UInt32, delivery: UInt64, givingBack: Bool)
    /// Holds a leased delivery for longer.
    case extendLease(session: UInt32, handle: UInt32, delivery: UInt64, nanoseconds: UInt64)
    /// Puts back what is set aside.
    case restore(session: UInt32, name: String)
    /// Discards what is queued or set aside, up to `limit` messages.
    case purge(session: UInt32, name: String, last: UInt64, limit: Int)
    /// Holds all receives, or lets them go on.
    case pause(session: UInt32, name: String, Bool)
    /// Waits for a channel's state, by a handle or by name.
    case wait(session: UInt32, request: UInt64, handle: UInt32?, name: String, WaitCondition, timeout: Int64)
    /// Time passes.
    case advance(to: UInt64)
    /// A turn ends: groups of channels that only their own messages list go.
    case sweep

    /// The session that it comes from; nil for time, and for a session that only begins.
    public var session: UInt32? {
        switch self {
        case .begin, .advance, .sweep: nil
        case .end(let session), .open(let session, _, _), .remove(let session, _),
            .send(let session, _, _, _, _), .receive(let session, _, _, _, _, _),
            .select(let session, _, _, _, _), .cancel(let session, _), .close(let session, _, _),
            .closeHandle(let session, _), .stop(let session, _), .settle(let session, _, _, _),
            .giveBack(let session, _, _, _, _), .sendConfirmed(let session, _, _, _, _, _),
            .lease(let session, _, _, _, _, _, _), .receipt(let session, _, _, _),
            .readAhead(let session, _, _, _, _, _, _), .selectSeveral(let session, _, _, _, _, _),
            .giveUp(let session, _, _, _), .finishLease(let session, _, _, _),
            .extendLease(let session, _, _, _), .restore(let session, _), .purge(let session, _, _, _),
            .pause(let session, _, _), .wait(let session, _, _, _, _, _):
            session
        }
    }

    /// The request that it starts; nil where it starts none.
    public var request: UInt64? {
        switch self {
        case .send(_, let request, _, _, _), .receive(_, let request, _, _, _, _),
            .select(_, let request, _, _, _), .sendConfirmed(_, let request, _, _, _, _),
            .lease(_, let request, _, _, _, _, _), .wait(_, let request, _, _, _, _),
            .readAhead(_, let request, _, _, _, _, _), .selectSeveral(_, let request, _, _, _, _):
            request
        default: nil
        }
    }
}

/// What an input returned to its caller, beside its effects.
public enum BrokerReply: Equatable, Sendable {
    /// Nothing.
    case nothing
    /// The session's index.
    case session(UInt32)
    /// The handle, or why not.
    case opened(Result<OpenedChannel, Failure>)
    /// Whether this call closed the channel, or why not.
    case closed(Result<Bool, Failure>)
    /// Nil for success.
    case done(Failure?)
    /// Whether all the numbers were given out.
    case known(Bool)
    /// How many messages were put back, or why none.
    case restored(Result<UInt32, Failure>)
    /// How many messages were discarded, or why none.
    case purged(Result<PurgedPart, Failure>)
}

extension BrokerInput {
    /// The same input with sessions and handles renamed; nil where one has no name there.
    public func renamed(
        session rename: (UInt32) -> UInt32?, handle: (_ label: UInt32) -> UInt32?
    ) -> BrokerInput? {
        guard let label = session else { return self }
        guard let session = rename(label) else { return nil }
        switch self {
        case .begin, .advance, .sweep: return self
        case .end: return .end(session: session)
        case .open(_, let label, let options): return .open(session: session, label: label, options)
        case .remove(_, let name): return .remove(session: session, name: name)
        case .cancel(_, let request): return .cancel(session: session, request: request)
        case .send(_, let request, let label, let messages, let timeout):
            return handle(label).map {
                .send(session: session, request: request, handle: $0, messages, timeout: timeout)
            }
        case .receive(_, let request, let label, let count, let timeout, let drained):
            return handle(label).map {
                .receive(
                    session: session, request: request, handle: $0, count: count, timeout: timeout,
                    untilDrained: drained)
            }
        case .sendConfirmed(_, let request, let label, let messages, let timeout, let confirm):
            return handle(label).map {
                .sendConfirmed(
                    session: session, request: request, handle: $0, messages, timeout: timeout, confirm)
            }
        case .lease(_, let request, let label, let count, let timeout, let drained, let terms):
            return handle(label).map {
                .lease(
                    session: session, request: request, handle: $0, count: count, timeout: timeout,
                    untilDrained: drained, terms)
            }
        case .readAhead(_, let request, let label, let limit, let timeout, let drained, let terms):
            return handle(label).map {
                .readAhead(
                    session: session, request: request, handle: $0, limit: limit, timeout: timeout,
                    untilDrained: drained, terms)
            }
        case .receipt(_, let label, let first, let count):
            return handle(label).map { .receipt(session: session, handle: $0, first: first, count: count) }
        case .finishLease(_, let label, let delivery, let back):
            return handle(label).map {
                .finishLease(session: session, handle: $0, delivery: delivery, givingBack: back)
            }
        case .extendLease(_, let label, let delivery, let nanoseconds):
            return handle(label).map {
                .extendLease(session: session, handle: $0, delivery: delivery, nanoseconds: nanoseconds)
            }
        case .restore(_, let name): return .restore(session: session, name: name)
        case .purge(_, let name, let last, let limit):
            return .purge(session: session, name: name, last: last, limit: limit)
        case .wait(_, let request, let label, let name, let condition, let timeout):
            let number = label.flatMap(handle)
            guard label == nil || number != nil else { return nil }
            return .wait(
                session: session, request: request, handle: number, name: name, condition, timeout: timeout)
        case .pause(_, let name, let isPaused): return .pause(session: session, name: name, isPaused)
        case .select(_, let request, let cases, let ordered, let timeout):
            return Self.renamed(cases, handle).map {
                .select(session: session, request: request, $0, ordered: ordered, timeout: timeout)
            }
        case .selectSeveral(_, let request, let cases, let ordered, let timeout, let limit):
            return Self.renamed(cases, handle).map {
                .selectSeveral(
                    session: session, request: request, $0, ordered: ordered, timeout: timeout, limit: limit)
            }
        case .close(_, let label, let reason):
            return handle(label).map { .close(session: session, handle: $0, reason) }
        case .closeHandle(_, let label):
            return handle(label).map { .closeHandle(session: session, handle: $0) }
        case .stop(_, let label): return handle(label).map { .stop(session: session, handle: $0) }
        case .settle(_, let label, let first, let count):
            return handle(label).map { .settle(session: session, handle: $0, first: first, count: count) }
        case .giveUp(_, let label, let delivery, let target):
            return handle(label).map {
                .giveUp(session: session, handle: $0, delivery: delivery, deadLetter: target)
            }
        case .giveBack(_, let label, let first, let count, let seen):
            return handle(label).map {
                .giveBack(session: session, handle: $0, first: first, count: count, seen: seen)
            }
        }
    }
    private static func renamed(_ cases: [CaseInput], _ handle: (UInt32) -> UInt32?) -> [CaseInput]? {
        var cases = cases
        for index in cases.indices where cases[index].kind != .never {
            guard let number = handle(cases[index].handle) else { return nil }
            cases[index].handle = number
        }
        return cases
    }
}
