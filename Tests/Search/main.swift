// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Glibc

/// The searches of ChanCoreTests where a debug build is too slow: in a release build, on every processor.
///
///     chand-search model OPERATIONS [FIRST SEED]
///     chand-search interleavings DEPTH
///
/// Prints what was searched, and ends with 1 at the first difference between broker and model, with 2 where it is not asked so.
@main
struct Search {
    private static let sequence = 100

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        // Below what sums of them could exceed.
        let numbers = arguments.dropFirst().compactMap { UInt32($0) }
        do {
            switch (arguments.first, arguments.count, numbers.count) {
            case ("model", 2, 1): try model(operations: UInt64(numbers[0]), from: 0)
            case ("model", 3, 2): try model(operations: UInt64(numbers[0]), from: UInt64(numbers[1]))
            case ("interleavings", 2, 1): try interleavings(depth: Int(numbers[0]))
            default: end(2, "usage: chand-search model OPERATIONS [FIRST SEED] | interleavings DEPTH")
            }
        } catch {
            end(1, "\(error)")
        }
    }

    private static func end(_ status: Int32, _ text: String) -> Never {
        // Where nobody listens the status says it.
        _ = try? Array("chand-search: \(text)\n".utf8).withUnsafeBytes { try Transfer.writeAll(2, $0) }
        exit(status)
    }

    /// Random sequences against the plain model (P3).
    private static func model(operations: UInt64, from first: UInt64) throws {
        let seeds = max(1, operations / UInt64(sequence))
        try inParts { part, parts in
            for seed in stride(from: first + part, to: first + seeds, by: Int(parts)) {
                if let finding = ModelRun.run(seed: seed, length: sequence) { return "\(finding)" }
            }
            return nil
        }
        print("model: \(seeds) seeds from \(first) x \(sequence) operations")
    }

    /// Every short sequence of three sessions (P5).
    private static func interleavings(depth: Int) throws {
        var searches: [(Interleavings.Alphabet, [Int64?])] = []
        for capacities in Interleavings.pairsOfCapacities {
            for alphabet in [Interleavings.Alphabet.full, .meeting, .returning] {
                searches.append((alphabet, capacities))
            }
        }
        for capacity in [0, 1, 2, nil] as [Int64?] { searches.append((.ahead, [capacity])) }
        try inParts { [searches] part, parts in
            for index in stride(from: Int(part), to: searches.count, by: Int(parts)) {
                let (alphabet, capacities) = searches[index]
                // Read-ahead never looks beyond its channel, so that search goes deeper.
                let depth = alphabet == .ahead ? depth + 2 : depth
                do {
                    let coverage = try Interleavings(capacities: capacities, alphabet: alphabet)
                        .explore(depth: depth)
                    let text = capacities.map { $0.map(String.init) ?? "undecided" }.joined(separator: ", ")
                    print("interleavings \(alphabet.rawValue) of [\(text)]: \(coverage)")
                } catch {
                    return "\(error)"
                }
            }
            return nil
        }
        for alphabet in Interleavings.Alphabet.allCases {
            print("    \(alphabet.rawValue): \(Interleavings.letters(alphabet))")
        }
    }

    /// Runs a part on a thread for each processor; throws what the first of them found.
    private static func inParts(
        _ body: @escaping @Sendable (_ part: UInt64, _ parts: UInt64) -> String?
    ) throws {
        let parts = UInt64(ThisProcess.onlineProcessors)
        let findings = Lock<[String]>([])
        let threads = try (0..<parts).map { part in
            try NativeThread.start(name: "search-\(part)") {
                guard let finding = body(part, parts) else { return }
                findings.withLock { $0.append(finding) }
            }
        }
        for thread in threads { thread.join() }
        if let finding = findings.withLock({ $0.first }) { throw LiveFailure(finding) }
    }
}
