// SPDX-License-Identifier: Apache-2.0

extension Broker {
    /// Appends a message to a chain that a send or a select then consumes; charges the session's user.
    @inlinable
    public mutating func append(_ body: Body, byteCount: Int, to chain: inout MessageChain, session: UInt32) {
        let account = sessions[session].account
        if accounts[account].used.messages == 0 { senders += 1 }
        accounts[account].used.messages += 1
        accounts[account].used.bytes += byteCount
        messageBytes += byteCount
        let slot = messages.insert(
            Message(
                body: body, byteCount: UInt32(truncatingIfNeeded: byteCount), account: account, since: now))
        if chain.owner != none {
            messages[slot].share = chargeShare(of: chain.owner, sender: account, byteCount: byteCount)
        }
        link(slot, to: &chain)
    }

    @inlinable
    mutating func link(_ slot: UInt32, to chain: inout MessageChain) {
        messages[slot].next = none
        if chain.tail == none { chain.head = slot } else { messages[chain.tail].next = slot }
        chain.tail = slot
        chain.length += 1
        chain.bytes += Int(messages[slot].byteCount)
    }

    /// Takes the first message off a chain that has one.
    @inlinable
    mutating func unlinkFirst(of chain: inout MessageChain) -> UInt32 {
        let slot = chain.head
        chain.head = messages[slot].next
        if chain.head == none { chain.tail = none }
        chain.length -= 1
        chain.bytes -= Int(messages[slot].byteCount)
        return slot
    }

    /// Takes the next message of a waiting send that has one.
    @inlinable
    mutating func unlinkFirst(ofWaiter waiter: UInt32) -> UInt32 {
        var chain = waiters[waiter].chain
        let slot = unlinkFirst(of: &chain)
        waiters[waiter].chain = chain
        return slot
    }

    /// Ends a message: refunds its sender's user and lets its bytes go.
    @inlinable
    mutating func free<S: BrokerSink<Body> & ~Copyable>(_ slot: UInt32, into sink: inout S) {
        sink.discard(retire(slot))
    }

    /// Ends a message whose bytes are the caller's: refunds its sender's user.
    @inlinable
    mutating func retire(_ slot: UInt32) -> Body {
        var refund = Refund()
        defer { pay(refund) }
        return retire(slot, &refund)
    }

    /// What the user who sent several messages gets back once they have ended.
    @usableFromInline
    struct Refund {
        @usableFromInline var account = none
        @usableFromInline var messages = 0
        @usableFromInline var bytes = 0

        @inlinable
        init() {}
    }

    @inlinable
    mutating func pay(_ refund: Refund) {
        guard refund.messages > 0 else { return }
        accounts[refund.account].used.messages -= refund.messages
        accounts[refund.account].used.bytes -= refund.bytes
        if accounts[refund.account].used.messages == 0 { senders -= 1 }
        messageBytes -= refund.bytes
    }

    /// The same, where the refund is paid later: as soon as another user is due one, or by the caller.
    @inlinable
    mutating func retire(_ slot: UInt32, _ refund: inout Refund) -> Body {
        let message = messages.remove(slot)
        if message.account != refund.account {
            pay(refund)
            refund = Refund()
            refund.account = message.account
        }
        refund.messages += 1
        refund.bytes += Int(message.byteCount)
        if message.share != none { refundShare(message.share, byteCount: Int(message.byteCount)) }
        if message.firstPassed != none {
            releasePassed(from: message.firstPassed, account: message.account)
        }
        return message.body
    }

    /// Ends the messages of a chain that was never committed.
    @inlinable
    public mutating func discard<S: BrokerSink<Body> & ~Copyable>(
        _ chain: consuming MessageChain, into sink: inout S
    ) {
        while chain.head != none {
            let slot = unlinkFirst(of: &chain)
            if messages[slot].confirmation != none { forgetConfirmation(of: slot) }
            free(slot, into: &sink)
        }
    }

    // MARK: A channel's queue: what was accepted and never delivered, in order.

    /// Commits a message to the end of the buffer (rules 1 and 23).
    @inlinable
    mutating func enqueue(_ slot: UInt32, on channel: UInt32) {
        accept(slot, on: channel)
        if messages[slot].firstPassed != none { holdPassed(by: slot, in: channel) }
        messages[slot].next = none
        let tail = channels[channel].queueTail
        if tail == none { channels[channel].queueHead = slot } else { messages[tail].next = slot }
        channels[channel].queueTail = slot
        channels[channel].queued += 1
        channels[channel].queuedBytes += Int(messages[slot].byteCount)
    }

    /// Gives a message its place in the channel's order.
    @inlinable
    mutating func accept(_ slot: UInt32, on channel: UInt32) {
        channels[channel].accepted += 1
        messages[slot].acceptance = channels[channel].accepted
    }

    /// Takes the oldest message out of the channel: what came back first, then the queue.
    @inlinable
    mutating func dequeue(from channel: UInt32) -> UInt32 {
        let slot: UInt32
        if channels[channel].activity.returned != none {
            slot = popReturned(from: channel)
        } else {
            slot = channels[channel].queueHead
            let next = messages[slot].next
            channels[channel].queueHead = next
            if next == none { channels[channel].queueTail = none }
        }
        channels[channel].queued -= 1
        channels[channel].queuedBytes -= Int(messages[slot].byteCount)
        if messages[slot].firstPassed != none { holdPassed(by: slot, in: none) }
        return slot
    }

    // MARK: What came back: a pairing heap by acceptance number, since several receivers return their
    // deliveries in any order and a sorted list would make that quadratic.

    /// Puts a message back at its place (rule 18).
    @usableFromInline
    mutating func pushReturned(_ slot: UInt32, on channel: UInt32) {
        if messages[slot].firstPassed != none { holdPassed(by: slot, in: channel) }
        messages[slot].next = none
        messages[slot].child = none
        let root = channels[channel].activity.returned
        channels[channel].activity.returned = root == none ? slot : meld(root, slot)
        channels[channel].queued += 1
        channels[channel].queuedBytes += Int(messages[slot].byteCount)
    }

    @usableFromInline
    mutating func popReturned(from channel: UInt32) -> UInt32 {
        let root = channels[channel].activity.returned
        // Two passes, without recursion: meld the children in pairs, then the pairs from the last on.
        var pairs = none
        var child = messages[root].child
        while child != none {
            let second = messages[child].next
            var melded = child
            var following = none
            messages[child].next = none
            if second != none {
                following = messages[second].next
                messages[second].next = none
                melded = meld(child, second)
            }
            messages[melded].next = pairs
            pairs = melded
            child = following
        }
        var newRoot = none
        while pairs != none {
            let following = messages[pairs].next
            messages[pairs].next = none
            newRoot = newRoot == none ? pairs : meld(newRoot, pairs)
            pairs = following
        }
        channels[channel].activity.returned = newRoot
        messages[root].child = none
        return root
    }

    private mutating func meld(_ first: UInt32, _ second: UInt32) -> UInt32 {
        let (low, high) =
            messages[first].acceptance < messages[second].acceptance ? (first, second) : (second, first)
        messages[high].next = messages[low].child
        messages[low].child = high
        return low
    }
}
