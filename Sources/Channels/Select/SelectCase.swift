// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire

/// One case of a select, and what to make of it if it wins.
///
/// Made by `receive(from:)`, `send(_:to:)`, ``timeout(_:_:)`` and ``otherwise(_:)``, and for what is no channel by `finished`,
/// `signal`, `exited` and `readable`; without a handler a case's value is the ``SelectWinner``. Values to send are captured
/// here, once (rule S1).
public struct SelectCase<Value> {
    let action: SelectAction
    let finish: (SelectWinner) async throws -> Value

    init(_ action: SelectAction, finish: @escaping (SelectWinner) async throws -> Value) {
        self.action = action
        self.finish = finish
    }
}

/// What a case waits for.
enum SelectAction: Sendable {
    /// A nil channel: it never proceeds (rule 7).
    case never
    /// A receive from a daemon's channel.
    case receive(RemoteHandle)
    /// A send to a daemon's channel; the closure encodes.
    case send(RemoteHandle, @Sendable (inout MessageWriter) throws -> Void)
    /// A receive inside the process.
    case receiveNear(LocalHandle)
    /// A send inside the process; the closure makes a message of the element, with the lock held.
    case sendNear(LocalHandle, @Sendable (inout LocalSpace.State) -> MessageChain)
    /// Something else than a channel; each select gets a channel for it.
    case source(SelectSource)
    /// Time, in nanoseconds.
    case timeout(Int64)
    /// Nothing.
    case otherwise

    /// Whether the channel was opened in the case's direction.
    var hasRole: Bool {
        switch self {
        case .receive(let handle): handle.role.contains(.receive)
        case .send(let handle, _): handle.role.contains(.send)
        case .receiveNear(let handle): handle.role.contains(.receive)
        case .sendNear(let handle, _): handle.role.contains(.send)
        case .never, .source, .timeout, .otherwise: true
        }
    }

    init<Element>(receivingFrom channel: Chan<Element>?) {
        switch channel?.backend {
        case nil: self = .never
        case .near(let local): self = .receiveNear(local)
        case .far(let remote): self = .receive(remote)
        }
    }

    init<Element>(sending element: Element, to channel: Chan<Element>?) {
        switch channel?.backend {
        case nil: self = .never
        case .near(let local):
            self = .sendNear(local) { state in
                var chain = MessageChain()
                local.append(element, to: &chain, &state)
                return chain
            }
        case .far(let remote):
            let codec = remote.codec
            self = .send(remote) { try codec.encode(element, &$0) }
        }
    }
}

// MARK: - Cases that tell who won

/// A case that receives; a nil channel never proceeds.
public func receive<Element>(from channel: Chan<Element>?) -> SelectCase<SelectWinner> {
    SelectCase(SelectAction(receivingFrom: channel)) { $0 }
}

/// A case that sends; a nil channel never proceeds.
public func send<Element>(_ element: Element, to channel: Chan<Element>?) -> SelectCase<SelectWinner> {
    SelectCase(SelectAction(sending: element, to: channel)) { $0 }
}

/// A case that proceeds when nothing else has for so long.
public func timeout(_ duration: Duration) -> SelectCase<SelectWinner> {
    SelectCase(.timeout(WireTime.nanoseconds(duration))) { $0 }
}

/// The case that is taken where nothing can proceed at once: Go's `default`.
public func otherwise() -> SelectCase<SelectWinner> {
    SelectCase(.otherwise) { $0 }
}

// MARK: - Cases with handlers

/// A case that receives, and what to do with the element.
///
/// - Parameters:
///   - channel: where to receive; nil never proceeds.
///   - body: gets the element after the commit.
///   - closed: gets the reason where the channel is closed and drained; without it the select throws
///     ``ChannelClosed``.
public func receive<Element, Value>(
    from channel: Chan<Element>?, _ body: @escaping (Element) async throws -> Value,
    closed: ((ChannelClosed) async throws -> Value)? = nil
) -> SelectCase<Value> {
    SelectCase(SelectAction(receivingFrom: channel)) { winner in
        if case .closed(let reason) = winner.outcome, let closed { return try await closed(reason) }
        if let error = winner.error { throw error }
        guard let element = winner.element(as: Element.self) else {
            preconditionFailure("a receive case decodes its own element type")
        }
        return try await body(element)
    }
}

/// A case that sends, and what to do when that is committed.
///
/// - Parameters:
///   - element: what to send.
///   - channel: where to send; nil never proceeds.
///   - body: runs after the commit.
///   - closed: gets the reason where the channel is closed; without it the select throws ``ChannelClosed``.
public func send<Element, Value>(
    _ element: Element, to channel: Chan<Element>?, _ body: @escaping () async throws -> Value,
    closed: ((ChannelClosed) async throws -> Value)? = nil
) -> SelectCase<Value> {
    SelectCase(SelectAction(sending: element, to: channel)) { winner in
        if case .closed(let reason) = winner.outcome, let closed { return try await closed(reason) }
        if let error = winner.error { throw error }
        return try await body()
    }
}

/// A case that proceeds when nothing else has for so long, and what to do then.
public func timeout<Value>(
    _ duration: Duration, _ body: @escaping () async throws -> Value
) -> SelectCase<Value> {
    SelectCase(.timeout(WireTime.nanoseconds(duration))) { _ in try await body() }
}

/// The case that is taken where nothing can proceed at once, and what to do then: Go's `default`.
public func otherwise<Value>(_ body: @escaping () async throws -> Value) -> SelectCase<Value> {
    SelectCase(.otherwise) { _ in try await body() }
}
