// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Synchronization

/// A look at an operation that was parked, before its task gives up its thread: where the partner runs on another processor,
/// it is over sooner than the task could be suspended and resumed, which wakes a sleeping thread.
///
/// Looks are short where the last ones found something. Otherwise one now and then is long enough for the partner's thread to
/// wake up, after which both may stay awake; while those find nothing, they become rarer, twice as rare each time.
struct LocalSpin: ~Copyable {
    /// In nanoseconds: some times what it takes the partner to answer that is awake.
    private static let short: UInt64 = 3000
    /// In nanoseconds: what it takes a thread to wake up on another processor.
    private static let long: UInt64 = 50_000
    private static let patience = 3
    private static let firstPause = 128
    private static let longestPause = 65_536

    private let isAlone: Bool
    // Counted without a lock: what a race loses is one look more or less.
    private let isFruitful = Atomic<Bool>(false)
    private let fruitless = Atomic<Int>(0)
    /// Operations to be parked before the next look.
    private let pause = Atomic<Int>(0)
    private let nextPause = Atomic<Int>(firstPause)

    init() {
        isAlone = ((try? ThisProcess.processors().count) ?? 1) == 1
    }

    /// Whether the operation is over after the look, if there was any.
    func look(at operation: LocalOperation) -> Bool {
        if isAlone { return false }
        let wasFruitful = isFruitful.load(ordering: .relaxed)
        if !wasFruitful {
            let left = pause.load(ordering: .relaxed)
            if left > 0 {
                pause.store(left - 1, ordering: .relaxed)
                return false
            }
        }
        // After one that was not, the partner's thread is about to sleep or to wake up.
        let isShort = wasFruitful && fruitless.load(ordering: .relaxed) == 0
        let isOver = spin(on: operation, for: isShort ? Self.short : Self.long)
        note(isOver, wasFruitful)
        return isOver
    }

    private func spin(on operation: LocalOperation, for limit: UInt64) -> Bool {
        let start = MonotonicClock.now()
        repeat {
            for _ in 0..<8 {
                if operation.isSeenOver { return true }
                Processor.pause()
            }
        } while MonotonicClock.now() &- start < limit
        return false
    }

    private func note(_ isOver: Bool, _ wasFruitful: Bool) {
        if isOver {
            fruitless.store(0, ordering: .relaxed)
            isFruitful.store(true, ordering: .relaxed)
            if wasFruitful { nextPause.store(Self.firstPause, ordering: .relaxed) }
            return
        }
        let count = fruitless.load(ordering: .relaxed) + 1
        if wasFruitful, count < Self.patience { return fruitless.store(count, ordering: .relaxed) }
        fruitless.store(0, ordering: .relaxed)
        isFruitful.store(false, ordering: .relaxed)
        let length = nextPause.load(ordering: .relaxed)
        pause.store(length, ordering: .relaxed)
        nextPause.store(min(length * 2, Self.longestPause), ordering: .relaxed)
    }
}
