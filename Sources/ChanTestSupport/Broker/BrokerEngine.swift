// SPDX-License-Identifier: Apache-2.0

public import ChanCore

/// A broker with a sink that records: applies inputs that are values.
public struct BrokerEngine: ~Copyable {
    /// The broker itself, for what is no input.
    public var broker: Broker<UInt64>
    private var sink = RecordingSink()
    private let seed: UInt64
    /// Drawn for unnamed channels so far.
    private var names: UInt64 = 0
    private var recorded: (events: [BrokerEvent], discarded: [UInt64]) = ([], [])

    /// Makes a broker without channels.
    public init(seed: UInt64, limits: BrokerLimits = BrokerLimits(), spaces: [Space] = []) {
        self.seed = seed
        broker = Broker(seed: seed, limits: limits, spaces: spaces)
    }

    /// Effects of the last input, in commit order.
    public var events: [BrokerEvent] { recorded.events }
    /// Bodies that the last input let go.
    public var discarded: [UInt64] { recorded.discarded }
    /// What the broker told its sink against the sink's contract.
    public var fault: String? { sink.fault }

    /// Applies one input, its names being the broker's own.
    @discardableResult
    public mutating func apply(_ input: BrokerInput) -> BrokerReply {
        let reply = perform(input)
        broker.conclude(into: &sink)
        broker.answerWaits(into: &sink)
        recorded = sink.take()
        return reply
    }

    private mutating func perform(_ input: BrokerInput) -> BrokerReply {
        switch input {
        case .begin(_, let identity): return .session(broker.beginSession(identity))
        case .end(let session): broker.endSession(session, into: &sink)
        case .open(let session, _, let options):
            names += 1
            return .opened(broker.open(session: session, options, entropy: (seed, names), into: &sink))
        case .remove(let session, let name):
            return .done(broker.remove(session: session, name: name, into: &sink))
        case .send(let session, let request, let handle, let messages, let timeout):
            guard let chain = chain(messages, session, request, handle) else { return .nothing }
            broker.send(
                session: session, request: request, handle: handle, chain: chain, timeout: timeout,
                into: &sink)
        case .receive(let session, let request, let handle, let count, let timeout, let drained):
            broker.receive(
                session: session, request: request, handle: handle, count: count, timeout: timeout,
                untilDrained: drained, into: &sink)
        case .select(let session, let request, let inputs, let ordered, let timeout):
            select(session, request, inputs, ordered, timeout, limit: 1)
        case .selectSeveral(let session, let request, let inputs, let ordered, let timeout, let limit):
            select(session, request, inputs, ordered, timeout, limit: limit)
        case .readAhead(let session, let request, let handle, let limit, let timeout, let drained, let terms):
            broker.receive(
                session: session, request: request, handle: handle, count: limit, timeout: timeout,
                untilDrained: drained, terms: terms, ahead: true, into: &sink)
        case .cancel(let session, let request):
            broker.cancel(session: session, request: request, into: &sink)
        case .close(let session, let handle, let reason):
            return .closed(broker.close(session: session, handle: handle, reason: reason, into: &sink))
        case .closeHandle(let session, let handle):
            return .done(broker.closeHandle(session: session, handle: handle, into: &sink))
        case .stop(let session, let handle):
            return .done(broker.stop(session: session, handle: handle, into: &sink))
        case .settle(let session, let handle, let first, let count):
            return .known(
                broker.settle(session: session, handle: handle, first: first, count: count, into: &sink))
        case .giveBack(let session, let handle, let first, let count, let seen):
            return .known(
                broker.giveBack(
                    session: session, handle: handle, first: first, count: count, seen: seen, into: &sink))
        case .advance(let time): broker.advance(to: time, into: &sink)
        case .sweep: broker.sweep(into: &sink)
        default: return performMore(input)
        }
        return .nothing
    }

    /// Rules 19, 20 and 29.
    private mutating func performMore(_ input: BrokerInput) -> BrokerReply {
        switch input {
        case .sendConfirmed(let session, let request, let handle, let messages, let timeout, let confirm):
            guard let chain = chain(messages, session, request, handle) else { return .nothing }
            broker.send(
                session: session, request: request, handle: handle, chain: chain, timeout: timeout,
                confirm: confirm, into: &sink)
        case .lease(let session, let request, let handle, let count, let timeout, let drained, let terms):
            broker.receive(
                session: session, request: request, handle: handle, count: count, timeout: timeout,
                untilDrained: drained, terms: terms, into: &sink)
        case .receipt(let session, let handle, let first, let count):
            return .known(
                broker.receipt(session: session, handle: handle, first: first, count: count, into: &sink))
        case .giveUp(let session, let handle, let delivery, let target):
            return .known(
                broker.giveUp(
                    session: session, handle: handle, delivery: delivery, deadLetter: target, into: &sink))
        case .finishLease(let session, let handle, let delivery, let back):
            return .done(
                broker.finishLease(
                    session: session, handle: handle, delivery: delivery, givingBack: back, into: &sink))
        case .extendLease(let session, let handle, let delivery, let nanoseconds):
            return .done(
                broker.extendLease(
                    session: session, handle: handle, delivery: delivery, nanoseconds: nanoseconds,
                    into: &sink))
        case .wait(let session, let request, let handle, let name, let condition, let timeout):
            if let handle {
                broker.wait(
                    session: session, request: request, handle: handle, until: condition, timeout: timeout,
                    into: &sink)
            } else {
                broker.wait(
                    session: session, request: request, name: name, until: condition, timeout: timeout,
                    into: &sink)
            }
        case .restore(let session, let name):
            return .restored(broker.restore(session: session, name: name, into: &sink))
        case .purge(let session, let name, let last, let limit):
            return .purged(
                broker.purge(session: session, name: name, last: last, limit: limit, into: &sink))
        case .pause(let session, let name, let isPaused):
            return .done(broker.setPaused(isPaused, session: session, name: name, into: &sink))
        default: break
        }
        return .nothing
    }

    /// Asks for room in the quotas as the daemon does, then makes the chain; nil where the request failed.
    private mutating func chain(
        _ sent: [SentMessage], _ session: UInt32, _ request: UInt64, _ handle: UInt32
    ) -> MessageChain? {
        let bytes = sent.reduce(0) { $0 + $1.byteCount }
        var chain: MessageChain
        switch broker.admit(session: session, handle: handle, count: sent.count, byteCount: bytes) {
        case .success(let admitted): chain = admitted
        case .failure(let failure):
            sink.failed(session: session, request: request, failure: failure)
            return nil
        }
        for message in sent {
            guard append(message, to: &chain, session, request) else { return nil }
        }
        return chain
    }

    /// Adds a message with what it passes; where it may not, the request has failed and the chain is gone.
    private mutating func append(
        _ message: SentMessage, to chain: inout MessageChain, _ session: UInt32, _ request: UInt64
    ) -> Bool {
        broker.append(message.body, byteCount: message.byteCount, to: &chain, session: session)
        guard let failure = broker.pass(message.passing, with: chain, session: session) else { return true }
        broker.discard(chain, into: &sink)
        sink.failed(session: session, request: request, failure: failure)
        return false
    }

    private mutating func select(
        _ session: UInt32, _ request: UInt64, _ inputs: [CaseInput], _ ordered: Bool, _ timeout: Int64,
        limit: UInt32
    ) {
        var cases: [SelectCase] = []
        cases.reserveCapacity(inputs.count)
        for input in inputs {
            guard let chain = self.chain(input.message.map { [$0] } ?? [], session, request, input.handle)
            else {
                for made in cases { broker.discard(made.chain, into: &sink) }
                return
            }
            cases.append(
                SelectCase(
                    input.kind, handle: input.handle, untilDrained: input.untilDrained, chain: chain))
        }
        broker.select(
            session: session, request: request, cases: cases, ordered: ordered, timeout: timeout,
            limit: limit, into: &sink)
    }
}
