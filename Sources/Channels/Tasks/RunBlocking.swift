// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Runs a function that blocks, such as a system call or a computation of seconds, on a thread for such things.
///
/// Suspends the task until the function has returned; cancelling the task does not end it. Up to 64 run at a
/// time, the others wait their turn. In a forked child, which has none of these threads, it runs where it is called.
///
/// - Returns: what the function returns.
/// - Throws: what the function throws, and nothing else.
public func runBlocking<Success: Sendable, Failure: Error>(
    _ body: @escaping @Sendable () throws(Failure) -> Success
) async throws(Failure) -> Success {
    let result = await withUnsafeContinuation { continuation in
        BlockingPool.process.run {
            do throws(Failure) {
                continuation.resume(returning: Result<Success, Failure>.success(try body()))
            } catch {
                continuation.resume(returning: Result<Success, Failure>.failure(error))
            }
        }
    }
    return try result.get()
}

/// Threads for functions that block; they end when there has been nothing to do for a while.
final class BlockingPool: Sendable {
    /// The one of this process.
    static let process = BlockingPool()

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
        var idle = 0
    }

    private static let maxThreads = 64
    private static let patienceMilliseconds: UInt64 = 10_000
    private let state = ConditionLock(State())
    private let origin = ProcessMark()

    /// Runs a job on one of the threads, after those that wait.
    func run(_ job: @escaping @Sendable () -> Void) {
        guard origin.isHere else { return job() }
        let needsThread = state.withLock { state in
            state.jobs.append(job)
            guard state.idle < state.jobs.count, state.threads < Self.maxThreads else { return false }
            state.threads += 1
            return true
        }
        state.signal()
        guard needsThread else { return }
        do {
            _ = try NativeThread.start(name: "chand-blocking") { [self] in work() }
        } catch {
            // No room for another thread: those that are there do it, or, without any, this one.
            let isAlone = state.withLock { state in
                state.threads -= 1
                return state.threads == 0
            }
            while isAlone, let job = next(patience: 0) { job() }
        }
    }

    private func work() {
        while let job = next(patience: Self.patienceMilliseconds) { job() }
    }

    /// Takes the first job for a thread that was idle; in one step, or the next job would count on that thread.
    private static func take(_ state: inout State) -> (@Sendable () -> Void)? {
        guard !state.jobs.isEmpty else { return nil }
        state.idle -= 1
        return state.jobs.removeFirst()
    }

    /// The next job; nil where the thread is to end.
    private func next(patience: UInt64) -> (@Sendable () -> Void)? {
        state.withLock { $0.idle += 1 }
        let job = state.wait(until: MonotonicClock.deadline(milliseconds: patience)) { Self.take(&$0) }
        if let job { return job }
        return state.withLock { state in
            // One that came after the last look, and counted on this thread.
            if let last = Self.take(&state) { return last }
            state.idle -= 1
            if patience > 0 { state.threads -= 1 }
            return nil
        }
    }
}
