// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Calls that suspend the task.
///
/// They are in two steps, since only the calling task can suspend: the channel makes an operation, and the task
/// parks itself with it.
extension RemoteChannel {
    /// Sends one element; the number committed, 0 for a try that would have to wait.
    func send(_ element: Element, timeout: Int64, confirm: SendConfirmation) async throws -> Int {
        let operation = sending(timeout: timeout, acceptedBefore: 0, confirm: confirm)
        return try await suspend { continuation in
            operation.park(continuation)
            begin(operation, sending: element)
        } onCancel: {
            operation.cancel()
        }
    }

    /// One operation after the other, since the next one must not overtake what is left of this one.
    func send(
        contentsOf elements: some Collection<Element>, timeout: Int64, confirm: SendConfirmation
    ) async throws -> Int {
        let start = timeout > 0 ? MonotonicClock.now() : 0
        // What is left when the connection is lost is not sent in another session: nobody knows what was accepted.
        let pin = SessionPin()
        var rest = elements[...]
        var accepted = 0
        while !rest.isEmpty {
            let left = WireTime.remaining(of: timeout, since: start)
            let operation = sending(timeout: left, acceptedBefore: accepted, confirm: confirm, pin: pin)
            let (count, next) = try await send(first: rest, operation)
            accepted += count
            // A try that could not send all of its messages; those behind them are not tried.
            if count < operation.count { break }
            rest = rest[next...]
        }
        return accepted
    }

    private func send<Elements: Collection<Element>>(
        first elements: Elements, _ operation: SendOperation
    ) async throws -> (count: Int, next: Elements.Index) {
        var next = elements.startIndex
        let count = try await suspend { continuation in
            operation.park(continuation)
            next = begin(operation, sending: elements)
        } onCancel: {
            operation.cancel()
        }
        return (count, next)
    }

    /// Receives one element; nil for a try that would have to wait.
    func receive(timeout: Int64, pin: SessionPin? = nil) async throws -> ReceivedMessage<Element>? {
        let target = UnsafeMutablePointer<Element>.allocate(capacity: 1)
        defer { target.deallocate() }
        let operation = receiving(into: target, timeout: timeout)
        operation.pin = pin
        guard try await operation.outcome() > 0 else { return nil }
        return ReceivedMessage(
            element: target.move(), attempts: operation.attempts, isRedelivered: operation.isRedelivered)
    }

    /// Receives what is there, up to a count; nothing for a try that would have to wait.
    func receive(upTo count: Int, timeout: Int64, pin: SessionPin? = nil) async throws -> [Element] {
        let operation = receiving(upTo: count, timeout: timeout)
        operation.pin = pin
        _ = try await operation.outcome()
        return operation.elements
    }

    /// Receives one element under a lease; nil for a try that would have to wait.
    func lease(
        _ terms: LeaseTerms, timeout: Int64, pin: SessionPin? = nil
    ) async throws -> Lease<Element>? {
        let operation = leasing(try terms.wire(for: name), timeout: timeout)
        operation.pin = pin
        return try await operation.outcome() > 0 ? operation.lease : nil
    }
}
