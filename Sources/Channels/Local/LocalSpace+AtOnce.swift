// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem

/// What can be done at once is, with one lock and without an operation: most sends and receives.
///
/// The closures move the element, for which the caller's code is specialised, with the lock held.
extension LocalSpace {
    /// Sends the element that `insert` puts into the channel's `store`; false, and nothing is done, where a send would wait
    /// or fail.
    @usableFromInline
    func sendAtOnce(_ handle: LocalHandle, _ store: LocalStore, _ insert: () -> UInt32) -> Bool {
        guard origin.isHere else { return false }
        var effects = LocalEffects()
        let isSent = lock.withLock { state in
            guard !handle.isClosed, state.broker.sendsAtOnce(session: session, handle: handle.number) else {
                return false
            }
            var chain = MessageChain()
            let body = LocalBody(store: Unmanaged.passUnretained(store), slot: insert())
            state.broker.append(body, byteCount: 0, to: &chain, session: session)
            state.broker.send(
                session: session, request: LocalSink.atOnce, handle: handle.number, chain: chain, timeout: 0,
                into: &state.sink)
            finish(&state, &effects)
            return true
        }
        effects.run(self)
        return isSent
    }

    /// Receives the element that `take` takes out of the channel's store; false, and nothing is done, where a receive
    /// would wait or fail.
    @usableFromInline
    func receiveAtOnce(_ handle: LocalHandle, _ take: (UInt32) -> Void) -> Bool {
        guard origin.isHere else { return false }
        var effects = LocalEffects()
        let isReceived = lock.withLock { state in
            guard !handle.isClosed,
                state.broker.isReady(session: session, handle: handle.number, sending: false)
            else { return false }
            state.broker.receive(
                session: session, request: LocalSink.atOnce, handle: handle.number, count: 1, timeout: 0,
                untilDrained: false, into: &state.sink)
            guard let slot = state.sink.handedSlot else { return false }
            take(slot)
            finish(&state, &effects)
            return true
        }
        effects.run(self)
        return isReceived
    }
}
