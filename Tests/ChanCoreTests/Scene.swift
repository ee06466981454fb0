// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// A scene whose faults are issues of the test.
func scene(
    seed: UInt64 = 1, limits: BrokerLimits = BrokerLimits(), spaces: [Space] = []
) -> BrokerScene {
    BrokerScene(seed: seed, limits: limits, spaces: spaces) { Issue.record("\($0)") }
}

/// Why it failed; nil where it did not.
func failure<Value>(_ result: Result<Value, Failure>) -> Failure? {
    if case .failure(let failure) = result { failure } else { nil }
}

extension BrokerScene {
    /// One client with a handle for both directions on a channel `c`.
    func single(capacity: Int64?) throws -> Port { try open(client(), "c", capacity: capacity) }

    /// Two clients of one user with handles for both directions on the same channel `c`.
    func pair(capacity: Int64?) throws -> (Port, Port) {
        (try open(client(), "c", capacity: capacity), try open(client(), "c"))
    }
}
