// SPDX-License-Identifier: Apache-2.0

/// Sends and receives (rules 1 to 4) and their outcomes.
extension Broker {
    /// Sends the messages of `chain`, one or a batch, through a handle; consumes the chain.
    ///
    /// The sink gets `sent` once all are committed, and confirmed where that is asked for (rule 20), else
    /// `failed` with the number that were committed. A `timeout` in
    /// nanoseconds of 0 never parks, a negative one waits for ever.
    @inlinable
    public mutating func send<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, request: UInt64, handle number: UInt32, chain: consuming MessageChain,
        timeout: Int64, confirm: Confirm? = nil, into sink: inout S
    ) {
        guard let handle = openHandle(session, number), handles[handle].role.contains(.send) else {
            discard(chain, into: &sink)
            sink.failed(session: session, request: request, failure: handleFailure(session, number, .send))
            return
        }
        let channel = handles[handle].channel
        guard channels[channel].flags.isDisjoint(with: .stopsSends) else {
            discard(chain, into: &sink)
            sink.failed(session: session, request: request, failure: sendFailure(channel))
            return
        }
        if let confirm {
            sendConfirmed(
                session: session, request: request, handle: handle, chain: chain, timeout: timeout, confirm,
                into: &sink)
            return
        }
        let count = chain.count
        // Nothing overtakes a parked send (rule 23): where one waits there is neither room nor a receiver,
        // but for a select that waits in both directions, which this send may meet.
        offer(&chain, on: channel, into: &sink)
        let accepted = count - chain.count
        if accepted > 0 { tell(.send, session: session, channel: channel, count: accepted, into: &sink) }
        if chain.head == none {
            sink.sent(session: session, request: request)
            return
        }
        if let failure = timeout == 0 ? Failure(.wouldBlock) : admitWaiters(1, session: session) {
            discard(chain, into: &sink)
            var failure = failure
            failure.accepted = accepted
            sink.failed(session: session, request: request, failure: failure)
            return
        }
        let operation = park(
            session: session, request: request, timeout: timeout, limit: 0, accepted: accepted,
            isSelect: false)
        addWaiter(
            Waiter(
                operation: operation, channel: channel, handle: handle, caseIndex: 0, isSend: true,
                untilDrained: false, chain: chain))
    }

    /// Receives 1 to `count` messages, what is there, and waits only for the first.
    ///
    /// The sink gets the deliveries, or `failed`: closed once nothing can come any more, or, `untilDrained`,
    /// as soon as nothing is queued. With `ahead` the receive stays, as a credit for `count` messages (rule 21), until
    /// it is closed, cancelled or its handle goes; without a buffer it ends with its first message.
    @inlinable
    public mutating func receive<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, request: UInt64, handle number: UInt32, count: UInt32, timeout: Int64,
        untilDrained: Bool, terms: LeaseTerms? = nil, ahead: Bool = false, into sink: inout S
    ) {
        guard let handle = openHandle(session, number), handles[handle].role.contains(.receive) else {
            sink.failed(session: session, request: request, failure: handleFailure(session, number, .receive))
            return
        }
        guard count > 0 else {
            sink.failed(
                session: session, request: request,
                failure: Failure(.invalidArgument, text: "a receive takes at least 1 message"))
            return
        }
        guard !ahead || timeout < 0 else {
            sink.failed(
                session: session, request: request,
                failure: Failure(.invalidArgument, text: "a read-ahead has no timeout"))
            return
        }
        let channel = handles[handle].channel
        if let terms, let failure = fault(in: terms, session: session, channel: channel) {
            sink.failed(session: session, request: request, failure: failure)
            return
        }
        let limit = min(count, Self.maxDeliveries)
        let staysAhead = ahead && !channels[channel].isRendezvous
        let taken = staysAhead ? MessageChain() : take(ahead ? 1 : limit, from: channel, into: &sink)
        if taken.head != none {
            endDrained(channel, into: &sink)
            deliver(taken, request: request, handle: handle, caseIndex: 0, terms: terms, into: &sink)
            return
        }
        if reportsClosed(channel, untilDrained: untilDrained) {
            sink.failed(session: session, request: request, failure: closedFailure(channel))
            return
        }
        if let failure = timeout == 0 ? Failure(.wouldBlock) : admitWaiters(1, session: session) {
            sink.failed(session: session, request: request, failure: failure)
            return
        }
        let operation = park(
            session: session, request: request, timeout: timeout, limit: ahead ? 1 : limit, accepted: 0,
            isSelect: false)
        operations[operation].terms = terms
        var waiter = Waiter(
            operation: operation, channel: channel, handle: handle, caseIndex: 0, isSend: false,
            untilDrained: untilDrained, chain: MessageChain())
        if ahead {
            operations[operation].credit = credits.insert(Credit(operation: operation, limit: limit))
            waiter.isCredit = true
        }
        addWaiter(waiter)
        if staysAhead { pump(channel, into: &sink) }
    }

    /// The most messages that answer one receive.
    @inlinable static var maxDeliveries: UInt32 { 65_536 }

    /// A receive on the channel would report closed now (rule 4), given that nothing is queued.
    @inlinable
    func reportsClosed(_ channel: UInt32, untilDrained: Bool) -> Bool {
        channels[channel].isFinished
            || (untilDrained && channels[channel].flags.contains(.closed) && channels[channel].queued == 0)
    }

    @usableFromInline
    func handleFailure(_ session: UInt32, _ number: UInt32, _ role: Role) -> Failure {
        guard let handle = openHandle(session, number) else {
            return Failure(.noSuchHandle, text: "no open handle \(number)")
        }
        let verb = role == .send ? "send" : "receive"
        return Failure(
            .wrongRole, text: "the handle on \(channels[handles[handle].channel].shownName) may not \(verb)")
    }

    /// The receiver is done with these deliveries of a handle; numbers that are over are passed over.
    ///
    /// Returns false for a handle that is not there or a number that was never given out, which no honest
    /// client says.
    @inlinable
    public mutating func settle<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, first: UInt64, count: UInt32, into sink: inout S
    ) -> Bool {
        var pending = PendingChannels()
        let isKnown = settle(
            session: session, handle: number, first: first, count: count, pending: &pending, into: &sink)
        proceed(on: pending, into: &sink)
        return isKnown
    }

    /// The same as one part of an input: what may proceed then is noted in `pending`.
    @inlinable
    public mutating func settle<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, first: UInt64, count: UInt32, pending: inout PendingChannels,
        into sink: inout S
    ) -> Bool {
        guard let handle = anyHandle(session, number) else { return false }
        guard wereDelivered(handle, first, count) else { return false }
        let channel = handles[handle].channel
        var window = handles[handle].window
        handles[handle].window = DeliveryWindow()
        var freed = false
        var settled = 0
        // What is alike for most messages of a range is done for a run of them.
        var ahead: (credit: UInt32, count: UInt32) = (none, 0)
        var refund = Refund()
        window.take(first: first, count: count) { slot in
            let credit = messages[slot].credit
            if credit != none {
                messages[slot].credit = none
                if credit != ahead.credit {
                    if ahead.count > 0 { endAhead(ahead.count, of: ahead.credit, on: channel) }
                    ahead = (credit, 0)
                }
                ahead.count += 1
                freed = true
            }
            settled += 1
            if messages[slot].lease != none { endLease(of: slot) }
            if messages[slot].confirmation != none { confirmed(slot, into: &sink) }
            if messages[slot].firstPassed != none { adoptPassed(by: slot) }
            sink.discard(retire(slot, &refund))
        }
        if ahead.count > 0 { endAhead(ahead.count, of: ahead.credit, on: channel) }
        pay(refund)
        handles[handle].window = window
        channels[channel].activity.unsettled -= settled
        channels[channel].activity.settled += UInt64(settled)
        // An open channel changes for nobody else, unless what was ahead frees its slot (rules 2 and 21).
        if handles[handle].isClosed || (freed && mayProceed(channel))
            || (channels[channel].activity.unsettled == 0 && channels[channel].flags.contains(.closed))
        {
            releaseIfDone(handle)
            pending.insert(channel)
        }
        return true
    }

    /// The receiver gives these deliveries back; `seen` says that some caller may have had them (rule 18).
    ///
    /// Returns false as `settle` does.
    public mutating func giveBack<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, first: UInt64, count: UInt32, seen: Bool, into sink: inout S
    ) -> Bool {
        var pending = PendingChannels()
        let isKnown = giveBack(
            session: session, handle: number, first: first, count: count, seen: seen, pending: &pending,
            into: &sink)
        proceed(on: pending, into: &sink)
        return isKnown
    }

    /// The same as one part of an input: what may proceed then is noted in `pending`.
    public mutating func giveBack<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, first: UInt64, count: UInt32, seen: Bool,
        pending: inout PendingChannels, into sink: inout S
    ) -> Bool {
        guard let handle = anyHandle(session, number) else { return false }
        guard wereDelivered(handle, first, count) else { return false }
        let channel = handles[handle].channel
        var window = handles[handle].window
        handles[handle].window = DeliveryWindow()
        window.take(first: first, count: count) {
            // Whoever has seen a message that was sent ahead has had it handed over.
            putBack($0, on: channel, seen: seen, handedOver: seen, into: &sink)
        }
        handles[handle].window = window
        releaseIfDone(handle)
        pending.insert(channel)
        return true
    }

    /// Lets proceed what the parts of an input have made possible, once all of them have taken effect.
    ///
    /// So a channel is gone through once for each input, and no part can be about a delivery that another part caused.
    @inlinable
    public mutating func proceed<S: BrokerSink<Body> & ~Copyable>(
        on pending: PendingChannels, into sink: inout S
    ) {
        guard pending.first != none else { return }
        guard !pending.others.isEmpty else { return pump(pending.first, into: &sink) }
        for channel in pending.others.union([pending.first]).sorted() where channels.contains(channel) {
            pump(channel, into: &sink)
        }
    }

    /// Whether the session has the handle, and these numbers were given to deliveries through it.
    @inlinable
    public func wereDelivered(
        session: UInt32, handle number: UInt32, first: UInt64, count: UInt32
    ) -> Bool {
        guard let handle = anyHandle(session, number) else { return false }
        return wereDelivered(handle, first, count)
    }

    @inlinable
    func wereDelivered(_ handle: UInt32, _ first: UInt64, _ count: UInt32) -> Bool {
        let (end, overflow) = first.addingReportingOverflow(UInt64(count))
        return !overflow && first >= 1 && end <= handles[handle].window.next
    }

    /// A closed channel may have become finished, and a closed handle may go.
    @usableFromInline
    mutating func settledLast<S: BrokerSink<Body> & ~Copyable>(
        _ handle: UInt32, _ channel: UInt32, into sink: inout S
    ) {
        releaseIfDone(handle)
        pump(channel, into: &sink)
    }

    /// Returns a delivery to its channel, at its place, or past its limit of attempts to where dead letters
    /// go; the caller pumps.
    ///
    /// It was an attempt, seen or not, if it answered a receive; if it was sent ahead, only once it was handed over
    /// (rule 18): before the return, or, as `handedOver` says, by what this return means. A `letter` is dead in any case.
    mutating func putBack<S: BrokerSink<Body> & ~Copyable>(
        _ slot: UInt32, on channel: UInt32, seen: Bool, handedOver: Bool, as letter: Lease? = nil,
        into sink: inout S
    ) {
        let isAttempt = handedOver || messages[slot].credit == none
        if messages[slot].credit != none { endAhead(slot, on: channel) }
        if seen { messages[slot].redelivered = true }
        if messages[slot].firstPassed != none { withdrawPassed(by: slot) }
        if isAttempt, messages[slot].attempts < .max { messages[slot].attempts += 1 }
        channels[channel].activity.unsettled -= 1
        let lease = messages[slot].lease == none ? nil : endLease(of: slot)
        if let letter {
            bury(slot, from: channel, letter, into: &sink)
        } else if isAttempt, let lease, lease.terms.attemptLimit > 0,
            messages[slot].attempts >= lease.terms.attemptLimit
        {
            bury(slot, from: channel, lease, into: &sink)
        } else {
            pushReturned(slot, on: channel)
        }
    }
}

/// Channels on which something may proceed once all parts of an input have taken effect: one as a rule, which takes no memory.
public struct PendingChannels {
    @usableFromInline var first: UInt32 = none
    @usableFromInline var others: Set<UInt32> = []

    /// Makes an empty set.
    public init() {}

    @inlinable
    mutating func insert(_ channel: UInt32) {
        if first == none { first = channel } else if first != channel { others.insert(channel) }
    }
}
