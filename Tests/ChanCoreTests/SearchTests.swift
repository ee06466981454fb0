// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// The long searches, by `chand-search` in a release build, which `make test` makes (P3 and P5).
@Suite struct SearchTests {
    /// Two million random operations on broker and model; CHAND_SEARCH_OPERATIONS asks for others.
    @Test("P3 the broker does what the model says, at length", .timeLimit(.minutes(30)))
    func model() throws {
        try search("model", "\(number("CHAND_SEARCH_OPERATIONS") ?? 2_000_000)")
    }

    /// All short interleavings; CHAND_SEARCH_DEPTH goes deeper.
    @Test("P5 all interleavings, deeper", .timeLimit(.minutes(30)))
    func interleavings() throws {
        try search("interleavings", "\(number("CHAND_SEARCH_DEPTH") ?? 3)")
    }

    private func search(_ arguments: String...) throws {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        let program = root.joined(separator: "/") + "/.build-rel/release/chand-search"
        guard Files.exists(program) else {
            try Test.cancel("there is no release build of chand-search; make test makes one")
        }
        let output = try Descriptor.pipe()
        let process = try ChildProcess.spawn(
            program, arguments: arguments, environment: DaemonUnderTest.environment(),
            stdout: .descriptor(output.writing.raw), stderr: .descriptor(output.writing.raw))
        _ = consume output.writing
        let text = String(decoding: try Transfer.readAll(output.reading.raw), as: UTF8.self)
        #expect(try process.wait().isSuccess, "\(text)")
        print(text)
    }
}
