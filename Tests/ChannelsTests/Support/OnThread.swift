// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport

/// A value that is not `Sendable`, used in steps, each on a thread of its own.
///
/// Unchecked: a test awaits each step before the next one.
final class OnThread<Value>: @unchecked Sendable {
    private var value: Value?

    init(_ make: @escaping @Sendable () throws -> Value) async throws {
        try await onThread { self.value = try make() }
    }

    /// Runs a step.
    func run<Result: Sendable>(_ step: @escaping @Sendable (Value) throws -> Result) async throws -> Result {
        try await onThread {
            guard let value = self.value else { throw LiveFailure("a step after the last") }
            return try step(value)
        }
    }

    /// Lets the value go.
    func drop() async throws { try await onThread { self.value = nil } }
}
