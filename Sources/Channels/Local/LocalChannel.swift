// SPDX-License-Identifier: Apache-2.0

public import ChanCore
import ChanWire

/// A channel of the process with the type of its elements.
///
/// Unchecked, as ``LocalHandle``.
@usableFromInline
final class LocalChannel<Element: Sendable>: LocalHandle, @unchecked Sendable {
    let store: ElementStore<Element>
    /// What holds the elements; the store keeps it.
    @usableFromInline let holder: ElementStore<Element>

    /// Opens a handle on the channel of a store; with options a channel of its own where it is the first.
    init(
        _ store: ElementStore<Element>, role: ChannelRole = .both, capacity: Int?,
        options: ChannelOptions = ChannelOptions()
    ) throws {
        self.store = store
        holder = store.holder
        try super.init(store, role: role, capacity: capacity, options)
    }

    var identity: ChannelIdentity {
        ChannelIdentity(instance: 0, name: name, generation: opened.generation)
    }

    // MARK: - At once

    /// Sends one element; false, and nothing is done, where that would wait or fail, or where there is no buffer.
    @inlinable
    func sendAtOnce(_ element: Element) -> Bool {
        guard isBuffered else { return false }
        return space.sendAtOnce(self, holder) { holder.elements.insert(element) }
    }

    /// Receives one element; nil, and nothing is done, where that would wait or fail, or where there is no buffer.
    @inlinable
    func receiveAtOnce() -> Element? {
        guard isBuffered else { return nil }
        var element: Element?
        if space.receiveAtOnce(self, { element = holder.elements.remove($0) }) { return element }
        return nil
    }

    /// Whether there is a buffer; else every other attempt fails, and is made in one with what is to be done then.
    @usableFromInline var isBuffered: Bool { opened.capacity != 0 }

    // MARK: - Without layers

    /// Sends one element, for which the caller's code is specialised: there is one call that can suspend, and that is
    /// made only where there was no partner.
    ///
    /// For a task that is not cancelled. Not inlined: the room for its wait would be in every task that sends, also to a daemon,
    /// and more than such a task begins with.
    @inlinable @inline(never)
    func sendWaiting(_ element: Element) async throws {
        // The closure right here: one with a name would be on the heap.
        guard let operation = space.sendOrBegin(self, holder, { holder.elements.insert(element) }) else {
            return
        }
        if !operation.isSeenOver { await operation.wait() }
        _ = try accepted(operation)
    }

    /// Receives one element in the same way.
    @inlinable
    func receiveWaiting() async throws -> Element {
        var element: Element?
        let layout = (size: MemoryLayout<Element>.size, alignment: MemoryLayout<Element>.alignment)
        guard let operation = space.receiveOrBegin(self, layout, { element = holder.elements.remove($0) })
        else {
            guard let element else { preconditionFailure("a receive that was done took nothing") }
            return element
        }
        if !operation.isSeenOver { await operation.wait() }
        _ = try taken(operation)
        return operation.target.assumingMemoryBound(to: Element.self).move()
    }

    // MARK: - Sending

    /// Sends one element; the number committed, 0 for a try that would have to wait.
    func send(_ element: Element, timeout: Int64, confirm: SendConfirmation) async throws -> Int {
        let operation = LocalOperation(space, timeout: timeout)
        try await operation.run { state, request in
            guard isUsable(&state, request) else { return }
            var chain = MessageChain()
            append(element, to: &chain, &state)
            send(chain, for: operation, as: request, confirm, &state)
        }
        return try accepted(operation)
    }

    /// Sends elements as one batch (rule 24); how many were committed, which are all unless it was a try.
    func send(contentsOf elements: [Element], timeout: Int64, confirm: SendConfirmation) async throws -> Int {
        let operation = LocalOperation(space, timeout: timeout)
        operation.count = elements.count
        try await operation.run { state, request in
            guard isUsable(&state, request) else { return }
            var chain = MessageChain()
            for element in elements { append(element, to: &chain, &state) }
            send(chain, for: operation, as: request, confirm, &state)
        }
        return try accepted(operation)
    }

    /// Sends one element if that can be done at once; for whoever can't wait and needs no reason.
    func offer(_ element: Element) {
        let operation = LocalOperation(space, timeout: 0)
        _ = space.begin(operation) { state, request in
            guard isUsable(&state, request) else { return }
            var chain = MessageChain()
            append(element, to: &chain, &state)
            send(chain, for: operation, as: request, .commit, &state)
        }
    }

    /// Makes a message of an element; with the lock held.
    func append(_ element: Element, to chain: inout MessageChain, _ state: inout LocalSpace.State) {
        state.broker.append(store.insert(element), byteCount: 0, to: &chain, session: space.session)
    }

    // MARK: - Waiting

    /// Waits until the channel is in a state; says what a close said.
    func wait(until condition: ChannelCondition, timeout: Int64) async throws -> Channels.CloseReason {
        let operation = LocalOperation(space, timeout: timeout)
        try await operation.run { state, request in
            guard isUsable(&state, request) else { return }
            state.broker.wait(
                session: space.session, request: request, handle: number, until: condition.core,
                timeout: timeout, into: &state.sink)
        }
        switch operation.outcome {
        case .done: return operation.reason
        case .failed(let failure) where failure.kind == .wouldBlock:
            throw ChandError(.timeout, "the channel is not in that state", channel: name)
        case .failed(let failure): throw LocalFailure.error(failure, channel: name)
        case .pending: preconditionFailure("a wait that is not over returned")
        }
    }

    // MARK: - Receiving

    /// Receives one element; nil for a try that would have to wait.
    func receive(timeout: Int64) async throws -> ReceivedMessage<Element>? {
        let layout = (size: MemoryLayout<Element>.size, alignment: MemoryLayout<Element>.alignment)
        let operation = LocalReceive(space, layout, timeout: timeout)
        try await operation.run { begin(operation, as: $1, upTo: 1, &$0) }
        guard try taken(operation) else { return nil }
        return ReceivedMessage(
            element: operation.target.assumingMemoryBound(to: Element.self).move(),
            attempts: operation.attempts, isRedelivered: operation.isRedelivered)
    }

    /// Receives what is there, up to a count; nothing for a try that would have to wait.
    func receive(upTo count: Int, timeout: Int64) async throws -> [Element] {
        let operation = LocalBatchReceive(self, timeout: timeout)
        try await operation.run { begin(operation, as: $1, upTo: count, &$0) }
        return try taken(operation) ? operation.elements : []
    }

    /// Receives one element under a lease; nil for a try that would have to wait.
    func lease(_ terms: Channels.LeaseTerms, timeout: Int64) async throws -> Lease<Element>? {
        let wire = try terms.wire(for: name)
        guard wire.deadLetter.isEmpty else {
            throw ChandError(
                .invalidArgument,
                "a channel inside the process has the dead-letter channel that it was made with, and no other",
                channel: name)
        }
        let operation = LocalLeaseReceive(self, for: wire.nanoseconds, timeout: timeout)
        let deadLetters = wire.attemptLimit > 0 ? store.deadLetters : nil
        try await operation.run { state, request in
            // Of a name that is nobody's any more a channel would be made that nobody can open.
            let deadLetter = deadLetters.flatMap { $0.isClosed ? nil : $0.name } ?? ""
            let core = ChanCore.LeaseTerms(
                nanoseconds: wire.nanoseconds, attemptLimit: wire.attemptLimit, deadLetter: deadLetter)
            begin(operation, as: request, upTo: 1, under: core, &state)
        }
        // Not let go before: whoever does so last takes the lock.
        withExtendedLifetime(deadLetters) {}
        guard try taken(operation), let element = operation.element else { return nil }
        return Lease(
            element, holder: self, delivery: operation.delivery, attempts: operation.attempts,
            isRedelivered: operation.isRedelivered)
    }

}

extension SendConfirmation {
    /// The broker's word for it.
    var core: Confirm? {
        switch self {
        case .commit: nil
        case .receipt: .receipt
        case .settlement: .settlement
        }
    }
}
