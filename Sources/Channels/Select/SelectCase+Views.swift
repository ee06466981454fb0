// SPDX-License-Identifier: Apache-2.0

/// A case that receives through a view; nil never proceeds.
public func receive<Element>(from receiver: Chan<Element>.Receiver?) -> SelectCase<SelectWinner> {
    receive(from: receiver?.channel)
}

/// A case that sends through a view; nil never proceeds.
public func send<Element>(_ element: Element, to sender: Chan<Element>.Sender?) -> SelectCase<SelectWinner> {
    send(element, to: sender?.channel)
}

/// A case that receives through a view, and what to do with the element.
public func receive<Element, Value>(
    from receiver: Chan<Element>.Receiver?, _ body: @escaping (Element) async throws -> Value,
    closed: ((ChannelClosed) async throws -> Value)? = nil
) -> SelectCase<Value> {
    receive(from: receiver?.channel, body, closed: closed)
}

/// A case that sends through a view, and what to do when that is committed.
public func send<Element, Value>(
    _ element: Element, to sender: Chan<Element>.Sender?, _ body: @escaping () async throws -> Value,
    closed: ((ChannelClosed) async throws -> Value)? = nil
) -> SelectCase<Value> {
    send(element, to: sender?.channel, body, closed: closed)
}
