// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// A case that receives from a blocking client's channel; a nil channel never proceeds.
public func receive<Element>(from channel: BlockingChan<Element>?) -> SelectCase<SelectWinner> {
    receive(from: channel?.passable)
}

/// A case that sends to a blocking client's channel; a nil channel never proceeds.
public func send<Element>(_ element: Element, to channel: BlockingChan<Element>?) -> SelectCase<SelectWinner>
{
    send(element, to: channel?.passable)
}

extension ChandClient.Blocking {
    /// Waits until one of the cases can proceed, and does that one and no other (rules 8 to 13).
    ///
    /// ```swift
    /// let winner = try client.select([receive(from: jobs), receive(from: stop)], timeout: .seconds(1))
    /// if winner?.index == 0 { ... }
    /// ```
    ///
    /// - Parameters:
    ///   - cases: on channels of this client, at least one; besides them ``timeout(_:)`` and ``otherwise()``.
    ///   - timeout: how long to wait: not at all for zero or less, for ever where it is nil.
    ///   - ordered: take the first of several cases that can proceed rather than a random one.
    /// - Returns: the winner; nil where the time ran out, and nothing happened.
    /// - Throws: ``ChandError``, with `invalidArgument` for a case on anything else, and where there is no
    ///   case on a channel.
    public func select(
        _ cases: [SelectCase<SelectWinner>], timeout: Duration? = nil, ordered: Bool = false
    ) throws -> SelectWinner? {
        let selection = Selection(
            cases.map { $0.action }, timeout: WireTime.nanoseconds(timeout), ordered: ordered)
        guard try selection.loop() === loop, selection.actions.allSatisfy({ $0.isFarOrTime }) else {
            throw ChandError(
                .invalidArgument, "a blocking client selects over its own channels, and over at least one")
        }
        let operation = try selection.operation(on: loop)
        _ = try run(operation)
        return operation.winners.first ?? selection.late
    }
}

extension SelectAction {
    /// Whether one SELECT frame can say it; nothing else is waited for here.
    fileprivate var isFarOrTime: Bool {
        switch self {
        case .never, .receive, .send, .timeout, .otherwise: true
        default: false
        }
    }
}
