// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Operations that are under way all at once, each with an identifier, and their results one by one.
///
/// ```swift
/// let set = SelectSet<String>()
/// set.receive("job", from: jobs)
/// set.send("count", 1, to: counts)
/// while let ended = try await set.select() { ... }
/// ```
///
/// Unlike ``select(ordered:_:)``, where one case commits and the others don't, every operation here is begun when
/// it is added, in that order (rule 23), and goes on until it is done; a send and a receive of one set may meet each other.
/// Operations can be added at any time, also after others have ended. Identifiers may repeat.
///
/// A failure is a result like any other: it loses nothing. A received element is handed over when ``select(timeout:)`` returns it;
/// a set that goes away withdraws what is under way and gives back, unseen, what was received and not handed over.
public final class SelectSet<ID: Sendable>: Sendable {
    /// An operation that has ended.
    public struct Completion: Sendable {
        /// Its identifier.
        public let id: ID
        /// How it ended.
        public let outcome: Outcome

        /// The element that was received; nil where there is none, or it has another type.
        public func element<Element>(as type: Element.Type = Element.self) -> Element? {
            guard case .received(let element) = outcome else { return nil }
            return element as? Element
        }
    }

    /// How an operation ended.
    public enum Outcome: Sendable {
        /// The element is committed.
        case sent
        /// The element that was received.
        case received(any Sendable)
        /// It failed: ``ChannelClosed``, ``ChandError``.
        case failed(any Error)
    }

    private struct Operations {
        var under: [UInt64: (id: ID, operation: any StartedOperation)] = [:]
        var last: UInt64 = 0
    }

    private let operations = Lock(Operations())
    /// The numbers of operations that have ended, in that order.
    private let ended = Chan<UInt64>(size: ChannelOptions.unboundedCapacity)

    /// Makes an empty set.
    public init() {}

    deinit {
        for (_, operation) in operations.withLock({ $0.under.values.map { $0 } }) { operation.drop() }
    }

    /// How many operations are under way or have a result that was not returned yet.
    public var count: Int { operations.withLock { $0.under.count } }

    /// Whether there is nothing to wait for.
    public var isEmpty: Bool { count == 0 }

    /// Begins to receive from a channel.
    public func receive<Element>(_ id: ID, from channel: Chan<Element>) {
        switch channel.backend {
        case .near(let local): add(id, StartedNearReceive(local))
        case .far(let remote): add(id, StartedFarReceive(remote))
        }
    }

    /// Begins to receive through a view, such as that of a timer or of ``signals(_:)``.
    public func receive<Element>(_ id: ID, from receiver: Chan<Element>.Receiver) {
        receive(id, from: receiver.channel)
    }

    /// Begins to send on a channel.
    public func send<Element>(_ id: ID, _ element: Element, to channel: Chan<Element>) {
        switch channel.backend {
        case .near(let local): add(id, StartedNearSend(element, to: local))
        case .far(let remote): add(id, StartedFarSend(element, to: remote))
        }
    }

    /// Waits for the next operation to end, in the order in which they do.
    ///
    /// To be called by one task at a time. Cancelling the task ends the waiting and nothing else.
    ///
    /// - Parameter timeout: how long to wait; for ever where it is nil.
    /// - Returns: nil where nothing is under way.
    /// - Throws: ``ChandError`` with `timeout`; `CancellationError`.
    public func select(timeout: Duration? = nil) async throws -> Completion? {
        if isEmpty { return nil }
        let number = try await ended.receive(timeout: timeout)
        guard let entry = operations.withLock({ $0.under.removeValue(forKey: number) }) else {
            preconditionFailure("an operation of a set ended twice")
        }
        return Completion(id: entry.id, outcome: entry.operation.claim())
    }

    private func add(_ id: ID, _ operation: any StartedOperation) {
        let number = operations.withLock { operations in
            operations.last += 1
            operations.under[operations.last] = (id, operation)
            return operations.last
        }
        operation.start { [ended = ended.near] in ended.offer(number) }
    }
}
