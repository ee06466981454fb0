// SPDX-License-Identifier: Apache-2.0

/// Durations and sizes as people write them: `50ms`, `1.5s`, `64KiB`; a bare number is seconds or bytes.
public enum Quantity {
    private typealias Unit = (suffix: String, factor: Int64)

    private static let durationUnits: [Unit] = [
        ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ]
    private static let sizeUnits: [Unit] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
    ]

    /// Reads a duration, `nil` where the text is none, is negative or longer than 290 years.
    public static func duration(_ text: String) -> Duration? {
        scaled(text, bare: 1_000_000_000, units: durationUnits).map { .nanoseconds($0) }
    }

    /// Reads a size in bytes, `nil` where the text is none, is negative or no whole number of bytes.
    public static func bytes(_ text: String) -> Int? {
        scaled(text, bare: 1, units: sizeUnits).map { Int($0) }
    }

    /// Writes a duration in the largest unit that keeps it whole, so that reading it back gives the same.
    public static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        return whole(nanoseconds, zero: "0s", units: durationUnits)
    }

    /// Writes a size in the largest unit that keeps it whole, so that reading it back gives the same.
    public static func text(bytes: Int) -> String {
        whole(Int64(bytes), zero: "0B", units: sizeUnits)
    }

    private static func whole(_ value: Int64, zero: String, units: [Unit]) -> String {
        guard value != 0 else { return zero }
        guard let unit = units.last(where: { value % $0.factor == 0 }) else { return "\(value)" }
        return "\(value / unit.factor)\(unit.suffix)"
    }

    /// In whole numbers throughout: a double would turn `0.1s` into something that is not written back as
    /// `100ms`.
    private static func scaled(_ text: String, bare: Int64, units: [Unit]) -> Int64? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let suffix = text[number.endIndex...].drop { $0 == " " }
        guard let factor = suffix.isEmpty ? bare : units.first(where: { $0.suffix == suffix })?.factor else {
            return nil
        }
        let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let integer = Int64(first) else { return nil }
        let (product, overflowed) = integer.multipliedReportingOverflow(by: factor)
        guard !overflowed else { return nil }
        guard parts.count == 2 else { return product }
        guard let fraction = fractionOf(factor, digits: parts[1]) else { return nil }
        let (sum, carried) = product.addingReportingOverflow(fraction)
        return carried ? nil : sum
    }

    /// The decimal fraction's share of `factor`; `nil` where that is no whole number.
    private static func fractionOf(_ factor: Int64, digits: Substring) -> Int64? {
        guard !digits.isEmpty, digits.count <= 9, let value = Int64(digits) else { return nil }
        let divisor = digits.reduce(into: Int64(1)) { divisor, _ in divisor *= 10 }
        // Both products stay below 2^63: the value is below the divisor, which is at most 10^9.
        let rest = value * (factor % divisor)
        return rest % divisor == 0 ? value * (factor / divisor) + rest / divisor : nil
    }
}
