// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport

/// What the in-process backend drives: the broker or the model.
protocol ConformanceEngine {
    /// Applies an input; returns what it returned and its effects in order.
    mutating func perform(_ input: BrokerInput) -> (reply: BrokerReply, events: [BrokerEvent])
    /// The channel of a handle.
    func state(session: UInt32, handle: UInt32) -> ChannelCounts?
    var nextDeadline: UInt64? { get }
}

/// What bodies look at.
struct ChannelCounts {
    var length: Int
    var capacity: Int64
    var sendWaiters: Int
    var receiveWaiters: Int
}

/// The broker; a class because the broker can't be copied.
final class BrokerConformanceEngine: ConformanceEngine {
    private var engine: BrokerEngine

    init(seed: UInt64) { engine = BrokerEngine(seed: seed) }

    func perform(_ input: BrokerInput) -> (reply: BrokerReply, events: [BrokerEvent]) {
        let reply = engine.apply(input)
        return (reply, engine.events)
    }

    func state(session: UInt32, handle: UInt32) -> ChannelCounts? {
        guard case .success(let there) = engine.broker.snapshot(session: session, handle: handle) else {
            return nil
        }
        return ChannelCounts(
            length: there.queued, capacity: there.capacity, sendWaiters: Int(there.sendWaiters),
            receiveWaiters: Int(there.receiveWaiters))
    }

    var nextDeadline: UInt64? { engine.broker.nextDeadline }
}

/// The model, which draws among the winners that it allows.
struct ModelConformanceEngine: ConformanceEngine {
    private var model = ModelBroker()
    private var random: SeededRandom
    private var nextSession: UInt32 = 0

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func perform(_ input: BrokerInput) -> (reply: BrokerReply, events: [BrokerEvent]) {
        var hint = ModelBroker.Hint()
        hint.winners = [random.pick(model.allowedWinners(of: input).sorted())].compactMap { $0 }
        if case .begin = input {
            hint.session = nextSession
            nextSession += 1
        }
        guard let reply = try? model.apply(input, hint) else { return (.nothing, []) }
        return (reply, model.events.flatMap { $0 })
    }

    func state(session: UInt32, handle: UInt32) -> ChannelCounts? {
        guard let there = model.counts(session: session, handle: handle) else { return nil }
        return ChannelCounts(
            length: there.queued, capacity: there.capacity, sendWaiters: there.sendWaiters,
            receiveWaiters: there.receiveWaiters)
    }

    var nextDeadline: UInt64? { model.nextDeadline }
}
