// SPDX-License-Identifier: Apache-2.0

/// What the search for an order found.
public enum HistoryVerdict: Equatable, Sendable {
    /// There is an order in which plain channels do the same.
    case linearizable
    /// There is none, and why, as far as that can be said.
    case violation(String)
    /// The search was given up after so many states.
    case undecided(Int)
}

/// Searches for one order of all operations, each at an instant between its call and its return, in which plain
/// Go channels give the same results (X2).
///
/// The search is Wing and Gong's with Lowe's memory of states seen: depth first over what may come next, which is
/// every operation called before all that are left have returned. An operation without a known outcome may come
/// anywhere after its call, or not at all. A message that meets its receiver on a rendezvous channel is one
/// step of both. Channels that no select joins are searched by themselves.
public struct HistoryChecker {
    private let capacities: [Int]
    private let limit: Int

    /// - Parameters:
    ///   - capacities: of the channels by number; -1 is unbounded.
    ///   - limit: states after which the search gives up.
    public init(capacities: [Int], limit: Int = 2_000_000) {
        self.capacities = capacities
        self.limit = limit
    }

    /// Checks a whole history, in any order.
    public func check(_ operations: [HistoryOperation]) -> HistoryVerdict {
        if let fault = Self.misfit(in: operations) { return .violation(fault) }
        var groups = ChannelGroups(count: capacities.count)
        for operation in operations { groups.join(operation.channels) }
        var parts: [Int: [HistoryOperation]] = [:]
        for operation in operations {
            // A select without cases touches nothing.
            guard let channel = operation.channels.first else { continue }
            parts[groups.root(channel), default: []].append(operation)
        }
        for root in parts.keys.sorted() {
            var search = HistorySearch(parts[root] ?? [], capacities: capacities, limit: limit)
            let verdict = search.run()
            guard verdict == .linearizable else { return verdict }
        }
        return .linearizable
    }

    /// What no order can mend, found without a search.
    private static func misfit(in operations: [HistoryOperation]) -> String? {
        var offers: [UInt64: (operation: HistoryOperation, index: Int, channel: Int)] = [:]
        for operation in operations {
            guard case .cases(let cases) = operation.attempt else { continue }
            for (index, candidate) in cases.enumerated() {
                guard case .send(let value, let channel) = candidate else { continue }
                if offers.updateValue((operation, index, channel), forKey: value) != nil {
                    return "the value \(value) is not unique"
                }
            }
        }
        var taken: Set<UInt64> = []
        for operation in operations {
            guard case .received(let value, let index) = operation.outcome else { continue }
            guard let offer = offers[value] else { return "nobody sent what was received: \(operation)" }
            guard operation.winner(index) == .receive(offer.channel) else {
                return "received from another channel than it was sent to: \(operation)"
            }
            if !taken.insert(value).inserted { return "received twice: \(operation)" }
            if let outcome = offer.operation.outcome, outcome != .sent(offer.index) {
                return "received what was not sent: \(operation) of \(offer.operation)"
            }
            if let returned = operation.returned, returned < offer.operation.invoked {
                return "received before it was sent: \(operation) of \(offer.operation)"
            }
        }
        return nil
    }
}

/// Channels that some operation names together.
private struct ChannelGroups {
    private var parents: [Int]

    init(count: Int) { parents = Array(0..<count) }

    func root(_ channel: Int) -> Int {
        var channel = channel
        while parents[channel] != channel { channel = parents[channel] }
        return channel
    }

    mutating func join(_ channels: [Int]) {
        guard let first = channels.first else { return }
        for other in channels.dropFirst() { parents[root(other)] = root(first) }
    }
}
