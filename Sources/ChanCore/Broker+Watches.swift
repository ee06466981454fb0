// SPDX-License-Identifier: Apache-2.0

/// A state of a channel that a session waits for.
public enum WaitCondition: Equatable, Sendable {
    /// Nothing can be sent any more.
    case closed
    /// Closed, and nothing is queued or unsettled.
    case drained
    /// Nothing is queued or unsettled.
    case empty
    /// So many other handles may receive.
    case receivers(UInt64)
    /// So many other handles may send.
    case senders(UInt64)
    /// So many messages are queued.
    case queued(UInt64)
}

/// An operation that waits for a channel's state rather than for its messages.
@usableFromInline
struct Watch {
    @usableFromInline var operation: UInt32
    @usableFromInline var channel: UInt32
    /// The handle that it ends with, `none` for one by name.
    @usableFromInline var handle: UInt32
    @usableFromInline var condition: WaitCondition
}

/// Waiting for a channel's state: looked at once a turn, so that sends and receives have nothing to do for it.
extension Broker {
    /// Waits until the condition holds on a handle's channel; any role will do.
    ///
    /// The sink gets `waited` with the close reason, or `failed`. A `timeout` is as a send's; the wait counts as one
    /// waiter and ends with the handle.
    public mutating func wait<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, request: UInt64, handle number: UInt32, until condition: WaitCondition,
        timeout: Int64, into sink: inout S
    ) {
        guard let handle = openHandle(session, number) else {
            let failure = Failure(.noSuchHandle, text: "no open handle \(number)")
            sink.failed(session: session, request: request, failure: failure)
            return
        }
        let watch = Watch(
            operation: none, channel: handles[handle].channel, handle: handle, condition: condition)
        begin(watch, session: session, request: request, timeout: timeout, into: &sink)
    }

    /// The same by name, for who may inspect the channel, and so without a handle that others would count.
    ///
    /// A channel that goes meanwhile is empty, and drained if it was closed; what else was waited for fails with
    /// `noSuchChannel`.
    public mutating func wait<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, request: UInt64, name: String, until condition: WaitCondition, timeout: Int64,
        into sink: inout S
    ) {
        switch inspectable(name, session: session) {
        case .failure(let failure): sink.failed(session: session, request: request, failure: failure)
        case .success(let channel):
            let watch = Watch(operation: none, channel: channel, handle: none, condition: condition)
            begin(watch, session: session, request: request, timeout: timeout, into: &sink)
        }
    }

    private mutating func begin<S: BrokerSink<Body> & ~Copyable>(
        _ watch: Watch, session: UInt32, request: UInt64, timeout: Int64, into sink: inout S
    ) {
        if holds(watch) {
            sink.waited(
                session: session, request: request, reason: closeReasons[watch.channel] ?? CloseReason())
            return
        }
        let refusal =
            isHopeless(watch)
            ? closedFailure(watch.channel)
            : timeout == 0
                ? Failure(.wouldBlock)
                : refusal(
                    "waits_per_user", used: accounts[sessions[session].account].used.waits, more: 1,
                    allowed: limits.waitsPerUser) ?? admitWaiters(1, session: session)
        if let refusal {
            sink.failed(session: session, request: request, failure: refusal)
            return
        }
        let operation = park(
            session: session, request: request, timeout: timeout, limit: 0, accepted: 0, isSelect: false)
        var watch = watch
        watch.operation = operation
        operations[operation].watch = watches.insert(watch)
        channels[watch.channel].activity.watches += 1
        accounts[sessions[session].account].used.waits += 1
    }

    /// Takes an operation's watch away; for `withdraw`.
    @usableFromInline
    mutating func endWatch(of operation: UInt32) {
        let watch = watches.remove(operations[operation].watch)
        channels[watch.channel].activity.watches -= 1
        accounts[sessions[operations[operation].session].account].used.waits -= 1
    }

    /// Answers the waits whose condition holds, or can't hold any more; to be called at the end of a turn.
    @inlinable
    public mutating func answerWaits<S: BrokerSink<Body> & ~Copyable>(into sink: inout S) {
        if watches.count > 0 { answerEach(into: &sink) }
    }

    @usableFromInline
    mutating func answerEach<S: BrokerSink<Body> & ~Copyable>(into sink: inout S) {
        for slot in 0..<watches.highWater where watches.contains(slot) {
            answerIfDue(slot, into: &sink)
        }
    }

    private mutating func answerIfDue<S: BrokerSink<Body> & ~Copyable>(_ slot: UInt32, into sink: inout S) {
        let watch = watches[slot]
        if holds(watch) {
            let (session, request) = (
                operations[watch.operation].session, operations[watch.operation].request
            )
            withdraw(watch.operation, into: &sink)
            sink.waited(
                session: session, request: request, reason: closeReasons[watch.channel] ?? CloseReason())
        } else if isHopeless(watch) {
            fail(watch.operation, closedFailure(watch.channel), into: &sink)
        }
    }

    private func holds(_ watch: Watch) -> Bool {
        let channel = channels[watch.channel]
        let own: Role = watch.handle == none ? [] : handles[watch.handle].role
        switch watch.condition {
        case .closed: return channel.flags.contains(.closed)
        case .drained: return channel.isFinished
        case .empty: return channel.queued == 0 && channel.activity.unsettled == 0
        case .receivers(let count):
            return UInt64(channel.receiveHandles) - (own.contains(.receive) ? 1 : 0) >= count
        case .senders(let count):
            return UInt64(channel.sendHandles) - (own.contains(.send) ? 1 : 0) >= count
        case .queued(let count): return UInt64(channel.queued) >= count
        }
    }

    /// So many messages will never be queued: the channel is closed, and what comes back does not suffice.
    private func isHopeless(_ watch: Watch) -> Bool {
        guard case .queued(let count) = watch.condition else { return false }
        let channel = channels[watch.channel]
        return channel.flags.contains(.closed) && UInt64(channel.queued + channel.activity.unsettled) < count
    }

    /// A handle is closed: so are the waits by it.
    mutating func failWaits<S: BrokerSink<Body> & ~Copyable>(ofHandle handle: UInt32, into sink: inout S) {
        guard channels[handles[handle].channel].activity.watches > 0 else { return }
        for slot in 0..<watches.highWater where watches.contains(slot) && watches[slot].handle == handle {
            fail(watches[slot].operation, Failure(.handleClosed), into: &sink)
        }
    }

    /// A channel goes: who waited for it by name is told its last state, or that it is gone.
    mutating func endWaits<S: BrokerSink<Body> & ~Copyable>(on channel: UInt32, into sink: inout S) {
        guard channels[channel].activity.watches > 0 else { return }
        let name = channels[channel].shownName
        for slot in 0..<watches.highWater where watches.contains(slot) && watches[slot].channel == channel {
            answerIfDue(slot, into: &sink)
            guard watches.contains(slot) else { continue }
            let failure = Failure(.noSuchChannel, text: "the channel \(name) is gone")
            fail(watches[slot].operation, failure, into: &sink)
        }
    }

    func checkWatches() throws(InvariantViolation) {
        var perChannel: [UInt32: UInt32] = [:]
        for slot in 0..<watches.highWater where watches.contains(slot) {
            let watch = watches[slot]
            try require(
                operations.contains(watch.operation) && operations[watch.operation].watch == slot,
                "watch \(slot) has no operation")
            try require(
                channels.contains(watch.channel)
                    && (watch.handle == none
                        || (handles.contains(watch.handle) && handles[watch.handle].channel == watch.channel
                            && handles[watch.handle].session == operations[watch.operation].session)),
                "watch \(slot) is on what is not there")
            perChannel[watch.channel, default: 0] += 1
        }
        for slot in 0..<channels.highWater where channels.contains(slot) {
            try require(
                channels[slot].activity.watches == perChannel[slot] ?? 0,
                "the waits of a channel are miscounted")
        }
    }
}
