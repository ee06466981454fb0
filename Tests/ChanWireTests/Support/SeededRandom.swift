// SPDX-License-Identifier: Apache-2.0

import Glibc

/// SplitMix64: small, fast, and the same numbers everywhere for one seed.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; the bias does not matter to tests, the speed in debug builds does.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next() % UInt64(bound))
    }

    /// The seed of `CHAND_TEST_SEED`, else a new one; printed, so that a failure can be repeated.
    static func seed(_ test: String) -> UInt64 {
        var seed = UInt64.random(in: 1...UInt64(UInt32.max))
        if let text = getenv("CHAND_TEST_SEED"), let wanted = UInt64(String(cString: text)) { seed = wanted }
        print("\(test): repeat with CHAND_TEST_SEED=\(seed)")
        return seed
    }
}
