// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The clock of all deadlines: it never goes back and stands still while the machine is suspended.
public enum MonotonicClock {
    /// Nanoseconds since some fixed instant before the machine's start.
    public static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// The instant so many milliseconds from now; never wraps.
    public static func deadline(milliseconds: UInt64) -> UInt64 {
        let (nanoseconds, tooLong) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (instant, wrapped) = now().addingReportingOverflow(nanoseconds)
        return tooLong || wrapped ? .max : instant
    }
}

/// The time of day, for logs and listings only; deadlines use ``MonotonicClock``.
public enum WallClock {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    public static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    }
}
