// SPDX-License-Identifier: Apache-2.0

/// Leases: deliveries that the application settles, with a time and a number of attempts (rule 19).
extension Broker {
    /// Checks a receive's terms, and makes the dead-letter channel that they name if there is none.
    ///
    /// The caller needs the right to send there now; what comes later is not his to answer for.
    @usableFromInline
    mutating func fault(in terms: LeaseTerms, session: UInt32, channel: UInt32) -> Failure? {
        guard !terms.deadLetter.isEmpty else { return nil }
        guard terms.attemptLimit > 0 else {
            return Failure(.invalidArgument, text: "a dead-letter channel needs a limit of attempts")
        }
        let identity = sessions[session].identity
        switch ChannelName.resolve(terms.deadLetter, for: identity, spaces: spaces) {
        case .failure(let failure): return failure
        case .success(let name):
            if name.place == .unnamed {
                return Failure(.invalidArgument, text: "an unnamed channel takes no dead letters")
            }
            if name.absolute == channels[channel].name {
                return Failure(.invalidArgument, text: "a channel is not its own dead-letter channel")
            }
            if let existing = channelSlot(named: name.absolute) {
                return isPermitted(.send, on: existing, identity) ? nil : notPermitted(name, identity)
            }
            var options = OpenOptions(name: terms.deadLetter, role: .send)
            options.capacity = Capacity.unbounded
            options.keep = true
            if let failure = createFailure(options, name, identity) ?? memoryFailure { return failure }
            _ = create(options, name, identity)
            return nil
        }
    }

    /// Puts a delivery that is being made under a lease; its time runs from here, the commit, or, for a message sent
    /// ahead, from its receipt.
    @usableFromInline
    mutating func lease(
        _ slot: UInt32, handle: UInt32, number: UInt64, _ terms: LeaseTerms, _ flags: inout DeliveryFlags
    ) {
        let lease = leases.insert(
            Lease(
                handle: handle, number: number, deadline: .max, terms: terms,
                identity: sessions[handles[handle].session].identity))
        messages[slot].lease = lease
        channels[handles[handle].channel].activity.leased += 1
        handles[handle].wasLeased = true
        if messages[slot].credit == none { time(lease, terms.nanoseconds) }
        if terms.attemptLimit > 0 { flags.insert(.attemptsLimited) }
    }

    /// Lets a lease without a deadline end after `nanoseconds`; 0 is never.
    private mutating func time(_ lease: UInt32, _ nanoseconds: UInt64) {
        let (sum, overflow) = now.addingReportingOverflow(nanoseconds)
        guard nanoseconds > 0, !overflow, sum < .max else { return }
        leases[lease].deadline = sum
        leaseDeadlines.insert(lease, deadline: sum)
    }

    /// A message that was sent ahead is handed over: its slot is free, and its lease begins to run.
    ///
    /// The caller pumps.
    @usableFromInline
    mutating func handOver(_ slot: UInt32, on channel: UInt32) {
        endAhead(slot, on: channel)
        let lease = messages[slot].lease
        if lease != none { time(lease, leases[lease].terms.nanoseconds) }
    }

    /// The delivery is over, whatever comes next.
    @usableFromInline
    @discardableResult
    mutating func endLease(of slot: UInt32) -> Lease {
        let lease = messages[slot].lease
        messages[slot].lease = none
        channels[handles[leases[lease].handle].channel].activity.leased -= 1
        leaseDeadlines.remove(lease)
        return leases.remove(lease)
    }

    /// A lease's time is over: the delivery goes back by itself.
    @usableFromInline
    mutating func expire<S: BrokerSink<Body> & ~Copyable>(_ lease: UInt32, into sink: inout S) {
        let handle = leases[lease].handle
        guard let slot = handles[handle].window.take(leases[lease].number) else { return }
        let channel = handles[handle].channel
        putBack(slot, on: channel, seen: true, handedOver: true, into: &sink)
        releaseIfDone(handle)
        pump(channel, into: &sink)
    }

    /// The application is done with a leased delivery, or gives it back.
    ///
    /// Fails with "lease expired" where that is over, and then touches no later delivery.
    public mutating func finishLease<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, delivery: UInt64, givingBack: Bool, into sink: inout S
    ) -> Failure? {
        guard let slot = leased(session, number, delivery) else { return leaseExpired(delivery) }
        let handle = leases[messages[slot].lease].handle
        let channel = handles[handle].channel
        _ = handles[handle].window.take(delivery)
        if givingBack {
            putBack(slot, on: channel, seen: true, handedOver: true, into: &sink)
        } else {
            if messages[slot].credit != none { endAhead(slot, on: channel) }
            endLease(of: slot)
            channels[channel].activity.unsettled -= 1
            channels[channel].activity.settled += 1
            if messages[slot].confirmation != none { confirmed(slot, into: &sink) }
            if messages[slot].firstPassed != none { adoptPassed(by: slot) }
            free(slot, into: &sink)
        }
        releaseIfDone(handle)
        pump(channel, into: &sink)
        return nil
    }

    /// Lets a lease last for `nanoseconds` from now; 0 for ever.
    ///
    /// Who can say that has the message: it is a receipt too.
    public mutating func extendLease<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, delivery: UInt64, nanoseconds: UInt64, into sink: inout S
    ) -> Failure? {
        guard let slot = leased(session, number, delivery) else { return leaseExpired(delivery) }
        let lease = messages[slot].lease
        leaseDeadlines.remove(lease)
        leases[lease].deadline = .max
        let wasAhead = messages[slot].credit != none
        let channel = handles[leases[lease].handle].channel
        if wasAhead { endAhead(slot, on: channel) }
        time(lease, nanoseconds)
        if wasAhead { pump(channel, into: &sink) }
        return nil
    }

    /// The message of a leased delivery that is not over.
    private func leased(_ session: UInt32, _ number: UInt32, _ delivery: UInt64) -> UInt32? {
        guard let handle = anyHandle(session, number), let slot = handles[handle].window.peek(delivery),
            messages[slot].lease != none
        else { return nil }
        return slot
    }

    private func leaseExpired(_ delivery: UInt64) -> Failure {
        Failure(.leaseExpired, text: "delivery \(delivery) is no longer under a lease of this session")
    }

    /// The receiver can do nothing with a delivery: it is a dead letter, for the channel named; where that is empty, or may or
    /// can not take it, it is set aside.
    ///
    /// Returns false as `settle` does.
    public mutating func giveUp<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, delivery: UInt64, deadLetter: String, into sink: inout S
    ) -> Bool {
        guard let handle = anyHandle(session, number), wereDelivered(handle, delivery, 1) else {
            return false
        }
        guard let slot = handles[handle].window.take(delivery) else { return true }
        let channel = handles[handle].channel
        var terms = LeaseTerms(nanoseconds: 0, attemptLimit: 1, deadLetter: deadLetter)
        if fault(in: terms, session: session, channel: channel) != nil { terms.deadLetter = "" }
        let letter = Lease(
            handle: handle, number: delivery, deadline: .max, terms: terms,
            identity: sessions[session].identity)
        putBack(slot, on: channel, seen: true, handedOver: true, as: letter, into: &sink)
        releaseIfDone(handle)
        pump(channel, into: &sink)
        return true
    }

    /// Ends a message's attempts: it goes to its dead-letter channel, or is set aside where there is none or that
    /// refuses.
    ///
    /// It is dropped in no case.
    mutating func bury<S: BrokerSink<Body> & ~Copyable>(
        _ slot: UInt32, from channel: UInt32, _ lease: Lease, into sink: inout S
    ) {
        guard let target = grave(of: slot, lease), target != channel else {
            loseConfirmation(of: slot, "set aside", into: &sink)
            var aside = channels[channel].activity.aside
            link(slot, to: &aside)
            channels[channel].activity.aside = aside
            if messages[slot].firstPassed != none { holdPassed(by: slot, in: channel) }
            return
        }
        loseConfirmation(of: slot, "dead-lettered", into: &sink)
        messages[slot].attempts = 0
        messages[slot].redelivered = false
        moveShare(of: slot, to: target)
        var chain = MessageChain()
        link(slot, to: &chain)
        offer(&chain, on: target, into: &sink)
    }

    /// The dead-letter channel, if it takes a message now.
    private func grave(of slot: UInt32, _ lease: Lease) -> UInt32? {
        guard !lease.terms.deadLetter.isEmpty,
            case .success(let name) = ChannelName.resolve(
                lease.terms.deadLetter, for: lease.identity, spaces: spaces),
            let target = channelSlot(named: name.absolute),
            channels[target].flags.isDisjoint(with: .stopsSends),
            isSendReady(target), mayMove(slot, to: target)
        else { return nil }
        return target
    }

    /// Puts back what was set aside in a channel; returns how many (rule 19).
    public mutating func restore<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, name: String, into sink: inout S
    ) -> Result<UInt32, Failure> {
        manageable(name, session: session).map { channel in
            var aside = channels[channel].activity.aside
            let count = aside.count
            channels[channel].activity.aside = MessageChain()
            while aside.head != none { pushReturned(unlinkFirst(of: &aside), on: channel) }
            pump(channel, into: &sink)
            return count
        }
    }

    /// Holds every commit of a receive, or lets them go on (rule 29).
    public mutating func setPaused<S: BrokerSink<Body> & ~Copyable>(
        _ isPaused: Bool, session: UInt32, name: String, into sink: inout S
    ) -> Failure? {
        switch manageable(name, session: session) {
        case .failure(let failure): return failure
        case .success(let channel):
            if isPaused {
                channels[channel].flags.insert(.paused)
            } else {
                channels[channel].flags.remove(.paused)
                pump(channel, into: &sink)
            }
            return nil
        }
    }
}
