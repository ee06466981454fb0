// SPDX-License-Identifier: Apache-2.0

/// A clock that moves only when a test says so, in nanoseconds.
public struct ManualTime: Sendable {
    /// Nanoseconds since the test began.
    public private(set) var now: UInt64 = 0

    /// Makes a clock that shows 0.
    public init() {}

    /// Lets time pass and returns what the clock shows then.
    @discardableResult
    public mutating func advance(by nanoseconds: UInt64) -> UInt64 {
        now += nanoseconds
        return now
    }

    /// Moves on to `time`, never back, and returns what the clock shows then.
    @discardableResult
    public mutating func advance(to time: UInt64) -> UInt64 {
        now = max(now, time)
        return now
    }
}
