// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanSystem
import Testing

/// P1 in small: what fuzzing has kept, because it reached something new or because it was once found to break something.
@Suite struct FuzzCaseTests {
    @Test(arguments: FuzzTarget.allCases, ["Corpus", "FailCases"])
    func everyCaseRuns(_ target: FuzzTarget, _ kind: String) throws {
        let here = #filePath
        let root = try #require(here.firstRange(of: "/Tests/").map { here[..<$0.lowerBound] })
        let folder = "\(root)/Tests/Fuzz/\(kind)/\(target.rawValue)"
        // Not every target has found something.
        let names = kind == "Corpus" || Files.exists(folder) ? try Files.names(in: folder) : []
        #expect(kind == "FailCases" || names.count > 20)
        let fuzzer = Fuzzer(target)
        for name in names {
            let bytes = try Files.read("\(folder)/\(name)")
            bytes.withUnsafeBytes { fuzzer.run($0) }
        }
    }
}
