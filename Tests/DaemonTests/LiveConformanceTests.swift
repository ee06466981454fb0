// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Conformance
import Testing

/// The conformance bodies against a live daemon, with every client in a process of its own.
///
/// One after the other: some of them have dozens of processes.
@Suite(.serialized) struct LiveConformanceTests {
    @Test("on a live daemon", .timeLimit(.minutes(15)), arguments: ConformanceBody.all)
    func live(body: ConformanceBody) async throws {
        let daemon = try DaemonUnderTest(DaemonUnderTest.Options(checksInvariants: false))
        defer { daemon.kill() }
        try await body.run(ConformanceContext(LiveBackend(daemon, prefix: "body"), scale: 0.02))
        try daemon.stop()
    }
}
