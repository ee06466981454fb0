// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

/// P5: every small interleaving of three sessions on two channels.
@Suite struct InterleavingTests {
    /// As deep as some seconds of a debug build allow; `SearchTests` go deeper in a release build, and so does
    /// CHAND_INTERLEAVING_DEPTH.
    private static func depth(_ alphabet: Interleavings.Alphabet, _ capacities: [Int64?]) -> Int {
        if let depth = number("CHAND_INTERLEAVING_DEPTH") { return depth }
        switch alphabet {
        case .full: return 2
        case .ahead, .returning: return 3
        case .meeting: return [[0, 0], [0, 1], [1, 2]].contains(capacities) ? 3 : 2
        }
    }

    @Test(
        "P5 all interleavings", .timeLimit(.minutes(60)),
        arguments: [Interleavings.Alphabet.full, .meeting, .returning],
        Interleavings.pairsOfCapacities)
    func all(alphabet: Interleavings.Alphabet, capacities: [Int64?]) throws {
        let clock = ContinuousClock()
        let start = clock.now
        let coverage = try Interleavings(capacities: capacities, alphabet: alphabet)
            .explore(depth: Self.depth(alphabet, capacities))
        let text = capacities.map { $0.map(String.init) ?? "undecided" }.joined(separator: ", ")
        print("interleavings \(alphabet.rawValue) of [\(text)]: \(coverage) in \(clock.now - start)")
        if capacities == Interleavings.pairsOfCapacities[0] {
            print("    \(Interleavings.letters(alphabet))")
        }
    }

    /// One channel, which read-ahead never looks beyond: so the search goes deeper.
    @Test(
        "P5 all interleavings of read-ahead", .timeLimit(.minutes(60)), arguments: [0, 1, 2, nil] as [Int64?])
    func ahead(capacity: Int64?) throws {
        let coverage = try Interleavings(capacities: [capacity], alphabet: .ahead)
            .explore(depth: number("CHAND_INTERLEAVING_DEPTH") ?? 5)
        print("interleavings ahead of \(capacity.map(String.init) ?? "undecided"): \(coverage)")
        if capacity == 0 { print("    \(Interleavings.letters(.ahead))") }
    }
}
