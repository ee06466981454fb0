// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

/// Runs a test while no other one with this trait runs.
///
/// A child process holds copies of all descriptors of its parent until it runs its program: what another test closes meanwhile is not
/// yet dead, neither a listener nor its lock file nor a connection.
struct Apart: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    /// Who runs, and who waits for that in order.
    private struct Turns {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private static let turns = Lock(Turns())

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Apart? { testCase == nil ? nil : self }

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        await withCheckedContinuation { turn in
            let isMine = Self.turns.withLock { turns in
                guard turns.isTaken else {
                    turns.isTaken = true
                    return true
                }
                turns.waiting.append(turn)
                return false
            }
            if isMine { turn.resume() }
        }
        defer {
            let next = Self.turns.withLock { turns -> CheckedContinuation<Void, Never>? in
                guard turns.waiting.isEmpty else { return turns.waiting.removeFirst() }
                turns.isTaken = false
                return nil
            }
            next?.resume()
        }
        try await function()
    }
}

extension Trait where Self == Apart {
    /// Not beside tests that close what a child process may hold, or start one.
    static var apart: Apart { Apart() }
}
