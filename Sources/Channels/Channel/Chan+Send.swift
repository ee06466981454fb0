// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// What a send waits for (rule 20).
public enum SendConfirmation: Hashable, Sendable {
    /// The commit: the element is in the buffer, or met a receive.
    case commit
    /// A receiving process has the element.
    case receipt
    /// A receiver is done with the element.
    case settlement

    var flags: UInt8 {
        switch self {
        case .commit: 0
        case .receipt: SendRequest.confirmReceiptFlag
        case .settlement: SendRequest.confirmSettlementFlag
        }
    }
}

/// Sending.
extension Chan {
    /// Sends one element, and waits until it is committed: in the buffer, or met by a receive (rules 1 to 3).
    ///
    /// - Parameters:
    ///   - element: what to send; encoded before the call suspends.
    ///   - confirm: what to wait for beyond the commit (rule 20).
    ///   - timeout: how long to wait; for ever where it is nil.
    /// - Throws: ``ChannelClosed``; ``ChandError`` with `timeout` if the time ran out, in which case nothing was
    ///   sent, with `notConfirmed` if it was sent and the waiting for its confirmation ended, or with another
    ///   code; `CancellationError`.
    @inlinable
    public func send(
        _ element: Element, confirm: SendConfirmation = .commit, timeout: Duration? = nil
    ) async throws {
        if case .near(let channel) = backend, confirm == .commit, timeout == nil, !Task.isCancelled {
            return channel.sendAtOnce(element) ? () : try await channel.sendWaiting(element)
        }
        try await sendWaiting(element, confirm: confirm, timeout: timeout)
    }

    @usableFromInline
    func sendWaiting(_ element: Element, confirm: SendConfirmation, timeout: Duration?) async throws {
        let time = WireTime.nanoseconds(timeout)
        guard try await send(element, time: time, confirm: confirm) > 0 else { throw wouldWait }
    }

    /// Sends one element if that can be done at once.
    ///
    /// - Returns: false, and nothing is sent, where it would have to wait.
    /// - Throws: as ``send(_:confirm:timeout:)``, but no timeout.
    public func trySend(_ element: Element) async throws -> Bool {
        try await send(element, time: 0) > 0
    }

    /// Sends elements in order, several times faster than one by one.
    ///
    /// Waits for room as single sends do, and keeps its place in the queue while it does (rule 24). What does
    /// not fit the limits of one request is sent as several, one after the other.
    ///
    /// - Parameters:
    ///   - elements: what to send; encoded piece by piece.
    ///   - confirm: what to wait for beyond the commit of all (rule 20).
    ///   - timeout: how long to wait for all of it.
    /// - Returns: the number of elements, all of them.
    /// - Throws: as ``send(_:confirm:timeout:)``; the error's `accepted` says how many of the first elements were sent
    ///   nevertheless. A task that is cancelled when some were sent gets ``ChandError/Code/cancelled``.
    @discardableResult
    public func send(
        contentsOf elements: some Collection<Element>, confirm: SendConfirmation = .commit,
        timeout: Duration? = nil
    ) async throws -> Int {
        let time = WireTime.nanoseconds(timeout)
        let count = try await send(contentsOf: elements, time: time, confirm: confirm)
        guard count == elements.count else {
            throw ChandError(
                .timeout, "not all of the batch could be sent without waiting", channel: name, accepted: count
            )
        }
        return count
    }

    /// Sends as many of the first elements as can be sent at once.
    ///
    /// - Returns: how many were sent, which may be none.
    /// - Throws: as ``send(contentsOf:confirm:timeout:)``, but no timeout.
    public func trySend(contentsOf elements: some Collection<Element>) async throws -> Int {
        try await send(contentsOf: elements, time: 0)
    }

    @inline(__always)
    private func send(
        _ element: Element, time: Int64, confirm: SendConfirmation = .commit
    ) async throws -> Int {
        switch backend {
        case .near(let channel): try await channel.send(element, timeout: time, confirm: confirm)
        case .far(let channel): try await channel.send(element, timeout: time, confirm: confirm)
        }
    }

    private func send(
        contentsOf elements: some Collection<Element>, time: Int64, confirm: SendConfirmation = .commit
    ) async throws -> Int {
        if elements.isEmpty { return 0 }
        switch backend {
        case .near(let channel):
            return try await channel.send(contentsOf: Array(elements), timeout: time, confirm: confirm)
        case .far(let channel):
            return try await channel.send(contentsOf: elements, timeout: time, confirm: confirm)
        }
    }

    var wouldWait: ChandError {
        ChandError(.timeout, "nothing could be done without waiting", channel: name)
    }
}
