// SPDX-License-Identifier: Apache-2.0

/// The matching of senders and receivers: every commit of a message happens here, in one step (rules 1 to 3).
extension Broker {
    /// Commits as many messages of `chain` as can proceed now: to waiting receivers, else into the buffer.
    ///
    /// The chain's operation is not parked: so a select never meets its own other case here (rule 12).
    @inlinable
    mutating func offer<S: BrokerSink<Body> & ~Copyable>(
        _ chain: inout MessageChain, on channel: UInt32, into sink: inout S
    ) {
        // The first plain receiver, once one was met past credits: the next is not looked for past all of them again.
        var plain = none
        while chain.head != none {
            let receiver = channels[channel].queued == 0 ? firstAcceptor(on: channel, from: plain) : none
            if receiver != none, !channels[channel].flags.contains(.paused) {
                let goesAhead = isAhead(receiver)
                if goesAhead, mayDeal(on: channel, Int(min(chain.count, channels[channel].room))) {
                    deal(
                        &chain, most: Int(min(chain.count, channels[channel].room)), on: channel, into: &sink)
                    continue
                }
                let limit =
                    goesAhead
                    ? min(share(of: receiver), channels[channel].room)
                    : operations[waiters[receiver].operation].limit
                var taken = MessageChain()
                while chain.head != none, taken.count < limit, fits(taken) {
                    let slot = unlinkFirst(of: &chain)
                    accept(slot, on: channel)
                    link(slot, to: &taken)
                }
                if goesAhead {
                    deliverAhead(taken, toReceiver: receiver, into: &sink)
                } else {
                    let isBehind = chain.head != none && receiver != channels[channel].activity.receivers.head
                    plain = isBehind ? plainReceiver(behind: receiver) : none
                    complete(receiver: receiver, with: taken, into: &sink)
                }
            } else if channels[channel].hasRoom {
                enqueue(unlinkFirst(of: &chain), on: channel)
            } else {
                return
            }
        }
    }

    /// Whether a receive of several that took `taken` may take more: its answer stays within a frame.
    ///
    /// A message that passes channels is the last of its answer, so that what one may list is all that is added.
    @inlinable
    func fits(_ taken: MessageChain) -> Bool {
        guard taken.tail != none else { return true }
        return taken.byteCount + Int(taken.count) * limits.receiveBatchPrefixBytes < limits.receiveBatchBytes
            && messages[taken.tail].firstPassed == none
    }

    /// The longest-waiting sender of another operation: a select never meets itself (rule 12).
    @inlinable
    func firstSender(on channel: UInt32, except operation: UInt32) -> UInt32? {
        var waiter = channels[channel].activity.senders.head
        while waiter != none, waiters[waiter].operation == operation { waiter = waiters[waiter].next }
        return waiter == none ? nil : waiter
    }

    /// Takes up to `limit` messages for a receive that commits now.
    ///
    /// First what came back, then the buffer, then from waiting senders: without a buffer, or where what was sent
    /// ahead fills it. Senders whose messages move are told.
    @inlinable
    mutating func take<S: BrokerSink<Body> & ~Copyable>(
        _ limit: UInt32, from channel: UInt32, for operation: UInt32 = none, into sink: inout S
    ) -> MessageChain {
        var taken = MessageChain()
        // Pausing holds every commit of a receive (rule 29).
        guard !channels[channel].flags.contains(.paused) else { return taken }
        while taken.count < limit, fits(taken) {
            if channels[channel].queued > 0 {
                link(dequeue(from: channel), to: &taken)
                if channels[channel].activity.senders.head != none {
                    refill(channel, except: operation, into: &sink)
                }
            } else if channels[channel].activity.senders.head != none,
                let sender = firstSender(on: channel, except: operation)
            {
                let slot = unlinkFirst(ofWaiter: sender)
                accept(slot, on: channel)
                link(slot, to: &taken)
                progress(of: sender, into: &sink)
            } else {
                break
            }
        }
        return taken
    }

    /// Moves waiting senders' messages into the room that the buffer has (rule 2).
    ///
    /// Those of `operation` stay: it is a select that receives, and so does not send (rule 8).
    @inlinable
    mutating func refill<S: BrokerSink<Body> & ~Copyable>(
        _ channel: UInt32, except operation: UInt32, into sink: inout S
    ) {
        while channels[channel].hasRoom, let sender = firstSender(on: channel, except: operation) {
            moveUp(sender, on: channel, into: &sink)
        }
    }

    /// Moves a waiting sender's message into the buffer.
    @inlinable
    mutating func moveUp<S: BrokerSink<Body> & ~Copyable>(
        _ sender: UInt32, on channel: UInt32, into sink: inout S
    ) {
        enqueue(unlinkFirst(ofWaiter: sender), on: channel)
        progress(of: sender, into: &sink)
    }

    /// One message of a waiting send was committed: reports the send if it was the last.
    @inlinable
    mutating func progress<S: BrokerSink<Body> & ~Copyable>(of sender: UInt32, into sink: inout S) {
        let slot = waiters[sender].operation
        operations[slot].accepted += 1
        tell(.send, session: operations[slot].session, channel: waiters[sender].channel, into: &sink)
        guard waiters[sender].chain.head == none else { return }
        if operations[slot].confirmation != none {
            awaitConfirmation(slot, sender)
            return
        }
        let session = operations[slot].session
        let request = operations[slot].request
        let caseIndex = operations[slot].isSelect ? waiters[sender].caseIndex : nil
        let channel = waiters[sender].channel
        withdraw(slot, into: &sink)
        if let caseIndex {
            tell(.select, session: session, channel: channel, into: &sink)
            sink.selected(session: session, request: request, caseIndex: caseIndex)
        } else {
            sink.sent(session: session, request: request)
        }
    }

    /// A waiting receive, or receive case, has its messages.
    @inlinable
    mutating func complete<S: BrokerSink<Body> & ~Copyable>(
        receiver: UInt32, with taken: MessageChain, into sink: inout S
    ) {
        let slot = waiters[receiver].operation
        let request = operations[slot].request
        let handle = waiters[receiver].handle
        let caseIndex = waiters[receiver].caseIndex
        let terms = operations[slot].terms
        let isSelect = operations[slot].isSelect
        withdraw(slot, into: &sink)
        deliver(taken, request: request, handle: handle, caseIndex: caseIndex, terms: terms, into: &sink)
        if isSelect { tellSelected(handle, into: &sink) }
    }

    /// Writes committed messages to their receiver; they are unsettled from here on.
    @inlinable
    mutating func deliver<S: BrokerSink<Body> & ~Copyable>(
        _ taken: MessageChain, request: UInt64, handle: UInt32, caseIndex: UInt16,
        terms: LeaseTerms? = nil, credit: UInt32 = none, more: Bool = false, into sink: inout S
    ) {
        let session = handles[handle].session
        let channel = handles[handle].channel
        channels[channel].activity.unsettled += Int(taken.count)
        tell(.receive, session: session, channel: channel, count: taken.count, into: &sink)
        sink.beginDeliveries(
            session: session, request: request,
            group: DeliveryGroup(
                caseIndex: caseIndex, handle: handles[handle].number, first: handles[handle].window.next,
                count: taken.count, byteCount: taken.byteCount,
                closed: channels[channel].flags.contains(.closed), passed: passedSize(of: taken), more: more,
                isAhead: credit != none))
        var slot = taken.head
        while slot != none {
            let number = handles[handle].window.append(slot)
            var flags: DeliveryFlags = messages[slot].redelivered ? .redelivered : []
            messages[slot].credit = credit
            noteDelivery(of: slot, on: channel)
            if let terms { lease(slot, handle: handle, number: number, terms, &flags) }
            if messages[slot].confirmation != none { flags.formUnion(awaited(slot)) }
            if messages[slot].firstPassed != none { flags.insert(.passes) }
            sink.delivery(
                session: session, body: messages[slot].body, byteCount: Int(messages[slot].byteCount),
                attempts: messages[slot].attempts, flags: flags)
            if flags.contains(.passes) {
                sink.passed(session: session, offerPassed(by: slot, to: session))
            }
            slot = messages[slot].next
        }
        sink.endDeliveries(session: session)
    }

    /// Counts a delivery, and how long it took.
    @inlinable
    mutating func noteDelivery(of slot: UInt32, on channel: UInt32) {
        let owner = channels[channel].account
        channels[channel].activity.delays.delivered &+= 1
        accounts[owner].delays.delivered &+= 1
        let delay = now - messages[slot].since
        guard delay > 0 else { return }
        let bucket = DelayHistogram.bucket(of: delay)
        channels[channel].activity.delays.record(delay, bucket: bucket)
        accounts[owner].delays.record(delay, bucket: bucket)
    }

    /// Lets everything on a channel proceed that can, after something other than a send or a receive
    /// changed it; then closed is reported to whom nothing can come any more, and an unused channel goes.
    @inlinable
    mutating func pump<S: BrokerSink<Body> & ~Copyable>(_ channel: UInt32, into sink: inout S) {
        // As in `offer`; none of those before it has a sender, and while only senders go none gets one.
        var plain = none
        while true {
            if let receiver = nextMatch(on: channel, from: plain) {
                if isAhead(receiver), mayDeal(on: channel, channels[channel].queued) {
                    var nothing = MessageChain()
                    deal(&nothing, most: channels[channel].queued, on: channel, into: &sink)
                    plain = none
                } else if isAhead(receiver) {
                    sendAhead(toReceiver: receiver, from: channel, into: &sink)
                    plain = none
                } else {
                    let operation = waiters[receiver].operation
                    let isBehind =
                        channels[channel].queued == 0 && receiver != channels[channel].activity.receivers.head
                    let taken = take(operations[operation].limit, from: channel, for: operation, into: &sink)
                    // Only now: a select that sent may have waited behind it, and is gone.
                    plain = isBehind ? plainReceiver(behind: receiver) : none
                    complete(receiver: receiver, with: taken, into: &sink)
                }
            } else if channels[channel].activity.senders.head != none, channels[channel].hasRoom {
                // Credits wait for what is queued, and keep its slots: once all of it is there, each gets its share at once.
                let onlyCreditsWait =
                    channels[channel].activity.receivers.count == channels[channel].activity.openCredits
                repeat {
                    moveUp(channels[channel].activity.senders.head, on: channel, into: &sink)
                } while onlyCreditsWait && channels[channel].activity.senders.head != none
                    && channels[channel].hasRoom
                plain = none
            } else {
                break
            }
        }
        if channels[channel].flags.contains(.closed) { reportClosed(channel, into: &sink) }
        collectIfUnused(channel, into: &sink)
    }

    /// The first waiting receiver for whom there is a message, or a sender of another operation.
    ///
    /// Where credits get nothing it is looked for from `plain` on, if that is not `none`.
    @inlinable
    func nextMatch(on channel: UInt32, from plain: UInt32) -> UInt32? {
        var receiver = channels[channel].activity.receivers.head
        guard receiver != none, !channels[channel].flags.contains(.paused) else { return nil }
        if channels[channel].queued > 0 { return receiver }
        guard channels[channel].activity.senders.head != none else { return nil }
        if !channels[channel].isRendezvous {
            receiver = plain != none ? plain : firstPlainReceiver(on: channel)
        }
        // The operation, if any, that all senders turned out to belong to: its other receives need not be tried.
        var sending = none
        while receiver != none {
            let operation = waiters[receiver].operation
            if operation != sending, !isAhead(receiver) {
                if firstSender(on: channel, except: operation) != nil { return receiver }
                sending = operation
            }
            receiver = waiters[receiver].next
        }
        return nil
    }

    /// Ends the waiting receives of a closed channel to which nothing can come (rule 4), also those that rest.
    @usableFromInline
    mutating func reportClosed<S: BrokerSink<Body> & ~Copyable>(_ channel: UInt32, into sink: inout S) {
        guard channels[channel].queued == 0 else { return }
        // That one ends changes nothing for the others, so each is looked at once.
        let finished = channels[channel].isFinished
        for first in [channels[channel].activity.receivers.head, channels[channel].activity.resting.head] {
            var receiver = first
            while receiver != none {
                let operation = waiters[receiver].operation
                var following = waiters[receiver].next
                if finished || waiters[receiver].untilDrained {
                    // The other cases of a select go with it.
                    while following != none, waiters[following].operation == operation {
                        following = waiters[following].next
                    }
                    let caseIndex = operations[operation].isSelect ? waiters[receiver].caseIndex : nil
                    fail(operation, closedFailure(channel, caseIndex: caseIndex), into: &sink)
                }
                receiver = following
            }
        }
    }
}
