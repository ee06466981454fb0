// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// A short spin before the loop sleeps, after activity only: a message that comes at once is met awake.
///
/// Going to sleep and being woken on another core costs some 40 microseconds, far more than the spin. Where
/// spins find nothing, as when all processes share a core, they stop, for twice as long each time.
struct Spin {
    private let limit: UInt64
    private var fruitless = 0
    private var pause = 0
    private var nextPause = firstPause
    private static let firstPause = 256
    private static let longestPause = 65_536
    private static let patience = 4

    init(limit: Duration) {
        self.limit = ThisProcess.onlineProcessors == 1 ? 0 : limit.nanoseconds
    }

    /// Polls without sleeping for a short while; whether something came.
    mutating func wait(
        on poll: borrowing EventPoll, into events: inout EventBuffer, now: UInt64, until wake: UInt64
    ) throws(SystemError) -> Bool {
        guard limit > 0 else { return false }
        guard pause == 0 else {
            pause -= 1
            return false
        }
        let end = min(now &+ limit, wake)
        repeat {
            try poll.wait(into: &events, timeoutNanoseconds: 0)
            if events.count > 0 {
                fruitless = 0
                nextPause = Self.firstPause
                return true
            }
        } while MonotonicClock.now() < end
        fruitless += 1
        if fruitless >= Self.patience {
            fruitless = 0
            pause = nextPause
            nextPause = min(nextPause * 2, Self.longestPause)
        }
        return false
    }

    /// The loop slept: after a long sleep there is no activity to go on with.
    mutating func slept(from start: UInt64, to end: UInt64) {
        if end &- start > 100 * limit, pause == 0 { fruitless = max(fruitless - 1, 0) }
    }
}
