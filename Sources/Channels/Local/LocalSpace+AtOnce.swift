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
        atOnce(handle) { state in
            state.broker.receiveAtOnce(session: session, handle: handle.number, into: &state.sink) {
                take($0.slot)
            }
        }
    }

    @inline(__always)
    private func atOnce(_ handle: LocalHandle, _ body: (inout State) -> Bool) -> Bool {
        guard origin.isHere else { return false }
        var effects: LocalEffects?
        let isDone = lock.withLock { state in
            guard !handle.isClosed, body(&state) else { return false }
            // Nobody waited for it, as a rule.
            if !state.sink.isQuiet || state.broker.hasWaits || !state.watchers.isEmpty {
                var following = LocalEffects()
                finish(&state, &following)
                effects = following
            }
            return true
        }
        effects?.run(self)
        return isDone
    }
}
