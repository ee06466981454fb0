// SPDX-License-Identifier: Apache-2.0

/// How long messages took from their arrival until they were delivered, in buckets that grow by a third and a half.
///
/// Time is that of the owner's turns, so a message delivered in the turn in which it arrived took none. Such ones
/// are counted by `delivered` alone, and a channel that has no others has no buckets in memory.
@usableFromInline
struct DelayHistogram {
    /// Deliveries in all.
    @usableFromInline var delivered: UInt64 = 0
    /// The sum of their times.
    @usableFromInline var nanoseconds: UInt64 = 0
    /// Deliveries by bucket; whoever owns the histogram releases it.
    @usableFromInline var counts: UnsafeMutablePointer<UInt64>?

    @inlinable init() {}

    /// Buckets: below 1.024 us, then two for each doubling, up to 20 hours and what is above.
    @inlinable static var bucketCount: Int { 74 }

    /// The bucket of a time.
    @inlinable
    static func bucket(of nanoseconds: UInt64) -> Int {
        guard nanoseconds >= 1024 else { return 0 }
        let exponent = 63 - nanoseconds.leadingZeroBitCount
        let half = Int(truncatingIfNeeded: nanoseconds >> UInt64(exponent - 1)) & 1
        return min((exponent - 10) * 2 + half + 1, bucketCount - 1)
    }

    /// What all times in a bucket are below; `.max` for the last.
    static func bound(of bucket: Int) -> UInt64 {
        guard bucket < bucketCount - 1 else { return .max }
        return bucket % 2 == 0 ? 1024 << UInt64(bucket / 2) : 1536 << UInt64(bucket / 2)
    }

    /// Counts a delivery, which `delivered` has counted, that took some time.
    @inlinable
    mutating func record(_ time: UInt64, bucket: Int) {
        nanoseconds &+= time
        (counts ?? allocate())[bucket] &+= 1
    }

    @usableFromInline
    mutating func allocate() -> UnsafeMutablePointer<UInt64> {
        let made = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.bucketCount)
        made.initialize(repeating: 0, count: Self.bucketCount)
        counts = made
        return made
    }

    /// Lets the buckets go.
    func release() { counts?.deallocate() }
}

/// How long deliveries took, of a channel, a user or all.
public struct Delays: Equatable, Sendable {
    /// Deliveries of a range of times.
    public struct Bucket: Equatable, Sendable {
        /// Nanoseconds that all of them stayed below.
        public var below: UInt64
        /// How many.
        public var count: UInt64
    }
    /// Deliveries in all.
    public var delivered: UInt64 = 0
    /// The sum of their times in nanoseconds.
    public var nanoseconds: UInt64 = 0
    /// Those buckets that have any, in ascending order.
    public var buckets: [Bucket] = []
}

extension Broker {
    /// How long the deliveries of a channel took, for who may inspect it.
    public func delays(session: UInt32, name: String) -> Result<Delays, Failure> {
        inspectable(name, session: session).map { sum([channels[$0].activity.delays]) }
    }

    /// How long the deliveries took of all channels that the session's user owns or ever owned; for an
    /// administrator of all channels.
    public func delays(session: UInt32) -> Delays {
        let identity = sessions[session].identity
        var mine: [DelayHistogram] = []
        for slot in 0..<accounts.highWater where accounts.contains(slot) {
            if maySee(accounts[slot].uid, identity) { mine.append(accounts[slot].delays) }
        }
        return sum(mine)
    }

    private func sum(_ histograms: [DelayHistogram]) -> Delays {
        var delays = Delays()
        var counts = [UInt64](repeating: 0, count: DelayHistogram.bucketCount)
        for histogram in histograms {
            delays.delivered &+= histogram.delivered
            delays.nanoseconds &+= histogram.nanoseconds
            guard let there = histogram.counts else { continue }
            for bucket in counts.indices { counts[bucket] &+= there[bucket] }
        }
        counts[0] &+= delays.delivered &- counts.reduce(0, &+)
        for (bucket, count) in counts.enumerated() where count > 0 {
            delays.buckets.append(Delays.Bucket(below: DelayHistogram.bound(of: bucket), count: count))
        }
        return delays
    }
}
