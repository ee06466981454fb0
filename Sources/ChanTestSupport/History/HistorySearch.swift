// SPDX-License-Identifier: Apache-2.0

/// The search over the operations of channels that belong together.
struct HistorySearch {
    /// Everything that what may still happen depends on.
    private struct State: Hashable {
        var done: [UInt64]
        var queues: [[UInt64]]
        var closed: Set<Int> = []

        func isDone(_ operation: Int) -> Bool { done[operation >> 6] >> UInt64(operation & 63) & 1 == 1 }
        mutating func finish(_ operation: Int) { done[operation >> 6] |= 1 << UInt64(operation & 63) }
    }

    /// When a value is known to have been taken, and by whom.
    private struct Taking {
        var operation: Int
        var invoked: UInt64
        var returned: UInt64
    }

    private let operations: [HistoryOperation]
    private let capacities: [Int]
    private let limit: Int
    private var takings: [UInt64: Taking] = [:]
    /// By channel: operations that offer a value which is known to have been taken.
    private var offers: [Int: [(operation: Int, returned: UInt64)]] = [:]
    /// By operation: when a receive's delivery is surely settled.
    private var settled: [UInt64] = []
    /// Some receive may have taken a value that nobody saw.
    private var hasUnknownReceives = false

    init(_ history: [HistoryOperation], capacities: [Int], limit: Int) {
        operations = history.sorted { $0.invoked < $1.invoked }
        self.capacities = capacities
        self.limit = limit
        for (index, operation) in operations.enumerated() {
            guard case .received(let value, _) = operation.outcome else { continue }
            takings[value] = Taking(
                operation: index, invoked: operation.invoked, returned: operation.returned ?? .max)
        }
        for (index, operation) in operations.enumerated() {
            guard case .cases(let cases) = operation.attempt else { continue }
            for candidate in cases {
                switch candidate {
                case .send(let value, let channel):
                    guard let taking = takings[value] else { continue }
                    offers[channel, default: []].append((index, taking.returned))
                case .receive: if operation.outcome == nil { hasUnknownReceives = true }
                }
            }
        }
        settled = operations.map { receive in
            // Settlements are written with the next request of the process (rule 19).
            operations.filter { next in
                next.process == receive.process && next.outcome != .withdrawn
                    && next.invoked >= receive.returned ?? .max
            }.compactMap(\.returned).min() ?? .max
        }
    }

    mutating func run() -> HistoryVerdict {
        let start = State(
            done: [UInt64](repeating: 0, count: operations.count / 64 + 1),
            queues: [[UInt64]](repeating: [], count: capacities.count))
        var seen: Set<State> = [start]
        var stack = [start]
        var furthest = start
        var longest = -1
        while let state = stack.popLast() {
            let candidates = candidates(after: state)
            guard let candidates else { return .linearizable }
            let length = state.done.reduce(0) { $0 + $1.nonzeroBitCount }
            if length > longest { (longest, furthest) = (length, state) }
            guard seen.count < limit else { return .undecided(limit) }
            // The last pushed is looked at first: so the likeliest comes last.
            for following in successors(of: state, candidates).reversed()
            where seen.insert(following).inserted { stack.append(following) }
        }
        return .violation(explain(furthest))
    }

    private func explain(_ state: State) -> String {
        let stuck = (candidates(after: state) ?? []).map { "  \(operations[$0])" }
        return """
            no order of \(operations.count) operations; the longest has \
            \(state.done.reduce(0) { $0 + $1.nonzeroBitCount }), then holds \(state.queues), and none of these fits:
            \(stuck.joined(separator: "\n"))
            """
    }

    /// What may come next; nil if all that is known to have happened has.
    private func candidates(after state: State) -> [Int]? {
        var found: [Int] = []
        var earliestReturn = UInt64.max
        var isComplete = true
        for (index, operation) in operations.enumerated() where !state.isDone(index) {
            if operation.invoked > earliestReturn { return found }
            found.append(index)
            if let returned = operation.returned {
                isComplete = false
                earliestReturn = min(earliestReturn, returned)
            }
        }
        return isComplete ? nil : found
    }

    // MARK: Steps

    /// The states after one more step, the likeliest first.
    private func successors(of state: State, _ candidates: [Int]) -> [State] {
        // What had no effect may have happened at any instant, so now is as good as any.
        for index in candidates where operations[index].outcome == .withdrawn {
            var next = state
            next.finish(index)
            return [next]
        }
        var likely: [State] = []
        var puts: [(order: UInt64, state: State)] = []
        for index in candidates {
            switch operations[index].outcome {
            case .received(let value, let at): likely += take(value, at, by: index, state, candidates)
            case .sent(let at):
                guard case .send(let value, let channel)? = operations[index].winner(at) else { continue }
                if let next = put(value, on: channel, by: index, state) {
                    puts.append((takings[value]?.returned ?? .max, next))
                }
            case .closed(let at):
                guard let candidate = operations[index].winner(at), isClosed(candidate, in: state) else {
                    continue
                }
                likely.append(finishing(index, in: state))
            case .blocked: if isBlocked(index, in: state) { likely.append(finishing(index, in: state)) }
            case .closing(let isFirst):
                guard case .close(let channel) = operations[index].attempt,
                    state.closed.contains(channel) != isFirst
                else { continue }
                var next = finishing(index, in: state)
                next.closed.insert(channel)
                puts.append((.max, next))
            case .withdrawn: continue
            case nil: puts += unknown(index, state, candidates).map { (.max, $0) }
            }
        }
        return likely + puts.sorted { $0.order < $1.order }.map(\.state)
    }

    private func finishing(_ index: Int, in state: State) -> State {
        var next = state
        next.finish(index)
        return next
    }

    /// A known receive: the head of its channel's queue, or the sender that it meets.
    private func take(
        _ value: UInt64, _ at: Int, by index: Int, _ state: State, _ candidates: [Int]
    ) -> [State] {
        guard case .receive(let channel)? = operations[index].winner(at) else { return [] }
        if capacities[channel] != 0 {
            guard state.queues[channel].first == value else { return [] }
            var next = finishing(index, in: state)
            next.queues[channel].removeFirst()
            return [next]
        }
        guard !state.closed.contains(channel) else { return [] }
        for sender in candidates where sender != index && offers(sender, value, on: channel) {
            var next = finishing(index, in: state)
            next.finish(sender)
            return [next]
        }
        return []
    }

    /// Whether an operation offers the value, and may have had success with it.
    private func offers(_ index: Int, _ value: UInt64, on channel: Int) -> Bool {
        guard case .cases(let cases) = operations[index].attempt,
            let at = cases.firstIndex(of: .send(value, channel))
        else { return false }
        return operations[index].outcome == nil || operations[index].outcome == .sent(at)
    }

    /// A send into a buffer; the meeting on a rendezvous channel is the receive's step.
    private func put(_ value: UInt64, on channel: Int, by index: Int, _ state: State) -> State? {
        let capacity = capacities[channel]
        guard capacity != 0, !state.closed.contains(channel),
            capacity < 0 || state.queues[channel].count < capacity
        else { return nil }
        // Whatever was taken before this value's receive began was sent before it.
        if takings[value] != nil || !hasUnknownReceives {
            let invoked = takings[value]?.invoked ?? .max
            for offer in offers[channel] ?? []
            where offer.operation != index && offer.returned < invoked && !state.isDone(offer.operation) {
                return nil
            }
        }
        var next = finishing(index, in: state)
        next.queues[channel].append(value)
        return next
    }

    /// What an operation may have done of which nobody knows.
    private func unknown(_ index: Int, _ state: State, _ candidates: [Int]) -> [State] {
        guard case .cases(let cases) = operations[index].attempt else {
            var next = finishing(index, in: state)
            next.closed.formUnion(operations[index].channels)
            return [next]
        }
        return cases.flatMap { candidate -> [State] in
            switch candidate {
            case .send(let value, let channel):
                return put(value, on: channel, by: index, state).map { [$0] } ?? []
            case .receive(let channel) where capacities[channel] != 0:
                guard !state.queues[channel].isEmpty else { return [] }
                var next = finishing(index, in: state)
                next.queues[channel].removeFirst()
                return [next]
            case .receive(let channel):
                guard !state.closed.contains(channel) else { return [] }
                return candidates.filter { $0 != index && isUntaken($0, on: channel) }.map { sender in
                    var next = finishing(index, in: state)
                    next.finish(sender)
                    return next
                }
            }
        }
    }

    /// Whether an operation sent a value to a rendezvous channel that no known receive has.
    private func isUntaken(_ index: Int, on channel: Int) -> Bool {
        guard case .cases(let cases) = operations[index].attempt else { return false }
        return cases.enumerated().contains { at, candidate in
            guard case .send(let value, channel) = candidate, takings[value] == nil else { return false }
            return operations[index].outcome == nil || operations[index].outcome == .sent(at)
        }
    }

    // MARK: What can't proceed

    private func isClosed(_ candidate: HistoryOperation.Case, in state: State) -> Bool {
        switch candidate {
        case .send(_, let channel): state.closed.contains(channel)
        case .receive(let channel): state.closed.contains(channel) && state.queues[channel].isEmpty
        }
    }

    /// Whether no case of the operation could proceed.
    private func isBlocked(_ index: Int, in state: State) -> Bool {
        guard case .cases(let cases) = operations[index].attempt else { return false }
        return cases.allSatisfy { candidate in
            let channel = candidate.channel
            let isClosed = state.closed.contains(channel)
            switch candidate {
            case .send:
                guard !isClosed else { return false }
                // Who waits at a rendezvous, a history does not show.
                let capacity = capacities[channel]
                return capacity >= 0 && (capacity == 0 || state.queues[channel].count >= capacity)
            case .receive:
                guard state.queues[channel].isEmpty else { return false }
                return !isClosed || mayBeUnsettled(channel, at: operations[index].invoked, state)
            }
        }
    }

    /// Whether a delivery may come back, so that closed is not reported yet (rule 4).
    private func mayBeUnsettled(_ channel: Int, at time: UInt64, _ state: State) -> Bool {
        operations.indices.contains { index in
            guard state.isDone(index), settled[index] >= time else { return false }
            if case .received(_, let at)? = operations[index].outcome {
                return operations[index].winner(at) == .receive(channel)
            }
            return operations[index].outcome == nil
        }
    }
}
