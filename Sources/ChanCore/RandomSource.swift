// SPDX-License-Identifier: Apache-2.0

/// The broker's source of choice among ready cases: small, fast, and the same for the same seed.
///
/// SplitMix64 (Steele, Lea, Flood 2014). It decides fairness, never secrets.
public struct RandomSource: RandomNumberGenerator, Sendable {
    @usableFromInline var state: UInt64

    /// Makes a source that repeats itself for the same seed.
    public init(seed: UInt64) {
        state = seed
    }

    /// The next 64 bits.
    @inlinable
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`, all equally likely within 2⁻³².
    @inlinable
    public mutating func below(_ bound: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (UInt64(bound) &* (next() >> 32)) >> 32)
    }
}
