// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// Random sequences of several sessions against the plain model (P3).
@Suite struct ModelTests {
    /// Inputs that one run tries in a debug build, `SearchTests` many more in a release build;
    /// CHAND_MODEL_OPERATIONS asks for more, CHAND_MODEL_SEED begins elsewhere.
    private static let operations = number("CHAND_MODEL_OPERATIONS") ?? 20_000
    private static let length = 100

    @Test("P3 the broker does what the model says", .timeLimit(.minutes(60)))
    func model() {
        let first = UInt64(number("CHAND_MODEL_SEED") ?? 0)
        let seeds = UInt64(max(1, Self.operations / Self.length))
        let clock = ContinuousClock()
        let start = clock.now
        for seed in first..<first + seeds {
            if let finding = ModelRun.run(seed: seed, length: Self.length) {
                Issue.record("\(finding)")
                return
            }
        }
        print("model: \(seeds) seeds from \(first) x \(Self.length) operations in \(clock.now - start)")
    }
}

/// A number from the environment; nil where it is not set or is none.
func number(_ variable: String) -> Int? {
    getenv(variable).flatMap { Int(String(cString: $0)) }
}
