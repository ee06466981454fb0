// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Synchronization

/// A short look at an operation that was parked, before its task gives up its thread: where the partner runs on another
/// processor, it is over within the time that suspending alone would take.
///
/// Resuming a task wakes a sleeping thread, which costs some microseconds, far more than the look. Where looks find
/// nothing, as when all tasks share one thread, they stop, for twice as long each time.
struct LocalSpin: ~Copyable {
    private static let rounds = 100
    private static let patience = 4
    private static let firstPause = 256
    private static let longestPause = 65_536

    private let isAlone: Bool
    // Counted without a lock: what a race loses is one look more or less.
    private let fruitless = Atomic<Int>(0)
    private let pause = Atomic<Int>(0)
    private let nextPause = Atomic<Int>(firstPause)

    init() {
        isAlone = ((try? ThisProcess.processors().count) ?? 1) == 1
    }

    /// Whether the operation is over after the look.
    func look(at operation: LocalOperation) -> Bool {
        if isAlone { return false }
        let left = pause.load(ordering: .relaxed)
        if left > 0 {
            pause.store(left - 1, ordering: .relaxed)
            return false
        }
        for _ in 0..<Self.rounds {
            if operation.isSeenOver {
                fruitless.store(0, ordering: .relaxed)
                nextPause.store(Self.firstPause, ordering: .relaxed)
                return true
            }
            Processor.pause()
        }
        let count = fruitless.load(ordering: .relaxed) + 1
        fruitless.store(count < Self.patience ? count : 0, ordering: .relaxed)
        if count >= Self.patience {
            let length = nextPause.load(ordering: .relaxed)
            pause.store(length, ordering: .relaxed)
            nextPause.store(min(length * 2, Self.longestPause), ordering: .relaxed)
        }
        return false
    }
}
