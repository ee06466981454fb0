// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Synchronization

/// Looks at what a partner on another processor may be about to do: sooner than a task could be suspended and resumed, which
/// wakes a sleeping thread.
///
/// Looks are short where the last ones found something. Otherwise one now and then is long enough for the partner's thread to
/// wake up, after which both may stay awake; while those find nothing, they become rarer, twice as rare each time.
struct LocalSpin: ~Copyable {
    private static let patience = 3
    private static let firstPause = 128
    private static let longestPause = 65_536

    /// In nanoseconds: some times what it takes the partner to answer that is awake.
    private let short: UInt64
    /// In nanoseconds: what it takes a thread to wake up on another processor.
    private let long: UInt64
    /// Hints to the processor between two looks.
    private let pauses: Int
    private let isAlone: Bool
    // Counted without a lock: what a race loses is one look more or less.
    private let isFruitful = Atomic<Bool>(false)
    private let fruitless = Atomic<Int>(0)
    /// Operations to be parked before the next look.
    private let pause = Atomic<Int>(0)
    private let nextPause = Atomic<Int>(firstPause)

    init(short: UInt64, long: UInt64, pauses: Int) {
        (self.short, self.long, self.pauses) = (short, long, pauses)
        isAlone = ((try? ThisProcess.processors().count) ?? 1) == 1
    }

    /// Whether it came to pass while it was looked at, if it was at all.
    func look(for hasCome: () -> Bool) -> Bool {
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
        let came = spin(for: isShort ? short : long, until: hasCome)
        note(came, wasFruitful)
        return came
    }

    private func spin(for limit: UInt64, until hasCome: () -> Bool) -> Bool {
        let start = MonotonicClock.now()
        repeat {
            for _ in 0..<8 {
                Processor.pause(pauses)
                if hasCome() { return true }
            }
        } while MonotonicClock.now() &- start < limit
        return false
    }

    private func note(_ came: Bool, _ wasFruitful: Bool) {
        if came {
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
