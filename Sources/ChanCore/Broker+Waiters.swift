// SPDX-License-Identifier: Apache-2.0

/// Parking, withdrawing and timing out: an operation is either under way, with all its waiters in their
/// channels' lists, or over and nowhere (S14).
extension Broker {
    /// Parks an operation that has no waiter yet; `addWaiter` gives it its cases.
    @inlinable
    mutating func park(
        session: UInt32, request: UInt64, timeout: Int64, limit: UInt32, accepted: UInt32, isSelect: Bool
    ) -> UInt32 {
        let (sum, overflow) = now.addingReportingOverflow(UInt64(max(timeout, 0)))
        let deadline = timeout < 0 || overflow ? UInt64.max : sum
        let slot = operations.insert(
            Operation(
                session: session, request: request, deadline: deadline, since: now, limit: limit,
                accepted: accepted, isSelect: isSelect))
        parked.insert(slot, for: OperationKey(session: session, request: request))
        let first = sessions[session].firstOperation
        operations[slot].next = first
        if first != none { operations[first].previous = slot }
        sessions[session].firstOperation = slot
        countWaiters(1, of: session)
        if deadline != .max { deadlines.insert(slot, deadline: deadline) }
        return slot
    }

    /// Whether the session may park `cases` more waiters; the failure otherwise.
    @inlinable
    func admitWaiters(_ cases: Int, session: UInt32) -> Failure? {
        let more = max(cases, 1)
        return refusal(
            "waiters_per_session", used: sessions[session].waiterCount, more: more,
            allowed: limits.waitersPerSession)
            ?? refusal(
                "waiters_per_user", used: accounts[sessions[session].account].used.waiters, more: more,
                allowed: limits.waitersPerUser)
            ?? memoryFailure
    }

    /// Charges waiters to a session and its user, or refunds them.
    @inlinable
    mutating func countWaiters(_ change: Int, of session: UInt32) {
        sessions[session].waiterCount += change
        accounts[sessions[session].account].used.waiters += change
    }

    /// Puts a case of a parked operation at the end of its channel's list.
    @inlinable
    mutating func addWaiter(_ waiter: Waiter) {
        let slot = waiters.insert(waiter)
        let operation = waiter.operation
        if operations[operation].waiterCount > 0 { countWaiters(1, of: operations[operation].session) }
        operations[operation].waiterCount += 1
        waiters[slot].nextCase = operations[operation].firstWaiter
        operations[operation].firstWaiter = slot
        join(slot)
    }

    /// Puts a waiter at the end of its channel's list.
    @inlinable
    mutating func join(_ slot: UInt32) {
        let channel = waiters[slot].channel
        let previous: UInt32
        if waiters[slot].isSend {
            previous = channels[channel].activity.senders.append(slot)
        } else if waiters[slot].isResting {
            previous = channels[channel].activity.resting.append(slot)
        } else {
            previous = channels[channel].activity.receivers.append(slot)
            if waiters[slot].isCredit { channels[channel].activity.openCredits += 1 }
        }
        waiters[slot].previous = previous
        waiters[slot].next = none
        if previous != none { waiters[previous].next = slot }
    }

    /// Takes an operation out of everything; its uncommitted messages end.
    ///
    /// The caller reports its outcome.
    @inlinable
    mutating func withdraw<S: BrokerSink<Body> & ~Copyable>(_ slot: UInt32, into sink: inout S) {
        if operations[slot].confirmation != none {
            // What is committed goes on; only nobody waits for it any more.
            confirmations[operations[slot].confirmation].operation = none
        }
        if operations[slot].watch != none { endWatch(of: slot) }
        var waiter = operations[slot].firstWaiter
        while waiter != none {
            let following = waiters[waiter].nextCase
            unlink(waiter)
            let gone = waiters.remove(waiter)
            discard(gone.chain, into: &sink)
            waiter = following
        }
        if operations[slot].credit != none { endCredit(operations[slot].credit) }
        if operations[slot].deadline != .max { deadlines.remove(slot) }
        let operation = operations.remove(slot)
        let session = operation.session
        parked.remove(OperationKey(session: session, request: operation.request))
        countWaiters(-max(1, Int(operation.waiterCount)), of: session)
        if operation.previous == none {
            sessions[session].firstOperation = operation.next
        } else {
            operations[operation.previous].next = operation.next
        }
        if operation.next != none { operations[operation.next].previous = operation.previous }
    }

    /// Takes a waiter out of its channel's list.
    @inlinable
    mutating func unlink(_ slot: UInt32) {
        let waiter = waiters[slot]
        let channel = waiter.channel
        if waiter.next != none { waiters[waiter.next].previous = waiter.previous }
        if waiter.previous != none { waiters[waiter.previous].next = waiter.next }
        if waiter.isSend {
            channels[channel].activity.senders.forget(waiter)
        } else if waiter.isResting {
            channels[channel].activity.resting.forget(waiter)
        } else {
            channels[channel].activity.receivers.forget(waiter)
            if waiter.isCredit { channels[channel].activity.openCredits -= 1 }
        }
    }

    /// Ends a parked operation without success.
    @usableFromInline
    mutating func fail<S: BrokerSink<Body> & ~Copyable>(
        _ slot: UInt32, _ failure: Failure, into sink: inout S
    ) {
        let session = operations[slot].session
        let request = operations[slot].request
        var failure = failure
        failure.accepted = operations[slot].accepted
        withdraw(slot, into: &sink)
        sink.failed(session: session, request: request, failure: failure)
    }

    /// Withdraws the operation if it is still under way (rule 22); otherwise its outcome has been given.
    @inlinable
    public mutating func cancel<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, request: UInt64, into sink: inout S
    ) {
        let slot = parked[OperationKey(session: session, request: request)]
        guard slot != none else { return }
        tell(.cancelled, operation: slot, into: &sink)
        fail(slot, ending(slot, Failure(.cancelled)), into: &sink)
    }

    /// Tells the time at which the inputs that follow arrived; ends nothing.
    ///
    /// Without it their timeouts would count from the last input, however long ago that was.
    @inlinable
    public mutating func arrive(at time: UInt64) {
        if time > now { now = time }
    }

    /// Tells the time in nanoseconds and ends what has timed out.
    ///
    /// Time never goes back (X29).
    ///
    /// To be called after the inputs that arrived by then, since a timeout loses a tie (rule 10).
    @inlinable
    public mutating func advance<S: BrokerSink<Body> & ~Copyable>(to time: UInt64, into sink: inout S) {
        arrive(at: time)
        advanced = now
        while let due = nextDeadline, due <= now {
            // In the order in which they were due, however late the owner is. A lease goes first, since what
            // comes back with it may let an operation proceed, and a timeout loses that tie.
            if let lease = leaseDeadlines.first, lease.deadline == due {
                expire(lease.id, into: &sink)
            } else if let operation = deadlines.first {
                fail(operation.id, ending(operation.id, Failure(.timeout)), into: &sink)
            }
        }
    }
}
