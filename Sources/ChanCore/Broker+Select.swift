// SPDX-License-Identifier: Apache-2.0

/// One case of a select as it comes in.
public struct SelectCase {
    /// What a case does.
    public enum Kind: Sendable {
        /// A nil channel (rule 7).
        case never
        /// Receive one message.
        case receive
        /// Send the message of the chain.
        case send
    }
    /// What the case does.
    public var kind: Kind
    /// The handle's number.
    public var handle: UInt32
    /// For a receive: closed as soon as nothing is queued.
    public var untilDrained: Bool
    /// For a send: exactly one message.
    public var chain: MessageChain

    /// Makes a case.
    @inlinable
    public init(
        _ kind: Kind, handle: UInt32 = 0, untilDrained: Bool = false, chain: MessageChain = MessageChain()
    ) {
        self.kind = kind
        self.handle = handle
        self.untilDrained = untilDrained
        self.chain = chain
    }
}

/// Select over sends and receives on any channels: exactly one case commits (rules 8 to 13).
extension Broker {
    /// Waits until one of the cases can proceed and commits that one; consumes the cases' messages.
    ///
    /// `timeout` 0 is Go's default: nothing is parked, the outcome `wouldBlock`. Of several ready cases one
    /// is drawn, or the first taken if `ordered`.
    ///
    /// With a `limit` above 1, of receives only, it is so many selects in one turn, ending before the first that
    /// would park or report closed (rule 24); one that parked ends with one message. What exceeds
    /// `receiveBatchBytes`, or 1024 messages, is left to the next.
    @inlinable
    public mutating func select<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, request: UInt64, cases: [SelectCase], ordered: Bool, timeout: Int64,
        limit: UInt32 = 1, into sink: inout S
    ) {
        if let failure = fault(in: cases, session: session, limit: limit) {
            end(cases, session: session, request: request, failure, into: &sink)
            return
        }
        if let winner = readyCase(of: cases, session: session, ordered: ordered) {
            if cases[winner].kind == .send {
                commitSend(winner, of: cases, session: session, request: request, into: &sink)
            } else {
                commitReceives(
                    winner, of: cases, session: session, request: request, ordered: ordered,
                    limit: min(limit, Self.maxTurns), into: &sink)
            }
            return
        }
        let waiting = cases.count(where: { $0.kind != .never })
        if let failure = timeout == 0 ? Failure(.wouldBlock) : admitWaiters(waiting, session: session) {
            end(cases, session: session, request: request, failure, into: &sink)
            return
        }
        let operation = park(
            session: session, request: request, timeout: timeout, limit: 1, accepted: 0, isSelect: true)
        for (index, candidate) in cases.enumerated() where candidate.kind != .never {
            guard let handle = openHandle(session, candidate.handle) else { continue }
            addWaiter(
                Waiter(
                    operation: operation, channel: handles[handle].channel, handle: handle,
                    caseIndex: UInt16(index), isSend: candidate.kind == .send,
                    untilDrained: candidate.untilDrained, chain: candidate.chain))
        }
    }

    /// The most selects in one turn.
    @inlinable static var maxTurns: UInt32 { 1024 }

    /// The first case that could never be carried out, as a failure of the whole select.
    @inlinable
    func fault(in cases: [SelectCase], session: UInt32, limit: UInt32) -> Failure? {
        guard limit > 0 else { return Failure(.invalidArgument, text: "a select takes at least 1 message") }
        guard cases.count <= limits.selectCases else {
            return quota("select_cases", cases.count, limits.selectCases)
        }
        for (index, candidate) in cases.enumerated() {
            guard candidate.chain.count == (candidate.kind == .send ? 1 : 0) else {
                return Failure(
                    .invalidArgument, caseIndex: UInt16(index),
                    text: "a send case has exactly 1 message, any other none")
            }
            guard limit == 1 || candidate.kind != .send else {
                return Failure(
                    .invalidArgument, caseIndex: UInt16(index),
                    text: "a select of several takes receives only")
            }
            if candidate.kind == .never { continue }
            let role: Role = candidate.kind == .send ? .send : .receive
            guard let handle = openHandle(session, candidate.handle), handles[handle].role.contains(role)
            else {
                var failure = handleFailure(session, candidate.handle, role)
                failure.caseIndex = UInt16(index)
                return failure
            }
        }
        return nil
    }

    /// A case that can proceed now, drawn uniformly (S2) or the first: all seen at one instant (S15).
    @inlinable
    mutating func readyCase(of cases: [SelectCase], session: UInt32, ordered: Bool) -> Int? {
        var winner: Int?
        var ready: UInt32 = 0
        for (index, candidate) in cases.enumerated() where isReady(candidate, session: session) {
            if ordered { return index }
            ready += 1
            if random.below(ready) == 0 { winner = index }
        }
        return winner
    }

    @inlinable
    func isReady(_ candidate: SelectCase, session: UInt32) -> Bool {
        guard candidate.kind != .never, let handle = openHandle(session, candidate.handle) else {
            return false
        }
        let channel = handles[handle].channel
        return candidate.kind == .send
            ? isSendReady(channel) : isReceiveReady(channel, untilDrained: candidate.untilDrained)
    }

    /// Whether a send, or a receive, through a handle would commit, or fail for good, now; without the role it fails.
    @inlinable
    public func isReady(session: UInt32, handle number: UInt32, sending: Bool) -> Bool {
        guard let handle = openHandle(session, number),
            handles[handle].role.contains(sending ? .send : .receive)
        else { return true }
        let channel = handles[handle].channel
        return sending ? isSendReady(channel) : isReceiveReady(channel)
    }

    /// A send would commit, or fail for good, now (rule 11).
    @inlinable
    func isSendReady(_ channel: UInt32) -> Bool {
        if !channels[channel].flags.isDisjoint(with: .stopsSends) { return true }
        return channels[channel].hasRoom
            || (channels[channel].queued == 0 && firstAcceptor(on: channel) != none
                && !channels[channel].flags.contains(.paused))
    }

    /// A receive would commit, or report closed, now.
    @inlinable
    func isReceiveReady(_ channel: UInt32, untilDrained: Bool = false) -> Bool {
        reportsClosed(channel, untilDrained: untilDrained) || hasMessage(channel)
    }

    /// There is a message for a receive that commits now, where the channel is open.
    @inlinable
    func hasMessage(_ channel: UInt32) -> Bool {
        !channels[channel].flags.contains(.paused)
            && (channels[channel].queued > 0 || channels[channel].activity.senders.head != none)
    }

    @inlinable
    mutating func commitSend<S: BrokerSink<Body> & ~Copyable>(
        _ winner: Int, of cases: [SelectCase], session: UInt32, request: UInt64, into sink: inout S
    ) {
        for (index, loser) in cases.enumerated() where index != winner { discard(loser.chain, into: &sink) }
        guard let handle = openHandle(session, cases[winner].handle) else { return }
        let channel = handles[handle].channel
        let caseIndex = UInt16(winner)
        var chain = cases[winner].chain
        guard channels[channel].flags.isDisjoint(with: .stopsSends) else {
            discard(chain, into: &sink)
            let failure = sendFailure(channel, caseIndex: caseIndex)
            sink.failed(session: session, request: request, failure: failure)
            return
        }
        offer(&chain, on: channel, into: &sink)
        tell(.send, session: session, channel: channel, into: &sink)
        tell(.select, session: session, channel: channel, into: &sink)
        sink.selected(session: session, request: request, caseIndex: caseIndex)
    }

    /// Commits a receive case, and up to `limit` in all, each drawn anew.
    @inlinable
    mutating func commitReceives<S: BrokerSink<Body> & ~Copyable>(
        _ first: Int, of cases: [SelectCase], session: UInt32, request: UInt64, ordered: Bool, limit: UInt32,
        into sink: inout S
    ) {
        for loser in cases { discard(loser.chain, into: &sink) }
        var left = limit
        var bytes = 0
        var winner = readyReceive(first, of: cases, session: session)
        var ready: [ReadyReceive] = []
        while let this = winner {
            let channel = this.channel
            let taken = take(1, from: channel, into: &sink)
            guard taken.head != none else {
                let failure = closedFailure(channel, caseIndex: this.caseIndex)
                sink.failed(session: session, request: request, failure: failure)
                return
            }
            endDrained(channel, into: &sink)
            left -= 1
            bytes += taken.byteCount + limits.receiveBatchPrefixBytes
            winner = nil
            if left > 0, bytes < limits.receiveBatchBytes {
                // Whether this answer is the last must be known before it is written, and the next draw must not
                // find the channel finished while this message is in nobody's hands.
                channels[channel].activity.unsettled += 1
                winner = nextReceive(of: cases, session: session, ordered: ordered, ready: &ready)
                channels[channel].activity.unsettled -= 1
            }
            deliver(
                taken, request: request, handle: this.handle, caseIndex: this.caseIndex, more: winner != nil,
                into: &sink)
            tellSelected(this.handle, into: &sink)
        }
    }

    /// A receive case of a select, with what it names.
    @usableFromInline
    struct ReadyReceive {
        @usableFromInline let caseIndex: UInt16
        @usableFromInline let untilDrained: Bool
        @usableFromInline let handle: UInt32
        @usableFromInline let channel: UInt32

        @inlinable
        init(caseIndex: UInt16, untilDrained: Bool, handle: UInt32, channel: UInt32) {
            self.caseIndex = caseIndex
            self.untilDrained = untilDrained
            self.handle = handle
            self.channel = channel
        }
    }

    /// A case that `isReady` says is.
    @inlinable
    func readyReceive(_ index: Int, of cases: [SelectCase], session: UInt32) -> ReadyReceive? {
        guard let handle = openHandle(session, cases[index].handle) else { return nil }
        return ReadyReceive(
            caseIndex: UInt16(index), untilDrained: cases[index].untilDrained, handle: handle,
            channel: handles[handle].channel)
    }

    /// The case that the next draw hits, if that would bring a message.
    ///
    /// `ready` holds what could proceed when all cases were looked at last. In one turn cases only cease to be: the one that
    /// was taken from, and one whose sender was in a select that is over. So looking at the one that is drawn is enough, and
    /// all of those that are still ready are drawn alike; in order, the first that is left is the first of all.
    @inlinable
    mutating func nextReceive(
        of cases: [SelectCase], session: UInt32, ordered: Bool, ready: inout [ReadyReceive]
    ) -> ReadyReceive? {
        for isFresh in [false, true] {
            if isFresh {
                ready.removeAll(keepingCapacity: true)
                for index in cases.indices where isReady(cases[index], session: session) {
                    if let receive = readyReceive(index, of: cases, session: session) {
                        ready.append(receive)
                    }
                }
            }
            guard !ready.isEmpty else { continue }
            let next = ready[ordered ? 0 : Int(random.below(UInt32(ready.count)))]
            if reportsClosed(next.channel, untilDrained: next.untilDrained) { return nil }
            if hasMessage(next.channel) { return next }
        }
        return nil
    }

    @inlinable
    mutating func end<S: BrokerSink<Body> & ~Copyable>(
        _ cases: [SelectCase], session: UInt32, request: UInt64, _ failure: Failure, into sink: inout S
    ) {
        for candidate in cases { discard(candidate.chain, into: &sink) }
        sink.failed(session: session, request: request, failure: failure)
    }
}
