// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

extension LocalHandle: LeaseHolder {
    final func change(
        _ action: LeaseRequest.Action, lease delivery: UInt64, session: UInt64, nanoseconds: UInt64
    ) async throws {
        let failure: Failure? = space.perform(inChild: obstacle) { state in
            switch action {
            case .done, .giveBack:
                return state.broker.finishLease(
                    session: space.session, handle: number, delivery: delivery,
                    givingBack: action == .giveBack, into: &state.sink)
            case .extend:
                state.broker.arrive(at: MonotonicClock.now())
                return state.broker.extendLease(
                    session: space.session, handle: number, delivery: delivery, nanoseconds: nanoseconds,
                    into: &state.sink)
            }
        }
        if let failure { throw LocalFailure.error(failure, channel: name) }
    }

    final func finishLease(_ fate: SettlementLedger.Fate, _ delivery: UInt64, session: UInt64) {
        if fate == .settled { settle(delivery) } else { giveBack(delivery, seen: true) }
    }

    /// Gives back a delivery that is not over.
    final func giveBack(_ delivery: UInt64, seen: Bool) {
        space.perform { state in
            _ = state.broker.giveBack(
                session: space.session, handle: number, first: delivery, count: 1, seen: seen,
                into: &state.sink)
        }
    }

    /// Settles a delivery that is not over.
    final func settle(_ delivery: UInt64) {
        space.perform { state in
            _ = state.broker.settle(
                session: space.session, handle: number, first: delivery, count: 1, into: &state.sink)
        }
    }
}
