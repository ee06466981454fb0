// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Every sequence of a small alphabet, breadth first over canonical states (P5).
///
/// States that differ only in which session, which of two equal channels, or which message is meant are one
/// state: what follows from one follows from the other. A state's successors are found by replaying its
/// sequence on a fresh broker, since a broker can't be copied; the model can, and is.
public struct Interleavings: Sendable {
    /// What was explored to which depth.
    public struct Coverage: CustomStringConvertible, Sendable {
        /// Longest sequence.
        public var depth = 0
        /// Different states from which every input was tried.
        public var states = 1
        /// Sequences applied and compared.
        public var transitions = 0
        /// States first met at each depth.
        public var perDepth: [Int] = []

        /// The numbers in a line.
        public var description: String {
            "depth \(depth), \(states) states (\(perDepth)), \(transitions) transitions"
        }
    }

    /// The capacities of two channels that are worth a search; nil is undecided.
    public static let pairsOfCapacities: [[Int64?]] = [
        [0, 0], [0, 1], [1, 1], [0, 2], [1, 2], [2, 2], [nil, 1],
    ]

    /// Which inputs there are.
    public enum Alphabet: String, Sendable, CaseIterable {
        /// Everything.
        case full
        /// Sends, receives, selects and cancels, to go deeper.
        case meeting
        /// Deliveries, close, ends of handles and sessions.
        case returning
        /// Read-ahead beside plain receives, for channels without a select.
        case ahead
    }

    /// The two channels' capacities; nil is undecided.
    public let capacities: [Int64?]
    /// Which inputs are tried.
    public let alphabet: Alphabet
    private static let sessionCount: UInt32 = 3

    /// Makes a search over two channels.
    public init(capacities: [Int64?], alphabet: Alphabet) {
        self.capacities = capacities
        self.alphabet = alphabet
    }

    /// The letters of the alphabet in a state where everything is possible, for a report.
    public static func letters(_ alphabet: Alphabet) -> String {
        switch alphabet {
        case .full:
            letters(.meeting) + ", " + letters(.returning)
                + ", receive within 1, read ahead by 1, receipt, select twice, time"
        case .meeting:
            "send, try send, send 2, receive, try receive, receive up to 2, select in all pairs, cancel"
        case .ahead:
            "send, receive, read ahead by 1 and by 2, receipt, settle, give back unseen, cancel, close, end"
        case .returning:
            "send, receive, select of two receives, settle, give back seen/unseen, close, close handle, stop, end"
        }
    }

    struct Node {
        var path: [BrokerInput]
        var model: ModelBroker
    }

    /// Explores all sequences up to `depth` inputs; throws at the first that differs from the model.
    public func explore(depth: Int) throws(ModelDriver.Divergence) -> Coverage {
        var coverage = Coverage()
        let setup = self.setup
        var driver = ModelDriver(seed: 1)
        for input in setup { try driver.apply(input) }
        var frontier = [Node(path: [], model: driver.model)]
        let (sessions, handles) = (driver.sessions, driver.handles)
        let prefix = setup.compactMap { Self.resolve($0, sessions, handles) }
        var seen: Set<[UInt8]> = [key(driver.model)]
        for level in 1...max(1, depth) {
            var next: [Node] = []
            for node in frontier {
                for input in inputs(node.model, level) {
                    guard let resolved = Self.resolve(input, sessions, handles) else { continue }
                    var driver = ModelDriver(
                        replaying: prefix + node.path, model: node.model, sessions, handles)
                    do {
                        try driver.apply(input)
                    } catch {
                        throw ModelDriver.Divergence(description: report(node.path + [resolved], error))
                    }
                    coverage.transitions += 1
                    // Nothing follows from the last states here: they need not be told apart.
                    if level < depth, seen.insert(key(driver.model)).inserted {
                        next.append(Node(path: node.path + [resolved], model: driver.model))
                    }
                }
            }
            coverage.depth = level
            if level < depth { coverage.perDepth.append(next.count) }
            coverage.states += next.count
            frontier = next
        }
        return coverage
    }

    private func report(_ path: [BrokerInput], _ error: ModelDriver.Divergence) -> String {
        "capacities \(capacities):\n" + (setup + path).map { "    \($0)\n" }.joined() + "    -> \(error)"
    }

    private static func resolve(
        _ input: BrokerInput, _ sessions: [UInt32: UInt32],
        _ handles: [UInt32: (session: UInt32, number: UInt32)]
    ) -> BrokerInput? {
        input.renamed(session: { sessions[$0] }, handle: { handles[$0]?.number })
    }

    // MARK: The alphabet

    private static func label(_ session: UInt32, _ channel: UInt32) -> UInt32 { session * 10 + channel }

    private var setup: [BrokerInput] {
        var inputs: [BrokerInput] = []
        for session in 1...Self.sessionCount {
            inputs.append(.begin(label: session, Identity(uid: 1000, gid: 100)))
            for channel in capacities.indices {
                var options = OpenOptions(name: "c\(channel)", role: .both)
                options.capacity = capacities[channel]
                let label = Self.label(session, UInt32(channel))
                inputs.append(.open(session: session, label: label, options))
            }
        }
        return inputs
    }

    private func inputs(_ model: ModelBroker, _ level: Int) -> [BrokerInput] {
        (1...Self.sessionCount).flatMap { session -> [BrokerInput] in
            // Labels and indexes differ by one: the first session is the observer's.
            guard let state = model.sessions[session] else { return [] }
            return inputs(of: session, state, model, level)
        } + (alphabet == .full && model.nextDeadline != nil ? [.advance(to: model.now + 1)] : [])
    }

    private func inputs(
        of session: UInt32, _ state: ModelSession, _ model: ModelBroker, _ level: Int
    ) -> [BrokerInput] {
        let request = UInt64(level)
        let body = UInt64(level) * 4
        var inputs: [BrokerInput] = []
        let meets = alphabet == .full || alphabet == .meeting
        let returns = alphabet == .full || alphabet == .returning
        for channel in capacities.indices {
            let handle = Self.label(session, UInt32(channel))
            func send(_ count: UInt64, _ timeout: Int64) {
                let messages = (0..<count).map { SentMessage(body + $0) }
                inputs.append(
                    .send(session: session, request: request, handle: handle, messages, timeout: timeout))
            }
            func receive(_ count: UInt32, _ timeout: Int64) {
                inputs.append(
                    .receive(
                        session: session, request: request, handle: handle, count: count, timeout: timeout,
                        untilDrained: false))
            }
            send(1, -1)
            receive(1, -1)
            if meets {
                send(1, 0)
                send(2, -1)
                receive(1, 0)
                receive(2, -1)
            }
            if alphabet == .full { receive(1, 1) }
            if alphabet == .full || alphabet == .ahead {
                inputs += aheads(session, request, handle, state.handles[UInt32(channel)])
            }
            if returns { inputs += self.returns(session, handle, state.handles[UInt32(channel)]) }
        }
        if alphabet != .ahead { inputs += selects(session, request, body) }
        if returns || alphabet == .ahead { inputs.append(.end(session: session)) }
        if meets || alphabet == .ahead {
            for operation in model.waiting where operation.key.session == session {
                inputs.append(.cancel(session: session, request: operation.key.request))
            }
        }
        return inputs
    }

    private func aheads(
        _ session: UInt32, _ request: UInt64, _ handle: UInt32, _ state: ModelHandle?
    ) -> [BrokerInput] {
        guard let state else { return [] }
        var inputs: [BrokerInput] = []
        for limit in alphabet == .full ? 1...1 : 1...2 as ClosedRange<UInt32> {
            inputs.append(
                .readAhead(
                    session: session, request: request, handle: handle, limit: limit, timeout: -1,
                    untilDrained: false, nil))
        }
        for delivery in Set([state.deliveries.keys.min(), state.deliveries.keys.max()].compactMap { $0 }) {
            inputs.append(.receipt(session: session, handle: handle, first: delivery, count: 1))
            guard alphabet == .ahead else { continue }
            inputs.append(.settle(session: session, handle: handle, first: delivery, count: 1))
            inputs.append(
                .giveBack(session: session, handle: handle, first: delivery, count: 1, seen: false))
        }
        if alphabet == .ahead, state.isOpen {
            inputs.append(.close(session: session, handle: handle, CloseReason()))
        }
        return inputs
    }

    private func returns(_ session: UInt32, _ handle: UInt32, _ state: ModelHandle?) -> [BrokerInput] {
        guard let state else { return [] }
        var inputs: [BrokerInput] = []
        // Oldest and newest: settled and given back out of order.
        for delivery in Set([state.deliveries.keys.min(), state.deliveries.keys.max()].compactMap { $0 }) {
            inputs.append(.settle(session: session, handle: handle, first: delivery, count: 1))
            for seen in [false, true] {
                inputs.append(
                    .giveBack(session: session, handle: handle, first: delivery, count: 1, seen: seen))
            }
        }
        guard state.isOpen else { return inputs }
        inputs.append(.close(session: session, handle: handle, CloseReason()))
        inputs.append(.closeHandle(session: session, handle: handle))
        inputs.append(.stop(session: session, handle: handle))
        return inputs
    }

    /// Selects in order, so that both winners of two ready cases are met by the two orders.
    private func selects(_ session: UInt32, _ request: UInt64, _ body: UInt64) -> [BrokerInput] {
        let (first, second) = (Self.label(session, 0), Self.label(session, 1))
        var pairs: [[CaseInput]] = [[.receive(first), .receive(second)]]
        if alphabet != .returning {
            pairs += [
                [.send(first, body), .send(second, body + 1)], [.send(first, body), .receive(second)],
                [.receive(first), .send(second, body)], [.send(first, body), .receive(first)],
                [.send(second, body), .receive(second)], [.receive(first), .receive(first)],
            ]
        }
        let single: [BrokerInput] = (pairs + pairs.map { $0.reversed() }).map {
            .select(session: session, request: request, $0, ordered: true, timeout: -1)
        }
        guard alphabet == .full else { return single }
        return single + [
            .selectSeveral(
                session: session, request: request, [.receive(first), .receive(second)], ordered: true,
                timeout: -1, limit: 2)
        ]
    }
}
