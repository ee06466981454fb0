// SPDX-License-Identifier: Apache-2.0

/// The operations of one connection that the daemon has not answered yet: a value without clock and sockets.
///
/// A context stands for whoever waits: the client keeps its operations there, a test a text.
///
/// Invariants:
/// - ids ascend and are never given twice; the operation with id `n` lies in slot `n & mask`, so finding it
///   is one load; an id whose slot is taken is skipped;
/// - at most three quarters of the slots are taken, so that a free one is near;
/// - an operation leaves its slot by its terminal answer and by nothing else, or with the connection; an
///   abandoned one has no context any more, but still its slot;
/// - `nextDeadline` and `nextGraceEnd` are no later than the earliest of any slot.
struct OutstandingOperations<Context>: ~Copyable {
    private enum State {
        /// The daemon works on it, or it waits there.
        case asked
        /// The daemon was asked to withdraw it; its deadline counts on the grace clock now.
        case withdrawing
        /// Nobody waits for it, or its caller was told that the outcome is unknown.
        case abandoned
    }

    private struct Slot {
        var id: UInt64 = 0
        var deadline: UInt64 = .max
        var state = State.asked
        var context: Context?
    }

    /// How an answer finds its operation.
    enum Ending {
        /// Somebody waits for it.
        case awaited(Context)
        /// Its caller was told that the outcome is unknown: undo what came.
        case abandoned
        /// There is no such operation: the daemon broke the protocol.
        case unknown
    }

    /// What has to be done because time has passed.
    enum Expiry {
        /// Ask the daemon to withdraw the operation.
        case withdraw(UInt64)
        /// Tell the caller that the outcome is unknown.
        case abandon(Context)
    }

    private var slots: [Slot]
    private var nextID: UInt64 = 1
    /// Operations without a terminal answer, abandoned ones included.
    private(set) var count = 0
    /// No operation's time runs out before this instant.
    private(set) var nextDeadline: UInt64 = .max
    /// No operation is abandoned before this instant of the grace clock.
    private(set) var nextGraceEnd: UInt64 = .max

    /// Makes a table with room for so many operations, rounded up to a power of two, before it grows.
    init(capacity: Int = 256) {
        var size = 8
        while size < capacity { size *= 2 }
        slots = [Slot](repeating: Slot(), count: size)
    }

    private var mask: UInt64 { UInt64(truncatingIfNeeded: slots.count &- 1) }

    private func index(_ id: UInt64) -> Int { Int(truncatingIfNeeded: id & mask) }

    /// Takes an operation in and returns its id, with which the daemon is to be asked now.
    ///
    /// - Parameter deadline: when to ask for its withdrawal, `.max` for never.
    mutating func begin(_ context: Context, deadline: UInt64 = .max) -> UInt64 {
        let id = beginUnawaited()
        let index = index(id)
        slots[index].state = .asked
        slots[index].deadline = deadline
        slots[index].context = context
        if deadline < nextDeadline { nextDeadline = deadline }
        return id
    }

    /// The same for an operation whose outcome nobody waits for.
    mutating func beginUnawaited() -> UInt64 {
        if count &* 4 >= slots.count &* 3 { grow() }
        while slots[index(nextID)].id != 0 { nextID &+= 1 }
        let id = nextID
        nextID &+= 1
        let index = index(id)
        slots[index].id = id
        slots[index].state = .abandoned
        count &+= 1
        return id
    }

    /// Ends an operation by its terminal answer.
    mutating func end(_ id: UInt64) -> Ending {
        let index = index(id)
        guard id != 0, slots[index].id == id else { return .unknown }
        slots[index].id = 0
        count &-= 1
        guard let context = slots[index].context.take() else { return .abandoned }
        return .awaited(context)
    }

    /// Finds the operation that a part of an answer is for; it stays.
    func find(_ id: UInt64) -> Ending {
        let index = index(id)
        guard id != 0, slots[index].id == id else { return .unknown }
        guard let context = slots[index].context else { return .abandoned }
        return .awaited(context)
    }

    /// Who waits for an operation that is not ended by what was received for it.
    func context(_ id: UInt64) -> Context? {
        let index = index(id)
        return id != 0 && slots[index].id == id ? slots[index].context : nil
    }

    /// Marks an operation as being withdrawn, because its task was cancelled.
    ///
    /// - Parameter graceEnd: the instant of the grace clock at which its caller is told that the outcome is
    ///   unknown, if the daemon has not answered by then.
    /// - Returns: whether the daemon has to be asked; false where it was already, or where the operation ended.
    mutating func withdraw(_ id: UInt64, graceEnd: UInt64) -> Bool {
        let index = index(id)
        guard id != 0, slots[index].id == id, slots[index].state == .asked else { return false }
        slots[index].state = .withdrawing
        slots[index].deadline = graceEnd
        if graceEnd < nextGraceEnd { nextGraceEnd = graceEnd }
        return true
    }

    /// Finds what is due; mostly nothing, for which it is one comparison.
    ///
    /// - Parameters:
    ///   - now: the time, on the clock of `begin`.
    ///   - grace: the time on the grace clock.
    ///   - gracePeriod: how long the daemon has to answer from now on.
    mutating func expire(now: UInt64, grace: UInt64, gracePeriod: UInt64) -> [Expiry] {
        guard now >= nextDeadline || grace >= nextGraceEnd else { return [] }
        var due: [Expiry] = []
        nextDeadline = .max
        nextGraceEnd = .max
        for index in slots.indices where slots[index].id != 0 {
            switch slots[index].state {
            case .asked:
                if now >= slots[index].deadline {
                    slots[index].state = .withdrawing
                    slots[index].deadline = grace &+ gracePeriod
                    nextGraceEnd = min(nextGraceEnd, slots[index].deadline)
                    due.append(.withdraw(slots[index].id))
                } else {
                    nextDeadline = min(nextDeadline, slots[index].deadline)
                }
            case .withdrawing:
                if grace >= slots[index].deadline {
                    slots[index].state = .abandoned
                    if let context = slots[index].context.take() { due.append(.abandon(context)) }
                } else {
                    nextGraceEnd = min(nextGraceEnd, slots[index].deadline)
                }
            case .abandoned:
                break
            }
        }
        return due
    }

    /// Tells all callers to go, because the client leaves; the daemon's answers are still to come.
    mutating func abandonAll() -> [(id: UInt64, context: Context)] {
        var waiting: [(id: UInt64, context: Context)] = []
        for index in slots.indices where slots[index].id != 0 {
            slots[index].state = .abandoned
            if let context = slots[index].context.take() { waiting.append((slots[index].id, context)) }
        }
        nextDeadline = .max
        nextGraceEnd = .max
        return waiting.sorted { $0.id < $1.id }
    }

    /// Ends everything because the connection ended; returns who waits, in the order in which they began.
    mutating func loseAll() -> [Context] {
        let waiting = slots.filter { $0.id != 0 }.sorted { $0.id < $1.id }.compactMap(\.context)
        for index in slots.indices { slots[index] = Slot() }
        count = 0
        nextDeadline = .max
        nextGraceEnd = .max
        return waiting
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: old.count * 2)
        for slot in old where slot.id != 0 { slots[index(slot.id)] = slot }
    }

    /// Whether the invariants hold; for tests.
    func checkInvariants() -> Bool {
        let taken = slots.indices.filter { slots[$0].id != 0 }
        guard taken.count == count, count * 4 <= slots.count * 3 else { return false }
        return taken.allSatisfy { index in
            let slot = slots[index]
            let inTime = slot.state == .asked ? nextDeadline <= slot.deadline : true
            let inGrace = slot.state == .withdrawing ? nextGraceEnd <= slot.deadline : true
            return self.index(slot.id) == index && slot.id < nextID && inTime && inGrace
                && (slot.state != .abandoned || slot.context == nil)
        }
    }
}
