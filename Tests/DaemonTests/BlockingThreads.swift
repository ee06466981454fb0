// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

/// A few threads for tests that block: on Swift's own pool, with a thread a processor, they would keep all others
/// from running, and tests of the library would find their daemons too slow.
final class BlockingThreads: TaskExecutor {
    /// As many tests run at a time as keep the processors busy while most of them wait.
    static let shared = BlockingThreads(threads: 4)

    private let jobs = ConditionLock<[UnownedJob]>([])

    private init(threads: Int) {
        for _ in 0..<threads {
            do throws(SystemError) {
                _ = try NativeThread.start(name: "blocking-tests") { [self] in run() }
            } catch {
                preconditionFailure("no thread for the tests: \(error)")
            }
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.withLock { $0.append(job) }
        jobs.signal()
    }

    private func run() {
        while true {
            let job = jobs.wait { $0.isEmpty ? nil : $0.removeFirst() }
            job?.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}

/// Runs the tests of a suite, which block, on threads of their own.
struct BlockingTrait: SuiteTrait, TestTrait, TestScoping {
    let isRecursive = true

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(BlockingThreads.shared) { try await function() }
    }
}

extension Trait where Self == BlockingTrait {
    /// For suites whose tests wait for processes and sockets without suspending.
    static var blocking: Self { Self() }
}
