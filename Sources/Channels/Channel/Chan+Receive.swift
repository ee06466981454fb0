// SPDX-License-Identifier: Apache-2.0

/// Receiving.
///
/// What is received is settled when it reaches the caller (rule 19), by the resume: a message whose task is
/// killed between the resume and its use counts as settled (rule X34).
extension Chan {
    /// Receives one element, and waits until there is one.
    ///
    /// - Parameter timeout: how long to wait; for ever where it is nil.
    /// - Throws: ``ChannelClosed`` once the channel is closed and drained (rule 4); ``ChandError`` with `timeout`
    ///   if the time ran out, with `decoding` if the message does not decode, in which case it was given back
    ///   and the next receive may meet it again, unless ``ChannelOptions/undecodable`` says otherwise, or with another code;
    ///   `CancellationError`.
    @inlinable
    public func receive(timeout: Duration? = nil) async throws -> Element {
        if case .near(let channel) = backend, timeout == nil, !Task.isCancelled {
            if let element = channel.receiveAtOnce() { return element }
            return try await channel.receiveWaiting()
        }
        return try await receiveMessage(timeout: timeout).element
    }

    /// The same as ``receive(timeout:)``.
    @inlinable
    public func recv(timeout: Duration? = nil) async throws -> Element {
        try await receive(timeout: timeout)
    }

    /// Receives one element with what the daemon says about its delivery.
    ///
    /// - Parameter timeout: how long to wait; for ever where it is nil.
    /// - Throws: as ``receive(timeout:)``.
    public func receiveMessage(timeout: Duration? = nil) async throws -> ReceivedMessage<Element> {
        guard let message = try await receive(time: WireTime.nanoseconds(timeout)) else { throw wouldWait }
        return message
    }

    /// Receives one element if that can be done at once.
    ///
    /// - Returns: nil where it would have to wait.
    /// - Throws: as ``receive(timeout:)``, but no timeout.
    public func tryReceive() async throws -> Element? {
        try await receive(time: 0)?.element
    }

    /// Receives what is there, waiting for the first element only (rule 21).
    ///
    /// - Parameters:
    ///   - count: the most elements to take, at least 1; at most 65536 are, and messages of some 256 KiB together.
    ///   - timeout: how long to wait for the first.
    /// - Returns: 1 to `count` elements, in order.
    /// - Throws: as ``receive(timeout:)``. Where a message after the first does not decode, those before it are
    ///   returned, and it goes back with the rest.
    public func receive(upTo count: Int, timeout: Duration? = nil) async throws -> [Element] {
        let elements = try await receive(upTo: count, time: WireTime.nanoseconds(timeout))
        if elements.isEmpty { throw wouldWait }
        return elements
    }

    /// One step of an iteration.
    @usableFromInline
    func receiveNext(_ pin: SessionPin?) async throws -> Element {
        guard let message = try await receive(time: WireTime.nanoseconds(nil), pin) else { throw wouldWait }
        return message.element
    }

    /// One step of an iteration over batches.
    func receiveNext(upTo count: Int, _ pin: SessionPin?) async throws -> [Element] {
        try await receive(upTo: count, time: WireTime.nanoseconds(nil), pin)
    }

    /// Receives what is there, without waiting.
    ///
    /// - Returns: up to `count` elements, none where it would have to wait for the first.
    /// - Throws: as ``receive(upTo:timeout:)``, but no timeout.
    public func tryReceive(upTo count: Int) async throws -> [Element] {
        try await receive(upTo: count, time: 0)
    }

    private func receive(
        upTo count: Int, time: Int64, _ pin: SessionPin? = nil
    ) async throws -> [Element] {
        guard count >= 1 else {
            throw ChandError(.invalidArgument, "a receive of \(count) elements", channel: name)
        }
        switch backend {
        case .near(let channel): return try await channel.receive(upTo: count, timeout: time)
        case .far(let channel): return try await channel.receive(upTo: count, timeout: time, pin: pin)
        }
    }

    @inline(__always)
    private func receive(
        time: Int64, _ pin: SessionPin? = nil
    ) async throws -> ReceivedMessage<Element>? {
        switch backend {
        case .near(let channel): try await channel.receive(timeout: time)
        case .far(let channel): try await channel.receive(timeout: time, pin: pin)
        }
    }
}

/// An element with what the daemon says about its delivery (rule 18).
public struct ReceivedMessage<Element: Sendable>: Sendable {
    /// The element.
    public let element: Element
    /// How often the message answered a receive before; above 0 where it came back.
    public let attempts: Int
    /// Whether some caller may have seen it before.
    public let isRedelivered: Bool
}
