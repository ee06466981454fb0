// SPDX-License-Identifier: Apache-2.0

import Conformance
import Testing

/// The conformance bodies on the broker and on the model, both in this process.
@Suite struct ConformanceTests {
    @Test("on the broker", .timeLimit(.minutes(15)), arguments: ConformanceBody.all)
    func broker(body: ConformanceBody) async throws {
        try await body.run(ConformanceContext(ConformanceHost(BrokerConformanceEngine(seed: 1))))
    }

    @Test("on the model", .timeLimit(.minutes(15)), arguments: ConformanceBody.all)
    func model(body: ConformanceBody) async throws {
        try await body.run(ConformanceContext(ConformanceHost(ModelConformanceEngine(seed: 1)), scale: 0.3))
    }
}
