// SPDX-License-Identifier: Apache-2.0

/// One operation of a history: what a process asked for, when, and what came of it.
public struct HistoryOperation: Codable, Hashable, Sendable {
    /// One case; an operation on one channel is a select of one case.
    public enum Case: Codable, Hashable, Sendable {
        /// Offers a value, unique in the history, to a channel.
        case send(UInt64, Int)
        /// Takes from a channel.
        case receive(Int)

        /// The channel's number.
        var channel: Int {
            switch self {
            case .send(_, let channel), .receive(let channel): channel
            }
        }
    }

    /// What was asked for.
    public enum Attempt: Codable, Hashable, Sendable {
        /// Exactly one of these cases, or none.
        case cases([Case])
        /// The end of a channel.
        case close(Int)
    }

    /// What came of it.
    public enum Outcome: Codable, Hashable, Sendable {
        /// The send case of this index.
        case sent(Int)
        /// The receive case of this index took the value.
        case received(UInt64, Int)
        /// The case of this index found its channel closed.
        case closed(Int)
        /// No case could proceed: a try, a default, or a timeout.
        case blocked
        /// It was cancelled, and had no effect.
        case withdrawn
        /// A close, and whether it was the one that closed.
        case closing(Bool)
    }

    /// Whose session it was.
    public var process: Int
    /// Before the call, on the clock of all processes.
    public var invoked: UInt64
    /// After the call; nil where nobody knows what became of it.
    public var returned: UInt64?
    /// What was asked for.
    public var attempt: Attempt
    /// What came of it; nil where nobody knows.
    public var outcome: Outcome?

    /// Makes an operation.
    public init(
        process: Int, invoked: UInt64, returned: UInt64?, _ attempt: Attempt, _ outcome: Outcome?
    ) {
        self.process = process
        self.invoked = invoked
        self.returned = returned
        self.attempt = attempt
        self.outcome = outcome
    }

    /// The channels that it names.
    var channels: [Int] {
        switch attempt {
        case .close(let channel): [channel]
        case .cases(let cases): cases.map(\.channel)
        }
    }

    /// The case that took effect, if one is known to have.
    func winner(_ index: Int) -> Case? {
        guard case .cases(let cases) = attempt, cases.indices.contains(index) else { return nil }
        return cases[index]
    }
}

extension HistoryOperation: CustomStringConvertible {
    /// The operation on one line.
    public var description: String {
        let what =
            switch attempt {
            case .close(let channel): "close \(channel)"
            case .cases(let cases):
                cases.map { candidate in
                    switch candidate {
                    case .send(let value, let channel): "send \(value) to \(channel)"
                    case .receive(let channel): "receive from \(channel)"
                    }
                }.joined(separator: " | ")
            }
        let end = returned.map(String.init) ?? "?"
        let result = outcome.map { "\($0)" } ?? "unknown"
        return "process \(process) [\(invoked), \(end)] \(what) -> \(result)"
    }
}
