// SPDX-License-Identifier: Apache-2.0

/// Sending.
extension Chan {
    /// Sends one element, and waits until it is committed: in the buffer, or met by a receive (rules 1 to 3).
    ///
    /// - Parameters:
    ///   - element: what to send; encoded before the call suspends.
    ///   - timeout: how long to wait; for ever where it is nil.
    /// - Throws: ``ChannelClosed``; ``ChandError`` with `timeout` if the time ran out, in which case nothing was
    ///   sent, or another code; `CancellationError`.
    public func send(_ element: Element, timeout: Duration? = nil) async throws {
        guard try await backend.send(element, timeout: WireTime.nanoseconds(timeout)) else { throw wouldWait }
    }

    /// Sends one element if that can be done at once.
    ///
    /// - Returns: false, and nothing is sent, where it would have to wait.
    /// - Throws: as ``send(_:timeout:)``, but no timeout.
    public func trySend(_ element: Element) async throws -> Bool {
        try await backend.send(element, timeout: 0)
    }

    /// Sends elements in order, several times faster than one by one.
    ///
    /// Waits for room as single sends do, and keeps its place in the queue while it does (rule 24). What does
    /// not fit the limits of one request is sent as several, one after the other.
    ///
    /// - Parameters:
    ///   - elements: what to send; encoded piece by piece.
    ///   - timeout: how long to wait for all of it.
    /// - Returns: the number of elements, all of them.
    /// - Throws: as ``send(_:timeout:)``; the error's `accepted` says how many of the first elements were sent
    ///   nevertheless. A task that is cancelled when some were sent gets ``ChandError/Code/cancelled``.
    @discardableResult
    public func send(
        contentsOf elements: some Collection<Element>, timeout: Duration? = nil
    ) async throws -> Int {
        let time = WireTime.nanoseconds(timeout)
        let count = try await backend.send(contentsOf: elements, timeout: time)
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
    /// - Throws: as ``send(contentsOf:timeout:)``, but no timeout.
    public func trySend(contentsOf elements: some Collection<Element>) async throws -> Int {
        try await backend.send(contentsOf: elements, timeout: 0)
    }

    var wouldWait: ChandError {
        ChandError(.timeout, "nothing could be done without waiting", channel: name)
    }
}
