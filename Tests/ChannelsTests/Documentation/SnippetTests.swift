// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// The code of the articles and of the README does what it should, with a live daemon.
@Suite struct SnippetTests {
    @Test func everySnippetRuns() async throws {
        try await onThread {
            // Some send much, and invariants are for others to check.
            let daemon = try DaemonUnderTest(.init(checksInvariants: false))
            defer { daemon.kill() }
            var environment = ThisProcess.environment()
            environment["CHAND_SOCKET"] = daemon.socketPath
            let process = try ChildProcess.spawn(
                try BuiltProgram.path("chand-snippets"), environment: environment)
            defer { try? process.kill(.kill) }
            let status = try process.wait(timeoutMilliseconds: 60_000)
            #expect(status == .exited(0), "its output says which snippet failed")
            try daemon.stop()
        }
    }
}
