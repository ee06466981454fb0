// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// What can be done at once is, with one lock and without an operation: most sends and receives.
///
/// The closures move the element, for which the caller's code is specialised, with the lock held.
extension LocalSpace {
    /// Sends the element that `insert` puts into the channel's `store`; false, and nothing is done, where a send would wait
    /// or fail.
    @usableFromInline
    func sendAtOnce(_ handle: LocalHandle, _ store: LocalStore, _ insert: () -> UInt32) -> Bool {
        atOnce(handle) { state in
            state.broker.sendAtOnce(session: session, handle: handle.number, into: &state.sink) {
                LocalBody(store: Unmanaged.passUnretained(store), slot: insert())
            }
        }
    }

    /// Receives the element that `take` takes out of the channel's store; false, and nothing is done, where a receive
    /// would wait or fail.
    @usableFromInline
    func receiveAtOnce(_ handle: LocalHandle, _ take: (UInt32) -> Void) -> Bool {
        atOnce(handle) { $0.receive(handle, session, take) }
    }

    /// Sends as `sendAtOnce` does, or else begins to; nil where it was done at once.
    @usableFromInline
    func sendOrBegin(_ handle: LocalHandle, _ store: LocalStore, _ insert: () -> UInt32) -> LocalOperation? {
        func body() -> LocalBody { LocalBody(store: Unmanaged.passUnretained(store), slot: insert()) }
        return atOnce(handle) { state in
            state.broker.sendAtOnce(session: session, handle: handle.number, into: &state.sink, body)
        } or: {
            LocalOperation(self, timeout: WireTimeout.never)
        } begin: { operation, state in
            let request = operation.register()
            guard handle.isUsable(&state, request) else { return }
            var chain = MessageChain()
            state.broker.append(body(), byteCount: 0, to: &chain, session: session)
            handle.send(chain, for: operation, as: request, .commit, &state)
        }
    }

    /// Receives as `receiveAtOnce` does, or else begins to receive an element of that layout.
    @usableFromInline
    func receiveOrBegin(
        _ handle: LocalHandle, _ element: (size: Int, alignment: Int), _ take: (UInt32) -> Void
    ) -> LocalReceive? {
        atOnce(handle) {
            $0.receive(handle, session, take)
        } or: {
            LocalReceive(self, element, timeout: WireTimeout.never)
        } begin: { operation, state in
            handle.begin(operation, as: operation.register(), upTo: 1, &state)
        }
    }

    @inline(__always)
    private func atOnce(_ handle: LocalHandle, _ body: (inout State) -> Bool) -> Bool {
        guard origin.isHere else { return false }
        var effects: LocalEffects?
        let isDone = lock.withLock { state in
            guard !handle.isClosed, body(&state) else { return false }
            effects = effectsOfOne(&state)
            return true
        }
        effects?.run(self)
        return isDone
    }

    /// In one with the lock held, since where there is no buffer every other attempt fails.
    @inline(__always)
    private func atOnce<Operation: LocalOperation>(
        _ handle: LocalHandle, _ body: (inout State) -> Bool, or make: () -> Operation,
        begin: (Operation, inout State) -> Void
    ) -> Operation? {
        guard origin.isHere else {
            let operation = make()
            operation.refuse()
            return operation
        }
        var effects: LocalEffects?
        let operation: Operation? = lock.withLock { state in
            var operation: Operation?
            if handle.isClosed || !body(&state) {
                let begun = make()
                begin(begun, &state)
                operation = begun
            }
            effects = effectsOfOne(&state)
            return operation
        }
        effects?.run(self)
        return operation
    }

    /// What follows from one message; nil where nobody waited for it, as a rule.
    @inline(__always)
    private func effectsOfOne(_ state: inout State) -> LocalEffects? {
        if state.sink.isQuiet, !state.broker.hasWaits, state.watchers.isEmpty { return nil }
        var effects = LocalEffects()
        finish(&state, &effects)
        return effects
    }
}

extension LocalSpace.State {
    /// Receives one element's slot if that can be done at once.
    @inline(__always)
    fileprivate mutating func receive(
        _ handle: LocalHandle, _ session: UInt32, _ take: (UInt32) -> Void
    ) -> Bool {
        broker.receiveAtOnce(session: session, handle: handle.number, into: &sink) { take($0.slot) }
    }
}
