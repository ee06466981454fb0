// SPDX-License-Identifier: Apache-2.0

/// A message that lies in a channel, as an onlooker sees it.
public struct QueuedMessage<Body: BitwiseCopyable> {
    /// Its place in the channel's order (rule 23).
    public var number: UInt64
    /// How often it was delivered before.
    public var attempts: UInt16
    /// What a delivery would say of it.
    public var flags: DeliveryFlags
    /// How many bytes it has.
    public var byteCount: Int
    /// The bytes, still the broker's.
    public var body: Body
}

/// What one call of `purge` did.
public struct PurgedPart: Equatable, Sendable {
    /// How many messages went.
    public var count: UInt32
    /// What the next call says to go on; 0 where nothing is left.
    public var next: UInt64

    /// Makes a part.
    public init(count: UInt32, next: UInt64) {
        self.count = count
        self.next = next
    }
}

/// Where a session's last look at a channel ended: so the next page need not be sought from the first message on.
@usableFromInline
struct PeekPlace {
    @usableFromInline var channel: UInt32
    @usableFromInline var generation: UInt64
    /// The first message that was not shown.
    @usableFromInline var number: UInt64
    @usableFromInline var slot: UInt32
}

/// Looking at a channel's messages, and discarding them.
extension Broker {
    /// Shows the messages that receives would get next, in order, from a number on, and takes none.
    ///
    /// Shows up to `count`, and none after the first that would make them more than `byteCount` bytes. It needs the
    /// right to receive.
    ///
    /// - Returns: the number to go on from; 0 at the end.
    public mutating func peek(
        session: UInt32, name: String, from number: UInt64, count: Int, byteCount: Int,
        _ show: (QueuedMessage<Body>) -> Void
    ) -> Result<UInt64, Failure> {
        peekable(name, session: session).map { channel in
            var left = (count: count, bytes: byteCount)
            let fits = { (message: Message<Body>) -> Bool in
                defer { left = (left.count - 1, left.bytes - Int(message.byteCount)) }
                return left.count > 0 && (left.count == count || Int(message.byteCount) <= left.bytes)
            }
            // One more than a page has: its number is where the next page goes on.
            let most = min(max(0, count), channels[channel].queued) + 1
            for slot in returned(to: channel, from: number, most: most) {
                guard fits(messages[slot]) else { return messages[slot].acceptance }
                show(queued(slot))
            }
            var slot = firstQueued(channel, from: number, session)
            while slot != none {
                guard fits(messages[slot]) else {
                    sessions[session].peeked = PeekPlace(
                        channel: channel, generation: channels[channel].generation,
                        number: messages[slot].acceptance, slot: slot)
                    return messages[slot].acceptance
                }
                show(queued(slot))
                slot = messages[slot].next
            }
            return 0
        }
    }

    private func queued(_ slot: UInt32) -> QueuedMessage<Body> {
        let message = messages[slot]
        var flags: DeliveryFlags = message.redelivered ? .redelivered : []
        if message.firstPassed != none { flags.insert(.passes) }
        return QueuedMessage(
            number: message.acceptance, attempts: message.attempts, flags: flags,
            byteCount: Int(message.byteCount), body: message.body)
    }

    private func peekable(_ name: String, session: UInt32) -> Result<UInt32, Failure> {
        inspectable(name, session: session).flatMap { channel in
            let identity = sessions[session].identity
            guard
                channels[channel].flags.contains(.unnamed) || isPermitted(.receive, on: channel, identity)
            else {
                let text = "uid \(identity.uid) may not receive from \(channels[channel].name)"
                return .failure(Failure(.notPermitted, text: text))
            }
            return .success(channel)
        }
    }

    /// The first of what came back to a channel, in order, from a number on.
    func returned(to channel: UInt32, from number: UInt64, most: Int) -> [UInt32] {
        var found: [UInt32] = []
        // No later one is among the first.
        var last = UInt64.max
        var trees = [channels[channel].activity.returned]
        while let slot = trees.popLast() {
            guard slot != none else { continue }
            let acceptance = messages[slot].acceptance
            if acceptance >= number, acceptance <= last {
                found.append(slot)
                // Cut now and then: a page is to cost no sorting of all that came back.
                if found.count >= 2 * most { last = keepFirst(most, of: &found) }
            }
            // What is below one in the heap comes after it.
            if acceptance <= last { trees.append(messages[slot].child) }
            if slot != channels[channel].activity.returned { trees.append(messages[slot].next) }
        }
        _ = keepFirst(most, of: &found)
        return found
    }

    /// Sorts messages and keeps the first `count`; the number of the last one.
    private func keepFirst(_ count: Int, of slots: inout [UInt32]) -> UInt64 {
        slots.sort { messages[$0].acceptance < messages[$1].acceptance }
        slots.removeLast(max(0, slots.count - count))
        return slots.last.map { messages[$0].acceptance } ?? .max
    }

    /// The first message in the queue with this number or a higher one.
    private func firstQueued(_ channel: UInt32, from number: UInt64, _ session: UInt32) -> UInt32 {
        var slot = channels[channel].queueHead
        // What has a higher number than the head has not left the queue since it was seen there.
        if let place = sessions[session].peeked, place.channel == channel, place.number == number,
            place.generation == channels[channel].generation, slot != none,
            messages[slot].acceptance < number
        {
            return place.slot
        }
        while slot != none, messages[slot].acceptance < number { slot = messages[slot].next }
        return slot
    }

    /// Discards up to `limit` of the messages that a channel has queued or set aside.
    ///
    /// What a receiver has is its own, and what a waiting send has is not the channel's yet. It needs the owner or an
    /// administrator. Senders that wait for settlement are told that it was purged (rule 20).
    ///
    /// - Parameter last: the number up to which queued messages go; 0 for all that are there now.
    public mutating func purge<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, name: String, last: UInt64, limit: Int, into sink: inout S
    ) -> Result<PurgedPart, Failure> {
        manageable(name, session: session).map { channel in
            let last = last == 0 ? channels[channel].accepted : last
            var count: UInt32 = 0
            while count < limit, let slot = takePurgeable(channel, last) {
                lose(slot, "purged", into: &sink)
                count += 1
            }
            pump(channel, into: &sink)
            return PurgedPart(count: count, next: count < limit ? 0 : last)
        }
    }

    private mutating func takePurgeable(_ channel: UInt32, _ last: UInt64) -> UInt32? {
        let there = channels[channel]
        let first = there.activity.returned != none ? there.activity.returned : there.queueHead
        if first != none, messages[first].acceptance <= last { return dequeue(from: channel) }
        guard there.activity.aside.head != none else { return nil }
        var aside = there.activity.aside
        let slot = unlinkFirst(of: &aside)
        channels[channel].activity.aside = aside
        return slot
    }
}
