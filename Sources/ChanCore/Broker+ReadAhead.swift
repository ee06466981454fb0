// SPDX-License-Identifier: Apache-2.0

/// Read-ahead: a receive that stays and has up to a number of messages on their way at a time (rule 21).
///
/// Such a receive holds a credit. Its messages are *ahead* until they are handed over, which their receipt or
/// settlement says: so long they keep their slot of the capacity. A credit whose messages are all ahead *rests*: it
/// is in no receivers' list, and joins it at the tail once one of them is handed over or comes back. On a channel
/// without a buffer it acts as a plain receive.
extension Broker {
    /// Whether the waiting receiver gets its messages ahead, and stays.
    @inlinable
    func isAhead(_ receiver: UInt32) -> Bool {
        waiters[receiver].isCredit && !channels[waiters[receiver].channel].isRendezvous
    }

    /// How many messages the waiting credit may get in one step: one where others wait too, so that they get
    /// their share.
    @inlinable
    func share(of receiver: UInt32) -> UInt32 {
        guard channels[waiters[receiver].channel].receivers.count == 1 else { return 1 }
        let credit = operations[waiters[receiver].operation].credit
        return credits[credit].limit - credits[credit].ahead
    }

    /// The waiting receiver that a message meets which arrives while nothing is queued; `none` if it must go into
    /// the buffer or wait.
    ///
    /// The first, but that credits are passed over while no slot is free; a plain receive needs none. Who knows the first
    /// plain one says so.
    @inlinable
    func firstAcceptor(on channel: UInt32, from plain: UInt32 = none) -> UInt32 {
        let first = channels[channel].receivers.head
        guard channels[channel].openCredits > 0, !channels[channel].isRendezvous, !channels[channel].hasRoom
        else { return first }
        return plain != none ? plain : firstPlainReceiver(on: channel)
    }

    @usableFromInline
    func firstPlainReceiver(on channel: UInt32) -> UInt32 {
        guard channels[channel].openCredits < channels[channel].receivers.count else { return none }
        var receiver = channels[channel].receivers.head
        while receiver != none, waiters[receiver].isCredit { receiver = waiters[receiver].next }
        return receiver
    }

    /// The first plain receiver behind one that is about to go, with all cases of its operation.
    @usableFromInline
    func plainReceiver(behind receiver: UInt32) -> UInt32 {
        let operation = waiters[receiver].operation
        var following = waiters[receiver].next
        while following != none, waiters[following].isCredit || waiters[following].operation == operation {
            following = waiters[following].next
        }
        return following
    }

    /// Moves queued messages to a waiting credit: they keep their slots, so no sender moves up.
    @inlinable
    mutating func sendAhead<S: BrokerSink<Body> & ~Copyable>(
        toReceiver receiver: UInt32, from channel: UInt32, into sink: inout S
    ) {
        let limit = share(of: receiver)
        var taken = MessageChain()
        while taken.count < limit, channels[channel].queued > 0, fits(taken) {
            link(dequeue(from: channel), to: &taken)
        }
        deliverAhead(taken, toReceiver: receiver, into: &sink)
    }

    /// A waiting credit has these messages; it stays, at the tail, or rests.
    @inlinable
    mutating func deliverAhead<S: BrokerSink<Body> & ~Copyable>(
        _ taken: MessageChain, toReceiver receiver: UInt32, into sink: inout S
    ) {
        let waiter = waiters[receiver]
        let request = operations[waiter.operation].request
        let credit = operations[waiter.operation].credit
        let terms = operations[waiter.operation].terms
        credits[credit].ahead += taken.count
        channels[waiter.channel].ahead += Int(taken.count)
        unlink(receiver)
        waiters[receiver].isResting = credits[credit].ahead == credits[credit].limit
        join(receiver)
        deliver(
            taken, request: request, handle: waiter.handle, caseIndex: 0, terms: terms, credit: credit,
            more: true, into: &sink)
    }

    /// A message that was ahead is handed over, or goes back: its slot is free, and so is its place in the credit.
    ///
    /// The caller pumps.
    @inlinable
    mutating func endAhead(_ slot: UInt32, on channel: UInt32) {
        let credit = messages[slot].credit
        messages[slot].credit = none
        channels[channel].ahead -= 1
        credits[credit].ahead -= 1
        let operation = credits[credit].operation
        guard operation != none else {
            if credits[credit].ahead == 0 { credits.remove(credit) }
            return
        }
        let receiver = operations[operation].firstWaiter
        guard waiters[receiver].isResting else { return }
        unlink(receiver)
        waiters[receiver].isResting = false
        join(receiver)
    }

    /// The receive that held the credit is over; it stays for the messages that are ahead.
    @usableFromInline
    mutating func endCredit(_ credit: UInt32) {
        credits[credit].operation = none
        if credits[credit].ahead == 0 { credits.remove(credit) }
    }

    /// A receive may have taken the last that was queued: credits that rest until a closed channel is drained end
    /// then (rule 4).
    @inlinable
    mutating func endDrained<S: BrokerSink<Body> & ~Copyable>(_ channel: UInt32, into sink: inout S) {
        if channels[channel].resting.head != none, channels[channel].flags.contains(.closed) {
            reportClosed(channel, into: &sink)
        }
    }

    /// Whether anything may proceed now that slots or places in credits are free.
    @inlinable
    func mayProceed(_ channel: UInt32) -> Bool {
        channels[channel].senders.head != none
            || (channels[channel].queued > 0 && channels[channel].receivers.head != none)
    }
}
