// SPDX-License-Identifier: Apache-2.0

public import ChanCore

/// The broker and the model side by side: every input goes to both, and whatever differs is found.
public struct ModelDriver: ~Copyable {
    /// What does not agree with the contract, after which input.
    public struct Divergence: Error, CustomStringConvertible, Sendable {
        /// What differs.
        public var description: String
    }

    /// How much is compared after an input.
    public enum Depth: Sendable {
        /// Effects only.
        case effects
        /// Effects, the state of every channel, and the broker's own invariants.
        case all
    }

    var engine: BrokerEngine
    /// The model in the same state.
    public internal(set) var model: ModelBroker
    /// Sessions by the labels that inputs use.
    var sessions: [UInt32: UInt32] = [:]
    /// Handles by the labels that inputs use.
    var handles: [UInt32: (session: UInt32, number: UInt32)] = [:]
    /// An administrator who only looks.
    private let observer: UInt32

    /// Makes a broker and a model without channels; all draws of the broker follow from `seed`.
    public init(seed: UInt64, limits: BrokerLimits = BrokerLimits(), spaces: [Space] = []) {
        engine = BrokerEngine(seed: seed, limits: limits, spaces: spaces)
        model = ModelBroker(limits: limits, spaces: spaces)
        let identity = Identity(uid: 0, gid: 0, isAdministrator: true)
        guard case .session(let session) = engine.apply(.begin(label: .max, identity)) else {
            observer = 0
            return
        }
        observer = session
        var hint = ModelBroker.Hint()
        hint.session = session
        _ = try? model.apply(.begin(label: .max, identity), hint)
    }

    /// A driver in the state after `inputs`, whose names are the broker's own; the model is there already.
    init(
        replaying inputs: [BrokerInput], model: ModelBroker, _ sessions: [UInt32: UInt32],
        _ handles: [UInt32: (session: UInt32, number: UInt32)]
    ) {
        self.init(seed: 1)
        for input in inputs { engine.apply(input) }
        self.model = model
        self.sessions = sessions.filter { model.sessions[$0.value] != nil }
        self.handles = handles
    }

    /// Effects of the last input, in commit order.
    public var events: [BrokerEvent] { engine.events }

    /// Applies an input whose sessions and handles are labels, and compares.
    ///
    /// Returns whether it made sense: one that names what was never there is passed over, so that a sequence
    /// stays a sequence when a part is deleted.
    @discardableResult
    public mutating func apply(
        _ labelled: BrokerInput, compare depth: Depth = .all
    ) throws(Divergence) -> Bool {
        guard let input = resolve(labelled) else { return false }
        let reply = engine.apply(input)
        let expected: BrokerReply
        do {
            expected = try follow(input, reply)
        } catch {
            throw Divergence(description: error.description)
        }
        remember(labelled, reply)
        if let fault = engine.fault { throw Divergence(description: fault) }
        guard ModelBroker.normal(reply) == ModelBroker.normal(expected) else {
            throw Divergence(description: "returned \(reply), expected \(expected)")
        }
        if let text = model.difference(from: engine.events, engine.discarded) {
            throw Divergence(description: text)
        }
        if depth == .all { try compareState() }
        return true
    }

    private func resolve(_ labelled: BrokerInput) -> BrokerInput? {
        if case .begin(let label, _) = labelled { return sessions[label] == nil ? labelled : nil }
        if case .advance = labelled { return labelled }
        guard let label = labelled.session, let session = sessions[label] else { return nil }
        if let request = labelled.request,
            model.waiting.contains(where: { $0.key == RequestKey(session, request) })
        {
            return nil
        }
        return labelled.renamed(
            session: { sessions[$0] },
            handle: { label in
                // A label that nobody uses stands for a handle that is not there.
                if label >= OperationGenerator.unknownHandle { return label }
                guard let there = handles[label], there.session == session else { return nil }
                return there.number
            })
    }

    /// Lets the model do what the broker did, where the contract leaves a choice.
    private mutating func follow(
        _ input: BrokerInput, _ reply: BrokerReply
    ) throws(ModelBroker.NotAllowed) -> BrokerReply {
        var hint = ModelBroker.Hint()
        switch (input, reply) {
        case (.begin, .session(let session)): hint.session = session
        case (.open, .opened(.success(let opened))): hint.opened = opened
        case (.open, .opened(.failure(let failure))): hint.failure = failure.kind
        case (.select(let session, let request, _, _, _), _),
            (.selectSeveral(let session, let request, _, _, _, _), _):
            let mine = engine.events.filter { $0.session == session && $0.request == request }
            hint.winners = mine.compactMap(\.caseIndex)
            if let kind = engine.events.last?.failure?.kind,
                [.noSuchHandle, .wrongRole, .invalidArgument].contains(kind)
            {
                hint.winners = []
            }
        case (.end(let session), _): return try followEnd(of: session, hint)
        default: break
        }
        return try model.apply(input, hint)
    }

    /// A session ends on all its channels at once; where a select waits on several, each may win.
    private mutating func followEnd(
        of session: UInt32, _ first: ModelBroker.Hint
    ) throws(ModelBroker.NotAllowed) -> BrokerReply {
        let touched = model.sessions[session].map { model.touched(by: $0) } ?? []
        let before = model
        let reply = try model.apply(.end(session: session), first)
        guard touched.count > 1, touched.count < 6,
            model.difference(from: engine.events, engine.discarded) != nil
        else { return reply }
        let expected = model
        for order in permutations(touched) {
            var hint = first
            hint.order = order
            model = before
            _ = try model.apply(.end(session: session), hint)
            if model.difference(from: engine.events, engine.discarded) == nil { return reply }
        }
        model = expected
        return reply
    }

    private mutating func remember(_ labelled: BrokerInput, _ reply: BrokerReply) {
        switch (labelled, reply) {
        case (.begin(let label, _), .session(let session)): sessions[label] = session
        case (.end(let label), _): sessions[label] = nil
        case (.open(let label, let handle, _), .opened(.success(let opened))):
            if let session = sessions[label] { handles[handle] = (session, opened.handle) }
        default: break
        }
    }

    private func compareState() throws(Divergence) {
        for (channel, there) in model.channels {
            guard let actual = snapshot(channel, there) else { continue }
            if let text = model.difference(channel, from: actual) { throw Divergence(description: text) }
        }
        try check("channels", engine.broker.channelCount, model.channels.count)
        try check("sessions", engine.broker.sessionCount, model.sessions.count)
        try check("messages", engine.broker.messageCount, model.messageCount)
        try check("parked operations", engine.broker.parkedCount, model.parkedCount)
        try check("discarded", engine.broker.discarded, model.discardedCount)
        try check("deadline", engine.broker.nextDeadline, model.nextDeadline)
        do {
            try engine.broker.checkInvariants()
        } catch {
            throw Divergence(description: "invariant: \(error.description)")
        }
    }

    /// The channel as the broker shows it, by its name or by a handle; nil where only deliveries hold it.
    private func snapshot(_ channel: UInt64, _ there: ModelChannel) -> ChannelSnapshot? {
        if !there.isRemoved {
            return try? engine.broker.snapshot(session: observer, name: there.name).get()
        }
        for (session, state) in model.sessions {
            for (number, handle) in state.handles where handle.isOpen && handle.channel == channel {
                return try? engine.broker.snapshot(session: session, handle: number).get()
            }
        }
        return nil
    }

    private func check<Value: Equatable>(
        _ what: String, _ value: Value, _ expected: Value
    ) throws(Divergence) {
        if value != expected { throw Divergence(description: "\(what): \(value), expected \(expected)") }
    }
}

/// Every order of a few elements.
func permutations<Element>(_ elements: [Element]) -> [[Element]] {
    guard elements.count > 1 else { return [elements] }
    return elements.indices.flatMap { index in
        var rest = elements
        let first = rest.remove(at: index)
        return permutations(rest).map { [first] + $0 }
    }
}
