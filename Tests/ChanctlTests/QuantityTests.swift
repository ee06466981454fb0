// SPDX-License-Identifier: Apache-2.0

import Testing
import chanctl

/// Durations, sizes and counts.
@Suite struct QuantityTests {
    @Test(arguments: [
        ("50ms", 50_000_000 as Int64), ("1.5s", 1_500_000_000), ("2m", 120_000_000_000),
        ("1h", 3_600_000_000_000), ("3", 3_000_000_000), ("0", 0), ("20us", 20_000), ("0.25", 250_000_000),
    ])
    func durationIsRead(text: String, nanoseconds: Int64) throws {
        #expect(try Quantities.duration(text) == .nanoseconds(nanoseconds))
    }

    @Test(arguments: ["", "x", "5x", "-1s", "1.s", ".5", "1 hour", "99999999999h", "1e3", "١s"])
    func durationIsRefused(text: String) {
        let error = #expect(throws: (any Error).self) { try Quantities.duration(text) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("1.5s"))
    }

    @Test(arguments: [("64KiB", 65_536), ("1MiB", 1 << 20), ("512", 512), ("7B", 7), ("1.5KiB", 1536)])
    func sizeIsRead(text: String, bytes: Int) throws {
        #expect(try Quantities.size(text) == bytes)
    }

    @Test(arguments: ["", "0", "-5", "1MB", "lots", "64 Ki B"])
    func sizeIsRefused(text: String) {
        let error = #expect(throws: (any Error).self) { try Quantities.size(text) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("64KiB"))
    }

    @Test(arguments: [("1", 1), ("100000", 100_000)])
    func countIsRead(text: String, count: Int) throws {
        #expect(try Quantities.count(text) == count)
    }

    @Test(arguments: ["0", "-1", "x", "", "1.5", "99999999999999999999"])
    func countIsRefused(text: String) {
        #expect(throws: (any Error).self) { try Quantities.count(text) }
    }

    @Test(arguments: [
        (0 as Int64, "0ns"), (999, "999ns"), (1000, "1us"), (12_340, "12.3us"), (999_999, "999us"),
        (1_050_000, "1.05ms"), (999_999_999, "999ms"), (1_000_000_000, "1s"), (3_210_000_000, "3.21s"),
        (59_999_000_000, "59.9s"), (61_000_000_000, "1m1s"), (3_661_000_000_000, "1h1m"),
        (90_000_000_000_000, "1d1h"),
    ])
    func durationIsShown(nanoseconds: Int64, text: String) {
        #expect(Quantities.text(.nanoseconds(nanoseconds)) == text)
    }

    @Test(arguments: [
        (0 as UInt64, "0B"), (1023, "1023B"), (1024, "1KiB"), (1536, "1.5KiB"), (1 << 20, "1MiB"),
        (1 << 50, "1024TiB"), (.max, "16777215.9TiB"),
    ])
    func sizeIsShown(bytes: UInt64, text: String) {
        #expect(Quantities.text(bytes: bytes) == text)
    }

    @Test func percentilesAreNearestRanks() {
        #expect([0, 50, 90, 99, 100].map { Quantities.rank($0, of: 100) } == [0, 49, 89, 98, 99])
        #expect([0, 50, 90, 99, 100].map { Quantities.rank($0, of: 1) } == [0, 0, 0, 0, 0])
        #expect([0, 50, 90, 99, 100].map { Quantities.rank($0, of: 3) } == [0, 1, 2, 2, 2])
    }

    @Test(arguments: [
        (0, "0"), (0.04, "0"), (0.26, "0.3"), (12, "12"), (12.34, "12.3"), (99.96, "100"), (999.4, "999"),
        (999.6, "1k"), (12_345, "12.3k"), (1e6, "1M"), (5e16, "50000T"),
    ])
    func rates(_ rate: Double, _ text: String) {
        #expect(Quantities.text(rate: rate) == text)
    }
}
