// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// A message of a channel in the process: the slot of its element in its channel's store.
///
/// The store outlives its messages: it goes after the last handle, with which they went.
struct LocalBody: BitwiseCopyable {
    let store: Unmanaged<LocalStore>
    let slot: UInt32
}

/// The broker's effects, as changes of the operations that they concern; only with the lock held.
struct LocalSink: BrokerSink {
    typealias Body = LocalBody

    /// Deliveries that the broker is to be told about, after the input that made them.
    struct HandOver {
        /// What became of them.
        enum Fate {
            /// Handed to a caller for good.
            case settled
            /// Only received, under a lease.
            case received
            /// One that is under a lease of so many nanoseconds from now.
            case leased(UInt64)
        }

        let handle: UInt32
        let first: UInt64
        let count: UInt32
        let fate: Fate
    }

    /// Elements that nobody received, to be destroyed without the lock: that may run anything.
    var garbage: [Any] = []
    var handOvers: [HandOver] = []
    /// Operations that are over, in commit order, linked by `next`.
    private var first: LocalOperation?
    private var last: LocalOperation?
    private var receiving: LocalOperation?
    private var group = DeliveryGroup(
        caseIndex: 0, handle: 0, first: 0, count: 0, byteCount: 0, closed: false)

    /// Whether nothing is to be done because of an input.
    var isQuiet: Bool { first == nil && handOvers.isEmpty && garbage.isEmpty }

    mutating func takeOver() -> LocalOperation? {
        guard let over = first else { return nil }
        first = nil
        last = nil
        return over
    }

    private mutating func end(_ operation: LocalOperation, _ outcome: LocalOperation.Outcome) {
        operation.end(outcome)
        if let last { last.next = operation } else { first = operation }
        last = operation
    }

    mutating func sent(session: UInt32, request: UInt64) {
        let operation = LocalOperation.registered(as: request)
        end(operation, .done(operation.count))
    }

    mutating func selected(session: UInt32, request: UInt64, caseIndex: UInt16) {
        let operation = LocalOperation.registered(as: request)
        operation.caseIndex = Int(caseIndex)
        end(operation, .done(0))
    }

    mutating func beginDeliveries(session: UInt32, request: UInt64, group: DeliveryGroup) {
        self.group = group
        let operation = LocalOperation.registered(as: request)
        operation.caseIndex = Int(group.caseIndex)
        operation.delivery = group.first
        receiving = operation
        if operation.settles {
            handOvers.append(handOver(.settled))
        } else if operation.leaseNanoseconds > 0 {
            handOvers.append(handOver(.leased(operation.leaseNanoseconds)))
        }
    }

    private func handOver(_ fate: HandOver.Fate) -> HandOver {
        HandOver(handle: group.handle, first: group.first, count: group.count, fate: fate)
    }

    mutating func delivery(
        session: UInt32, body: LocalBody, byteCount: Int, attempts: UInt16, flags: DeliveryFlags
    ) {
        guard let receiving else { return }
        receiving.attempts = Int(attempts)
        receiving.isRedelivered = flags.contains(.redelivered)
        body.store._withUnsafeGuaranteedRef { receiving.take(body.slot, of: $0) }
        if flags.contains(.receiptAwaited), !receiving.settles { handOvers.append(handOver(.received)) }
    }

    mutating func endDeliveries(session: UInt32) {
        guard let operation = receiving.take() else { return }
        end(operation, .done(Int(group.count)))
    }

    mutating func waited(session: UInt32, request: UInt64, reason: ChanCore.CloseReason) {
        let operation = LocalOperation.registered(as: request)
        operation.reason = CloseReason(code: reason.code, reason.text)
        end(operation, .done(0))
    }

    mutating func failed(session: UInt32, request: UInt64, failure: Failure) {
        end(LocalOperation.registered(as: request), .failed(failure))
    }

    mutating func discard(_ body: LocalBody) {
        body.store._withUnsafeGuaranteedRef { $0.discard(body.slot, to: &garbage) }
    }
}
