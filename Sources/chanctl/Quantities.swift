// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChandConfig

/// Durations, sizes and counts of the command line, and as they are shown to people.
package enum Quantities {
    /// Reads a duration such as `50ms`, `1.5s`, `2m`, `1h`, or a bare number of seconds.
    package static func duration(_ text: String) throws -> Duration {
        if let duration = Quantity.duration(text) { return duration }
        throw ValidationError("\"\(text)\" is no duration; write it as in 50ms, 1.5s, 2m or 1h")
    }

    /// Reads a size such as `64KiB` or `1MiB`, or a bare number of bytes; at least one.
    package static func size(_ text: String) throws -> Int {
        if let bytes = Quantity.bytes(text), bytes > 0 { return bytes }
        throw ValidationError("\"\(text)\" is no size; write it as in 512, 64KiB or 1MiB")
    }

    /// Reads a number of at least one.
    package static func count(_ text: String) throws -> Int {
        if let count = Int(text), count > 0 { return count }
        throw ValidationError("\"\(text)\" is no number of messages; it has to be 1 or more")
    }

    /// A time as people take it in: three digits and a unit, or two units.
    package static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = attoseconds / 1_000_000_000
        if seconds == 0 {
            if nanoseconds < 1000 { return "\(nanoseconds)ns" }
            if nanoseconds < 1_000_000 { return digits(nanoseconds, per: 1000) + "us" }
            return digits(nanoseconds, per: 1_000_000) + "ms"
        }
        switch seconds {
        case ..<60: return digits(seconds * 1000 + nanoseconds / 1_000_000, per: 1000) + "s"
        case ..<3600: return "\(seconds / 60)m\(seconds % 60)s"
        case ..<86_400: return "\(seconds / 3600)h\(seconds % 3600 / 60)m"
        default: return "\(seconds / 86_400)d\(seconds % 86_400 / 3600)h"
        }
    }

    /// A quotient with three digits, cut and not rounded, so that 999.9 does not become 1000.
    private static func digits(_ value: Int64, per unit: Int64) -> String {
        let whole = value / unit
        let places = whole >= 100 ? 0 : whole >= 10 ? 1 : 2
        if places == 0 { return "\(whole)" }
        let scale: Int64 = places == 1 ? 10 : 100
        let fraction = value % unit * scale / unit
        if fraction == 0 { return "\(whole)" }
        let padded = fraction < 10 && places == 2 ? "0\(fraction)" : "\(fraction)"
        return "\(whole).\(padded)"
    }

    /// A rate as people take it in: three digits and a letter for the thousands.
    package static func text(rate: Double) -> String {
        var value = rate
        var units = ["", "k", "M", "G", "T"][...]
        while value >= 999.5, units.count > 1 {
            value /= 1000
            units.removeFirst()
        }
        let unit = units.first ?? ""
        guard value < 99.95, value > 0 else { return "\(Int(value.rounded()))\(unit)" }
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
    }

    /// A size as people take it in: bytes, or one decimal of the largest unit that fits.
    package static func text(bytes: UInt64) -> String {
        var unit = 0
        var scale: UInt64 = 1
        while bytes / scale >= 1024, unit < 4 {
            scale <<= 10
            unit += 1
        }
        let names = ["B", "KiB", "MiB", "GiB", "TiB"]
        let tenth = bytes % scale * 10 / scale
        return tenth == 0 ? "\(bytes / scale)\(names[unit])" : "\(bytes / scale).\(tenth)\(names[unit])"
    }

    /// Where a percentile stands among so many sorted values: the nearest rank.
    package static func rank(_ percentile: Int, of count: Int) -> Int {
        max(0, (percentile * count + 99) / 100 - 1)
    }

    /// Seconds as a JSON number, exact to the nanosecond.
    package static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Double(seconds) + Double(attoseconds / 1_000_000_000) / 1e9
    }
}
