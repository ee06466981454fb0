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

    /// Sends as `sendAtOnce` does, or else begins to and looks whether that is over; nil where it was done at once.
    @usableFromInline
    func sendOrBegin(_ handle: LocalHandle, _ store: LocalStore, _ insert: () -> UInt32) -> LocalOperation? {
        func body() -> LocalBody { LocalBody(store: Unmanaged.passUnretained(store), slot: insert()) }
        return atOnce(handle) { state in
            state.broker.sendAtOnce(session: session, handle: handle.number, into: &state.sink, body)
        } orBegin: { state in
            let operation = LocalOperation(self, timeout: WireTimeout.never)
            let request = operation.register()
            guard handle.isUsable(&state, request) else { return operation }
            var chain = MessageChain()
            state.broker.append(body(), byteCount: 0, to: &chain, session: session)
            handle.send(chain, for: operation, as: request, .commit, &state)
            return operation
        }
    }

    /// Receives as `receiveAtOnce` does, or else begins to, into memory that stays until that is over.
    @usableFromInline
    func receiveOrBegin(
        _ handle: LocalHandle, into target: UnsafeMutableRawPointer, _ take: (UInt32) -> Void
    ) -> LocalOperation? {
        atOnce(handle) {
            $0.receive(handle, session, take)
        } orBegin: { state in
            let operation = LocalReceive(self, into: target, timeout: WireTimeout.never)
            handle.begin(operation, as: operation.register(), upTo: 1, &state)
            return operation
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
    private func atOnce(
        _ handle: LocalHandle, _ body: (inout State) -> Bool, orBegin: (inout State) -> LocalOperation
    ) -> LocalOperation? {
        guard origin.isHere else {
            let operation = LocalOperation(self, timeout: WireTimeout.never)
            operation.refuse()
            return operation
        }
        var effects: LocalEffects?
        let operation: LocalOperation? = lock.withLock { state in
            let isDone = !handle.isClosed && body(&state)
            let operation = isDone ? nil : orBegin(&state)
            effects = effectsOfOne(&state)
            return operation
        }
        effects?.run(self)
        if let operation { _ = parked.look { operation.isSeenOver } }
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
