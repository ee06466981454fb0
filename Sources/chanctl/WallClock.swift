// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The time of day.
package enum WallClock {
    /// Now, since 1970.
    package static func now() -> Duration {
        var instant = timespec()
        clock_gettime(CLOCK_REALTIME, &instant)
        return .seconds(Int64(instant.tv_sec)) + .nanoseconds(Int64(instant.tv_nsec))
    }

    /// An instant for programs: in UTC, as in `2026-02-03T04:05:06.789Z`.
    package static func universal(_ instant: Duration) -> String {
        var (seconds, parts) = split(instant)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        parts /= 1_000_000
        let fraction = String(repeating: "0", count: 3 - "\(parts)".count) + "\(parts)"
        return formatted(fields, "%Y-%m-%dT%H:%M:%S.") + fraction + "Z"
    }

    /// An instant for people: the time of day where they are, with the date unless it is today's.
    static func local(_ instant: Duration) -> String {
        var (seconds, _) = split(instant)
        var (today, _) = split(now())
        var fields = tm()
        var current = tm()
        localtime_r(&seconds, &fields)
        localtime_r(&today, &current)
        let isToday = fields.tm_yday == current.tm_yday && fields.tm_year == current.tm_year
        return formatted(fields, isToday ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S")
    }

    private static func split(_ instant: Duration) -> (time_t, Int64) {
        let (seconds, attoseconds) = instant.components
        return (time_t(seconds), attoseconds / 1_000_000_000)
    }

    private static func formatted(_ fields: tm, _ format: String) -> String {
        var fields = fields
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            let length = strftime(base, buffer.count, format, &fields)
            return String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }
}
