// SPDX-License-Identifier: Apache-2.0

/// Sends that wait beyond their commit, until a receiver has the messages or is done with them (rule 20).
///
/// Such a send stays parked, without a waiter once all of it is committed. A timeout or a cancellation then ends
/// the waiting, never the send.
extension Broker {
    @usableFromInline
    mutating func sendConfirmed<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, request: UInt64, handle: UInt32, chain: consuming MessageChain, timeout: Int64,
        _ kind: Confirm, into sink: inout S
    ) {
        let channel = handles[handle].channel
        if let failure = admitWaiters(1, session: session) {
            discard(chain, into: &sink)
            sink.failed(session: session, request: request, failure: failure)
            return
        }
        let count = chain.count
        let confirmation = confirmations.insert(
            Confirmation(
                kind: kind, channel: channel, generation: channels[channel].generation, operation: none,
                outstanding: count, lost: nil))
        var slot = chain.head
        while slot != none {
            messages[slot].confirmation = confirmation
            slot = messages[slot].next
        }
        offer(&chain, on: channel, into: &sink)
        let accepted = count - chain.count
        if accepted > 0 { tell(.send, session: session, channel: channel, count: accepted, into: &sink) }
        guard timeout != 0 else {
            let kind: FailureKind = chain.head == none ? .notConfirmed : .wouldBlock
            discard(chain, into: &sink)
            sink.failed(session: session, request: request, failure: Failure(kind, accepted: accepted))
            return
        }
        let operation = park(
            session: session, request: request, timeout: timeout, limit: 0, accepted: accepted,
            isSelect: false)
        operations[operation].confirmation = confirmation
        confirmations[confirmation].operation = operation
        guard chain.head != none else { return }
        addWaiter(
            Waiter(
                operation: operation, channel: channel, handle: handle, caseIndex: 0, isSend: true,
                untilDrained: false, chain: chain))
    }

    /// All of a confirmed send is committed: it waits on no channel any more.
    @usableFromInline
    mutating func awaitConfirmation(_ operation: UInt32, _ waiter: UInt32) {
        unlink(waiter)
        waiters.remove(waiter)
        operations[operation].firstWaiter = none
        operations[operation].waiterCount = 0
    }

    /// What a delivery says of who waits for its message.
    @usableFromInline
    func awaited(_ slot: UInt32) -> DeliveryFlags {
        switch confirmations[messages[slot].confirmation].kind {
        case .receipt: .receiptAwaited
        case .settlement: .settlementAwaited
        }
    }

    /// A receiving process has these deliveries of a handle: what was sent ahead is handed over.
    ///
    /// Returns false where a number was never given out.
    public mutating func receipt<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, first: UInt64, count: UInt32, into sink: inout S
    ) -> Bool {
        var pending = PendingChannels()
        let isKnown = receipt(
            session: session, handle: number, first: first, count: count, pending: &pending, into: &sink)
        proceed(on: pending, into: &sink)
        return isKnown
    }

    /// The same as one part of an input: what may proceed then is noted in `pending`.
    public mutating func receipt<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, first: UInt64, count: UInt32, pending: inout PendingChannels,
        into sink: inout S
    ) -> Bool {
        guard let handle = anyHandle(session, number), wereDelivered(handle, first, count) else {
            return false
        }
        var received: [UInt32] = []
        handles[handle].window.peek(first: first, count: count) { received.append($0) }
        let channel = handles[handle].channel
        var freed = false
        for slot in received {
            if messages[slot].credit != none {
                handOver(slot, on: channel)
                freed = true
            }
            guard messages[slot].confirmation != none,
                confirmations[messages[slot].confirmation].kind == .receipt
            else { continue }
            confirmed(slot, into: &sink)
        }
        if freed, mayProceed(channel) { pending.insert(channel) }
        return true
    }

    /// A message is confirmed: settled, or received where that is what was asked for.
    @usableFromInline
    mutating func confirmed<S: BrokerSink<Body> & ~Copyable>(_ slot: UInt32, into sink: inout S) {
        resolve(slot, lost: nil, into: &sink)
    }

    /// A message leaves its channel unsettled: nobody will confirm it any more.
    mutating func loseConfirmation<S: BrokerSink<Body> & ~Copyable>(
        of slot: UInt32, _ reason: String, into sink: inout S
    ) {
        guard messages[slot].confirmation != none else { return }
        resolve(slot, lost: reason, into: &sink)
    }

    /// Ends a message that leaves its channel unsettled, and counts it.
    mutating func lose<S: BrokerSink<Body> & ~Copyable>(
        _ slot: UInt32, _ reason: String, into sink: inout S
    ) {
        loseConfirmation(of: slot, reason, into: &sink)
        discarded += 1
        free(slot, into: &sink)
    }

    private mutating func resolve<S: BrokerSink<Body> & ~Copyable>(
        _ slot: UInt32, lost: String?, into sink: inout S
    ) {
        let confirmation = messages[slot].confirmation
        messages[slot].confirmation = none
        if let lost { confirmations[confirmation].lost = lost }
        confirmations[confirmation].outstanding -= 1
        guard confirmations[confirmation].outstanding == 0 else { return }
        let over = confirmations.remove(confirmation)
        guard over.operation != none else { return }
        let session = operations[over.operation].session
        let request = operations[over.operation].request
        let accepted = operations[over.operation].accepted
        operations[over.operation].confirmation = none
        withdraw(over.operation, into: &sink)
        if let reason = over.lost {
            let failure = Failure(.notConfirmed, accepted: accepted, text: reason)
            sink.failed(session: session, request: request, failure: failure)
        } else {
            sink.sent(session: session, request: request)
        }
    }

    /// A message that was never committed is gone, and nobody is told for its sake: its send is over.
    @usableFromInline
    mutating func forgetConfirmation(of slot: UInt32) {
        let confirmation = messages[slot].confirmation
        messages[slot].confirmation = none
        confirmations[confirmation].outstanding -= 1
        if confirmations[confirmation].outstanding == 0 { confirmations.remove(confirmation) }
    }

    /// How a timeout or a cancellation ends an operation: the waiting only, where all is committed.
    @usableFromInline
    func ending(_ operation: UInt32, _ failure: Failure) -> Failure {
        guard operations[operation].confirmation != none, operations[operation].firstWaiter == none else {
            return failure
        }
        return Failure(.notConfirmed, text: failure.kind == .timeout ? "timeout" : "cancelled")
    }
}
