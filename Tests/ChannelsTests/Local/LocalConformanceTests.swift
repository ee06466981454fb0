// SPDX-License-Identifier: Apache-2.0

import Conformance
import Testing

/// The conformance bodies on channels inside the process.
@Suite struct LocalConformanceTests {
    @Test("inside the process", .timeLimit(.minutes(15)), arguments: ConformanceBody.all)
    func local(body: ConformanceBody) async throws {
        try await body.run(ConformanceContext(LocalBackend()))
    }
}
