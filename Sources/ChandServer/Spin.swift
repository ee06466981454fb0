// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// A short spin before the loop sleeps: a message that comes at once is met awake.
///
/// To go to sleep and be woken by another processor takes longer than most clients take to answer. Where most spins
/// find nothing, as when clients are slow or share the processor, they stop, but for a trial now and then.
struct Spin {
    private let limit: UInt64
    /// Of how many in `whole` the last spins found something, the latest counting most.
    private var found = whole
    private var pause = 0
    private var nextPause = firstPause
    private static let whole = 1024
    private static let firstPause = 64
    private static let longestPause = 4096
    /// Nanoseconds for which only somebody else's turn keeps the loop away.
    private static let turn: UInt64 = 20_000

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
        var last = now
        var isAlone = true
        repeat {
            try poll.wait(into: &events, timeoutNanoseconds: 0)
            if events.count > 0 { break }
            // Who waits for this processor may be the very one that is waited for.
            Processor.yield()
            let time = MonotonicClock.now()
            isAlone = isAlone && time &- last < Self.turn
            last = time
        } while last < end
        note(events.count > 0 && isAlone)
        return events.count > 0
    }

    /// One that finds something, while nobody else needs the processor, saves about what another one costs: they go on
    /// where at least half do.
    private mutating func note(_ success: Bool) {
        let isTrial = found < Self.whole / 2
        if success {
            found = max(found + (Self.whole - found) / 8, Self.whole / 2)
            nextPause = Self.firstPause
        } else {
            found -= found / 8
            guard found < Self.whole / 2 else { return }
            pause = nextPause
            if isTrial { nextPause = min(nextPause * 2, Self.longestPause) }
        }
    }
}
