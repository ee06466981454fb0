// SPDX-License-Identifier: Apache-2.0

public import ChanCore

/// The contract once more, as plainly as it can be said: what the broker must do, in arrays and dictionaries.
///
/// Written from semantics.md and not from the broker's code. Everything that waits stands in one list in the
/// order in which it came, so that every question of order is a question of who stands first. Where the
/// contract leaves a choice, the model takes the one that `Hint` names, after it checked that it is allowed.
public struct ModelBroker: Sendable {
    /// What the broker chose where the contract leaves it free.
    public struct Hint: Sendable {
        /// The cases of a select, or of several in one turn, that won at once; none if it waits.
        public var winners: [Int] = []
        /// The handle that an open got.
        public var opened: OpenedChannel?
        /// The kind of failure of an open that breaks several rules.
        public var failure: FailureKind?
        /// The index of a new session.
        public var session: UInt32?
        /// In which order a session's channels are told of its end, by generation.
        public var order: [UInt64]?

        /// Makes a hint that says nothing.
        public init() {}
    }

    /// The broker chose what the contract does not allow.
    public struct NotAllowed: Error, CustomStringConvertible {
        /// What, and what was allowed.
        public var description: String
    }

    var sessions: [UInt32: ModelSession] = [:]
    var channels: [UInt64: ModelChannel] = [:]
    var names: [String: UInt64] = [:]
    /// Everything that waits, in the order in which it came.
    var waiting: [ModelOperation] = []
    var now: UInt64 = 0
    var limits: BrokerLimits
    var spaces: [Space]
    /// Messages discarded with their channel (rule 15).
    public internal(set) var discardedCount: UInt64 = 0
    var lastGeneration: UInt64 = 0
    var lastCredit: UInt64 = 0

    /// Effects of the last input: groups in order; within a group any order is right.
    public internal(set) var events: [[BrokerEvent]] = []
    /// Bodies that the last input let go, in any order.
    public internal(set) var discarded: [UInt64] = []
    /// The outcome of the request that is being applied, told after what it caused.
    var late: BrokerEvent?
    var arriving: RequestKey?

    /// Makes a model without channels.
    public init(limits: BrokerLimits = BrokerLimits(), spaces: [Space] = []) {
        self.limits = limits
        self.spaces = spaces
    }

    /// How many operations wait.
    public var parkedCount: Int { waiting.count }

    /// How many messages there are, in channels, deliveries and waiting sends.
    public var messageCount: Int {
        channels.values.reduce(0) { $0 + $1.queue.count }
            + sessions.values.reduce(0) { $0 + $1.handles.values.reduce(0) { $0 + $1.deliveries.count } }
            + waiting.reduce(0) { $0 + $1.cases.reduce(0) { $0 + $1.messages.count } }
    }

    /// When the next operation times out.
    public var nextDeadline: UInt64? { waiting.compactMap(\.deadline).min() }

    /// Applies an input and returns what its caller gets.
    public mutating func apply(_ input: BrokerInput, _ hint: Hint = Hint()) throws(NotAllowed) -> BrokerReply
    {
        events = []
        discarded = []
        late = nil
        arriving = nil
        let reply = try perform(input, hint)
        if let late { events.append([late]) }
        return reply
    }

    private mutating func perform(
        _ input: BrokerInput, _ hint: Hint
    ) throws(NotAllowed) -> BrokerReply {
        switch input {
        case .begin(_, let identity):
            let session = hint.session ?? UInt32(sessions.count)
            guard sessions[session] == nil else {
                throw NotAllowed(description: "session \(session) is taken")
            }
            sessions[session] = ModelSession(identity: identity)
            return .session(session)
        case .end(let session): end(session, hint.order)
        case .open(let session, _, let options): return .opened(try open(session, options, hint))
        case .remove(let session, let name): return .done(remove(session, name))
        case .send(let session, let request, let handle, let messages, let timeout):
            send(RequestKey(session, request), handle, messages, timeout)
        case .receive(let session, let request, let handle, let count, let timeout, let drained):
            receive(RequestKey(session, request), handle, count, timeout, drained)
        case .select(let session, let request, let cases, let ordered, let timeout):
            try select(RequestKey(session, request), cases, ordered, timeout, limit: 1, hint)
        case .selectSeveral(let session, let request, let cases, let ordered, let timeout, let limit):
            try select(RequestKey(session, request), cases, ordered, timeout, limit: limit, hint)
        case .readAhead(let session, let request, let handle, let limit, let timeout, let drained, nil):
            receive(RequestKey(session, request), handle, limit, timeout, drained, ahead: true)
        case .receipt(let session, let handle, let first, let count):
            return .known(receipt(session, handle, first, count))
        case .cancel(let session, let request):
            if waiting.contains(where: { $0.key == RequestKey(session, request) }) {
                fail([RequestKey(session, request)], .cancelled)
            }
        case .close(let session, let handle, let reason): return .closed(close(session, handle, reason))
        case .closeHandle(let session, let handle): return .done(closeHandle(session, handle))
        case .stop(let session, let handle): return .done(stop(session, handle))
        case .settle(let session, let handle, let first, let count):
            return .known(settle(session, handle, first, count))
        case .giveBack(let session, let handle, let first, let count, let seen):
            return .known(giveBack(session, handle, first, count, seen))
        case .advance(let time): advance(to: time)
        // The model has no unnamed channels, and nobody waits for its channels' states.
        case .sweep, .wait: break
        case .pause(let session, let name, let isPaused): return .done(pause(session, name, isPaused))
        case .sendConfirmed, .lease, .readAhead, .giveUp, .finishLease, .extendLease, .restore, .purge:
            throw NotAllowed(description: "the model does not know \(input)")
        }
        return .nothing
    }

    /// Rule 10: what has timed out ends, the earliest first; it can't let anything else proceed.
    private mutating func advance(to time: UInt64) {
        now = max(now, time)
        let due = Set(waiting.compactMap(\.deadline).filter { $0 <= now })
        for deadline in due.sorted() {
            fail(waiting.filter { $0.deadline == deadline }.map(\.key), .timeout)
        }
    }
}
