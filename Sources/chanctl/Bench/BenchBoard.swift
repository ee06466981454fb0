// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc
import Synchronization

/// What the processes of one measurement share: counters and flags in memory of all of them.
///
/// Unchecked, because the memory is there until the process ends and all in it is atomic, but for the text of a
/// failure: one process writes that, the one that set the flag, and it is read when another flag says so.
struct BenchBoard: @unchecked Sendable {
    typealias Word = UnsafeMutablePointer<Atomic<UInt64>>

    /// The most processes on either side.
    static let mostRoles = 16
    private static let wordsPerSlot = 16  // 128 bytes: no two processes write the same cache lines.
    private static let textBytes = 512
    private static let firstBucket = 64 + 2 * mostRoles * wordsPerSlot
    private static let words = firstBucket + LatencyBuckets.count
    private static let bytes = words * 8 + textBytes

    private let base: Word

    init(mapping file: Int32) throws {
        base = try Descriptor.mapShared(file, bytes: Self.bytes).bindMemory(
            to: Atomic<UInt64>.self, capacity: Self.words)
    }

    /// Gives the memory back; nobody may use it any more.
    func unmap() { munmap(base, Self.bytes) }

    // Each flag on a cache line of its own.
    var ready: Word { base }
    var go: Word { base + 8 }
    var measuring: Word { base + 16 }
    var stop: Word { base + 24 }
    private var failing: Word { base + 32 }
    private var failed: Word { base + 40 }
    private var longest: Word { base + 48 }

    var isStopped: Bool { stop.pointee.load(ordering: .relaxed) != 0 }

    // MARK: - Counters

    /// What one process sent or got.
    struct Slot {
        fileprivate let word: Word

        /// Counts messages; one process, and one thread of it, writes each slot.
        @inline(__always)
        func count(_ messages: UInt64, marks: UInt64) {
            let sum = word + 1
            sum.pointee.store(sum.pointee.load(ordering: .relaxed) &+ marks, ordering: .relaxed)
            word.pointee.store(word.pointee.load(ordering: .relaxed) &+ messages, ordering: .releasing)
        }

        /// Says that nothing more is sent.
        func finish() { (word + 2).pointee.store(1, ordering: .releasing) }
    }

    func sent(_ role: Int) -> Slot { Slot(word: base + 64 + role * Self.wordsPerSlot) }
    func got(_ role: Int) -> Slot { Slot(word: base + 64 + (Self.mostRoles + role) * Self.wordsPerSlot) }

    /// All slots of one side added up: how many messages, the sum of their marks, how many processes are done.
    func total(_ slot: (Int) -> Slot) -> (messages: UInt64, marks: UInt64, done: Int) {
        var total: (messages: UInt64, marks: UInt64, done: Int) = (0, 0, 0)
        for role in 0..<Self.mostRoles {
            let word = slot(role).word
            total.done += Int((word + 2).pointee.load(ordering: .acquiring))
            total.messages += word.pointee.load(ordering: .acquiring)
            total.marks &+= (word + 1).pointee.load(ordering: .relaxed)
        }
        return total
    }

    // MARK: - Times

    /// Notes a round trip, while that is wanted; one process does.
    func note(_ nanoseconds: UInt64) {
        guard measuring.pointee.load(ordering: .relaxed) != 0 else { return }
        let bucket = base + Self.firstBucket + LatencyBuckets.index(of: nanoseconds)
        bucket.pointee.store(bucket.pointee.load(ordering: .relaxed) + 1, ordering: .relaxed)
        if nanoseconds > longest.pointee.load(ordering: .relaxed) {
            longest.pointee.store(nanoseconds, ordering: .relaxed)
        }
    }

    /// The longest round trip in microseconds.
    var longestMicroseconds: Double { Double(longest.pointee.load(ordering: .relaxed)) / 1000 }

    /// What so much of the round trips, from 0 to 1, stayed below, in microseconds.
    func percentile(_ part: Double) -> Double {
        let counts = (0..<LatencyBuckets.count).map {
            (base + Self.firstBucket + $0).pointee.load(ordering: .relaxed)
        }
        let wanted = Double(counts.reduce(0, +)) * part
        var passed: UInt64 = 0
        for (index, count) in counts.enumerated() {
            passed += count
            if Double(passed) >= wanted, passed > 0 { return LatencyBuckets.nanoseconds(at: index) / 1000 }
        }
        return 0
    }

    // MARK: - Failures

    /// Says why the measurement is worth nothing; the first to say so is heard.
    func fail(_ reason: String) {
        guard failing.pointee.exchange(1, ordering: .acquiringAndReleasing) == 0 else { return }
        let text = Array(reason.utf8.prefix(Self.textBytes - 1)) + [0]
        UnsafeMutableRawPointer(base + Self.words).copyMemory(from: text, byteCount: text.count)
        failed.pointee.store(1, ordering: .releasing)
    }

    /// Why the measurement is worth nothing.
    var failure: String? {
        guard failed.pointee.load(ordering: .acquiring) != 0 else { return nil }
        let text = UnsafeRawBufferPointer(start: base + Self.words, count: Self.textBytes)
        return String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
}

/// Steps of round trips' times: 32 to a power of two, so 3 % wide.
enum LatencyBuckets {
    static let count = 64 * steps
    private static let steps = 32

    static func index(of nanoseconds: UInt64) -> Int {
        guard nanoseconds >= 32 else { return Int(nanoseconds) }
        let power = 63 - nanoseconds.leadingZeroBitCount
        return (power - 4) * steps + Int(nanoseconds >> UInt64(power - 5)) - steps
    }

    /// The middle of a step.
    static func nanoseconds(at index: Int) -> Double {
        guard index >= steps else { return Double(index) }
        let shift = UInt64(index / steps + 4 - 5)
        return Double(UInt64(steps + index % steps) << shift) + Double(UInt64(1) << shift) / 2
    }
}
