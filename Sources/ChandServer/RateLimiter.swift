// SPDX-License-Identifier: Apache-2.0

/// A rate for each user: so much a second, and at once what two seconds allow.
struct RateLimiter {
    /// When the user has all of it again; nobody is in here who has.
    private var wholeAt: [UInt32: UInt64] = [:]
    private static let atOnce: UInt64 = 2_000_000_000
    /// Users from which on those who have all of it again are forgotten.
    private static let manyUsers = 1024

    /// For how many nanoseconds the user has had more than the rate allows; 0 for not at all.
    func debt(of user: UInt32, now: UInt64) -> UInt64 {
        let (free, isBeyond) = now.addingReportingOverflow(Self.atOnce)
        guard !isBeyond, let whole = wholeAt[user], whole > free else { return 0 }
        return whole - free
    }

    /// The user takes one.
    mutating func take(_ user: UInt32, perSecond: Int, now: UInt64) {
        if wholeAt.count >= Self.manyUsers { wholeAt = wholeAt.filter { $0.value > now } }
        wholeAt[user] = max(wholeAt[user] ?? 0, now) &+ 1_000_000_000 / UInt64(max(1, perSecond))
    }
}
