// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// The channels inside a process: one broker behind one lock, the very code that the daemon runs.
///
/// Whoever is resumed by an input, and whatever element is gone with it, is dealt with after the lock is
/// released: both run code of others.
@usableFromInline
final class LocalSpace: Sendable {
    /// The one of this process.
    static let process = LocalSpace()

    /// What is behind the lock.
    struct State: ~Copyable {
        var broker: Broker<LocalBody>
        var sink = LocalSink()
        /// When `alarm` ends what has timed out; `.max` without one.
        var alarmTime = UInt64.max
        var alarm: Task<Void, Never>?
        var lastName: UInt64 = 0
        /// Near halves of selects that are with a daemon too, the eldest first.
        var watchers: [LocalWatcher] = []
    }

    /// A forked child must not touch the lock, which may be held there for ever.
    let origin = ProcessMark()
    let lock: Lock<State>
    /// The broker's session for all channels of the process.
    let session: UInt32

    init() {
        var limits = BrokerLimits()
        // The process's memory is the limit; a case's number has 16 bits.
        limits.channelsPerUser = .max / 2
        limits.handlesPerSession = .max / 2
        limits.handlesPerUser = .max / 2
        limits.waitersPerSession = .max / 2
        limits.waitersPerUser = .max / 2
        limits.waitsPerUser = .max / 2
        limits.selectCases = Int(UInt16.max)
        limits.messagesPerUser = .max / 2
        limits.receiveBatchBytes = .max / 2
        var broker = Broker<LocalBody>(
            seed: UInt64.random(in: .min ... .max), limits: limits,
            spaces: [Space(name: LocalStore.space, isOpenToAll: true)])
        session = broker.beginSession(Identity(uid: 0, gid: 0))
        lock = Lock(State(broker: broker))
    }

    /// Does something with the broker, and then what follows from it for others; in a forked child, nothing.
    func perform(_ body: (inout State) -> Void) { perform(inChild: (), body) }

    /// The same with a result, and what that is in a forked child.
    func perform<Result>(inChild fallback: @autoclosure () -> Result, _ body: (inout State) -> Result)
        -> Result
    {
        guard origin.isHere else { return fallback() }
        var effects = LocalEffects()
        let result = lock.withLock { state in
            let result = body(&state)
            finish(&state, &effects)
            return result
        }
        effects.run(self)
        return result
    }

    /// Begins an operation; true where it is over at once.
    func begin(_ operation: LocalOperation, _ body: (inout State, UInt64) -> Void) -> Bool {
        guard origin.isHere else {
            operation.refuse()
            return true
        }
        var effects = LocalEffects()
        let isOver = lock.withLock { state in
            // Time counts from here, not from the last input.
            if operation.timeout > 0 { state.broker.arrive(at: MonotonicClock.now()) }
            body(&state, operation.register())
            finish(&state, &effects)
            return operation.isOver
        }
        effects.run(self)
        return isOver
    }

    /// Settles what was handed over, and takes what is to be done without the lock.
    func finish(_ state: inout State, _ effects: inout LocalEffects) {
        while let handOver = state.sink.handOvers.popLast() { tell(handOver, &state) }
        state.broker.answerWaits(into: &state.sink)
        effects.take(from: &state.sink)
        if !state.watchers.isEmpty {
            effects.reactions = state.watchers.compactMap { $0.reaction(state) }
        }
        if let due = state.broker.nextDeadline, due < state.alarmTime {
            state.alarmTime = due
            effects.alarmTime = due
        }
    }

    /// Tells the broker what became of deliveries.
    private func tell(_ handOver: LocalSink.HandOver, _ state: inout State) {
        let isKnown: Bool
        switch handOver.fate {
        case .settled:
            isKnown = state.broker.settle(
                session: session, handle: handOver.handle, first: handOver.first, count: handOver.count,
                into: &state.sink)
        case .received:
            isKnown = state.broker.receipt(
                session: session, handle: handOver.handle, first: handOver.first, count: handOver.count,
                into: &state.sink)
        case .leased(let nanoseconds):
            // Most inputs don't tell the time: what the lease runs from so far may be long ago.
            state.broker.arrive(at: MonotonicClock.now())
            let failure = state.broker.extendLease(
                session: session, handle: handOver.handle, delivery: handOver.first, nanoseconds: nanoseconds,
                into: &state.sink)
            isKnown = failure == nil
        }
        assert(isKnown, "a delivery of this process is not known")
    }

    /// Has what times out ended at that time, in place of an alarm that is later.
    fileprivate func setAlarm(at time: UInt64) {
        let alarm = Task.detached { [self] in
            let now = MonotonicClock.now()
            if time > now {
                try? await Task.sleep(for: .nanoseconds(time - now), clock: .suspending)
            }
            if !Task.isCancelled { advance() }
        }
        let later = lock.withLock { state in
            // Another thread may have set an earlier one meanwhile.
            guard state.alarmTime == time else { return Task<Void, Never>?.some(alarm) }
            defer { state.alarm = alarm }
            return state.alarm
        }
        later?.cancel()
    }

    private func advance() {
        perform { state in
            state.alarmTime = .max
            state.alarm = nil
            state.broker.advance(to: MonotonicClock.now(), into: &state.sink)
        }
    }
}

/// What follows from an input without the lock.
struct LocalEffects {
    private var over: LocalOperation?
    private var garbage: [Any] = []
    fileprivate var alarmTime: UInt64?
    fileprivate var reactions: [@Sendable () -> Void] = []

    fileprivate mutating func take(from sink: inout LocalSink) {
        over = sink.takeOver()
        if !sink.garbage.isEmpty { swap(&garbage, &sink.garbage) }
    }

    mutating func run(_ space: LocalSpace) {
        if let alarmTime { space.setAlarm(at: alarmTime) }
        while let operation = over {
            over = operation.next.take()
            operation.wake()
        }
        for reaction in reactions { reaction() }
    }
}
