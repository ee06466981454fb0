// SPDX-License-Identifier: Apache-2.0

/// Sends and receives of one message that are over when they return: for an owner whose callers are in its process, and so
/// have a message as soon as it is committed. There is no outcome to report, and no delivery that is unsettled meanwhile.
extension Broker {
    /// Sends one message if it can be committed now.
    ///
    /// Returns false, and `body` is not called, where a send would wait or fail.
    @inlinable
    public mutating func sendAtOnce<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, into sink: inout S, _ body: () -> Body
    ) -> Bool {
        guard let handle = openHandle(session, number), handles[handle].role.contains(.send) else {
            return false
        }
        let channel = handles[handle].channel
        guard channels[channel].flags.isDisjoint(with: .stopsSends), isSendReady(channel) else {
            return false
        }
        var chain = MessageChain()
        append(body(), byteCount: 0, to: &chain, session: session)
        offer(&chain, on: channel, into: &sink)
        return true
    }

    /// Receives and settles one message if there is one; its body is `take`'s from then on.
    ///
    /// Returns false, and nothing is done, where a receive would wait or fail. Not for messages that pass channels.
    @inlinable
    public mutating func receiveAtOnce<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, into sink: inout S, _ take: (Body) -> Void
    ) -> Bool {
        guard let handle = openHandle(session, number), handles[handle].role.contains(.receive) else {
            return false
        }
        let channel = handles[handle].channel
        let slot = self.take(1, from: channel, into: &sink).head
        guard slot != none else { return false }
        assert(messages[slot].firstPassed == none)
        endDrained(channel, into: &sink)
        noteDelivery(of: slot, on: channel)
        take(messages[slot].body)
        channels[channel].activity.settled += 1
        if messages[slot].confirmation != none { confirmed(slot, into: &sink) }
        _ = retire(slot)
        if channels[channel].activity.unsettled == 0, channels[channel].flags.contains(.closed) {
            settledLast(handle, channel, into: &sink)
        }
        return true
    }

    /// Whether some operation waits for a channel's state, for which ``answerWaits(into:)`` has to be called.
    @inlinable
    public var hasWaits: Bool { watches.count > 0 }
}
