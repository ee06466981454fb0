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
        guard channels[waiters[receiver].channel].activity.receivers.count == 1 else { return 1 }
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
        let first = channels[channel].activity.receivers.head
        guard channels[channel].activity.openCredits > 0, !channels[channel].isRendezvous,
            !channels[channel].hasRoom
        else { return first }
        return plain != none ? plain : firstPlainReceiver(on: channel)
    }

    @usableFromInline
    func firstPlainReceiver(on channel: UInt32) -> UInt32 {
        guard channels[channel].activity.openCredits < channels[channel].activity.receivers.count else {
            return none
        }
        var receiver = channels[channel].activity.receivers.head
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

    /// Whether several messages are dealt to the waiting receivers in one step: credits only, each of a session of its own,
    /// which reads what is its own in order.
    @inlinable
    func mayDeal(on channel: UInt32, _ available: Int) -> Bool {
        let waiting = channels[channel].activity.receivers.count
        return waiting > 1 && waiting <= Self.mostHands && available > waiting
            && waiting == channels[channel].activity.openCredits
            && !channels[channel].isRendezvous && haveOwnSessions(channel)
    }

    @inlinable static var mostHands: UInt32 { 16 }

    @usableFromInline
    func haveOwnSessions(_ channel: UInt32) -> Bool {
        var receiver = channels[channel].activity.receivers.head
        while receiver != none {
            let session = handles[waiters[receiver].handle].session
            var following = waiters[receiver].next
            while following != none {
                if handles[waiters[following].handle].session == session { return false }
                following = waiters[following].next
            }
            receiver = waiters[receiver].next
        }
        return true
    }

    /// Messages go ahead to several waiting credits, one to each in turn as they would one by one, but each credit's are
    /// delivered together.
    ///
    /// From the chain, or from the queue where that is empty; as many as `most`, or until an answer is full.
    @inlinable
    mutating func deal<S: BrokerSink<Body> & ~Copyable>(
        _ chain: inout MessageChain, most: Int, on channel: UInt32, into sink: inout S
    ) {
        var hands: [Hand] = []
        var receiver = channels[channel].activity.receivers.head
        while receiver != none {
            let credit = operations[waiters[receiver].operation].credit
            hands.append(Hand(receiver: receiver, left: credits[credit].limit - credits[credit].ahead))
            receiver = waiters[receiver].next
        }
        let isQueued = chain.head == none
        var resting: [Hand] = []
        var turn = 0
        var left = most
        while left > 0, !hands.isEmpty {
            if turn == hands.count { turn = 0 }
            guard fits(hands[turn].taken) else { break }
            let slot: UInt32
            if isQueued {
                slot = dequeue(from: channel)
            } else {
                slot = unlinkFirst(of: &chain)
                accept(slot, on: channel)
            }
            link(slot, to: &hands[turn].taken)
            left -= 1
            hands[turn].left -= 1
            if hands[turn].left == 0 { resting.append(hands.remove(at: turn)) } else { turn += 1 }
        }
        // Whoever had the last goes to the tail as the last; who had none stays in front.
        for hand in resting + hands[turn...] + hands[..<turn] where hand.taken.head != none {
            deliverAhead(hand.taken, toReceiver: hand.receiver, into: &sink)
        }
    }

    /// What a credit gets when messages are dealt, and how many more it may have.
    @usableFromInline
    struct Hand {
        @usableFromInline let receiver: UInt32
        @usableFromInline var left: UInt32
        @usableFromInline var taken = MessageChain()

        @inlinable
        init(receiver: UInt32, left: UInt32) {
            self.receiver = receiver
            self.left = left
        }
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
        channels[waiter.channel].activity.ahead += Int(taken.count)
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
        endAhead(1, of: credit, on: channel)
    }

    /// The same for several messages of one credit, whose slots know nothing of it any more.
    @inlinable
    mutating func endAhead(_ count: UInt32, of credit: UInt32, on channel: UInt32) {
        channels[channel].activity.ahead -= Int(count)
        credits[credit].ahead -= count
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
        if channels[channel].activity.resting.head != none, channels[channel].flags.contains(.closed) {
            reportClosed(channel, into: &sink)
        }
    }

    /// Whether anything may proceed now that slots or places in credits are free.
    @inlinable
    func mayProceed(_ channel: UInt32) -> Bool {
        channels[channel].activity.senders.head != none
            || (channels[channel].queued > 0 && channels[channel].activity.receivers.head != none)
    }
}
