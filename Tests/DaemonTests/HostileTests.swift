// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// The short forms of the soaks with hostile clients: what the daemon is left with, whatever time it took.
@Suite(.blocking) struct HostileTests {
    @Test(.timeLimit(.minutes(15)), arguments: ["hostile", "descriptors", "flood", "stalled"])
    func shortForm(_ soak: String) throws {
        let here = #filePath
        let root = try #require(here.firstRange(of: "/Tests/").map { here[..<$0.lowerBound] })
        let arguments = ["--short", try BuiltProgram.path("chand")]
        let run = try Attempt(arguments, program: "\(root)/Tests/Soak/\(soak)", milliseconds: 120_000)
        if run.status == .exited(77) { try Test.cancel("\(run.lines.last ?? "cannot run here")") }
        #expect(run.status == .exited(0), "\(run.text)")
        print(run.text)
    }
}
