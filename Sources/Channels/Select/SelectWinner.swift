// SPDX-License-Identifier: Apache-2.0

/// The one case of a select that took effect, and how.
public struct SelectWinner: Sendable {
    /// How a case ended.
    ///
    /// A closed channel is a value here and not an error: it is the result of one case, and says nothing about
    /// the others.
    public enum Outcome: Sendable {
        /// A send case's element is committed.
        case sent
        /// A receive case's element; what a task returned, a child's ``ProcessStatus``, the number of a signal or of a
        /// descriptor.
        case received(any Sendable)
        /// The case's channel is closed (rule 11).
        case closed(ChannelClosed)
        /// The case's channel can't do it for another reason: it has no receivers (rule 16), or the message does
        /// not decode, and was given back (``ChandError``); or the task that was waited for threw this.
        case failed(any Error)
        /// The time of a timeout case ran out, and nothing happened.
        case timedOut
        /// Nothing could be done at once, and nothing happened.
        case otherwise
    }

    /// The case's place among those given, from 0.
    public let index: Int
    /// How it ended.
    public let outcome: Outcome

    init(index: Int, outcome: Outcome) {
        self.index = index
        self.outcome = outcome
    }

    /// The element of a receive case; nil where the case ended in another way or carries another type.
    public func element<Element>(as type: Element.Type = Element.self) -> Element? {
        guard case .received(let value) = outcome else { return nil }
        return Self.cast(value)
    }

    /// What `as?` does, where it is the type itself without asking the runtime what else the one could be to the other.
    private static func cast<Value, Element>(_ value: Value) -> Element? {
        if Value.self == Element.self { return unsafeBitCast(value, to: Element.self) }
        return value as? Element
    }

    /// Whether the case's channel is closed.
    public var isClosed: Bool {
        guard case .closed = outcome else { return false }
        return true
    }

    /// The error of a case that ended with one, for those who prefer to throw it.
    public var error: (any Error)? {
        switch outcome {
        case .closed(let closed): closed
        case .failed(let error): error
        case .sent, .received, .timedOut, .otherwise: nil
        }
    }
}
