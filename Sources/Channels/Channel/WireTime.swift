// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// Durations as they stand on the wire: nanoseconds, 0 for a try, below 0 for ever.
enum WireTime {
    /// The nanoseconds of a timeout; nil waits for ever, and what is not above zero is a try.
    ///
    /// Not inlined: the room for its numbers would be in every task that sends, and more than such a task begins with.
    @inline(never)
    static func nanoseconds(_ timeout: Duration?) -> Int64 {
        guard let timeout else { return WireTimeout.never }
        guard timeout > .zero else { return WireTimeout.none }
        // Before anything else: the components of a duration beyond 2^63 seconds trap.
        guard timeout < longest else { return .max }
        let (seconds, attoseconds) = timeout.components
        // A part of a nanosecond still is not a try.
        return max(seconds * 1_000_000_000 + attoseconds / 1_000_000_000, 1)
    }

    private static let longest = Duration.nanoseconds(Int64.max)

    /// The nanoseconds of a length of time, never below zero.
    static func positive(_ duration: Duration) -> UInt64 { UInt64(max(nanoseconds(duration), 0)) }

    /// The nanoseconds of a lease: 0 for no end, and at least 1 for a time that is given.
    static func leaseNanoseconds(_ time: Duration?) -> UInt64 { time.map { max(positive($0), 1) } ?? 0 }

    /// What is left of a timeout that began at an instant of the monotonic clock; never less than a try.
    static func remaining(of timeout: Int64, since start: UInt64) -> Int64 {
        guard timeout > 0 else { return timeout }
        return max(timeout - Int64(clamping: MonotonicClock.now() - start), WireTimeout.none)
    }
}
