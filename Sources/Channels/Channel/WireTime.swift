// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// Durations as they stand on the wire: nanoseconds, 0 for a try, below 0 for ever.
enum WireTime {
    /// The nanoseconds of a timeout; nil waits for ever, and what is not above zero is a try.
    static func nanoseconds(_ timeout: Duration?) -> Int64 {
        guard let timeout else { return WireTimeout.never }
        let (seconds, attoseconds) = timeout.components
        guard seconds > 0 || (seconds == 0 && attoseconds > 0) else { return WireTimeout.none }
        let (whole, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        // A part of a nanosecond still is not a try.
        let (sum, wrapped) = whole.addingReportingOverflow(
            max(attoseconds / 1_000_000_000, whole == 0 ? 1 : 0))
        return tooLong || wrapped ? .max : sum
    }

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
