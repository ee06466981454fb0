// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Starts a task, as Go's `go` does.
///
/// Inside ``ChandClient/run(_:)`` it runs on that client's thread, which a plain `Task` would not.
///
/// - Returns: a handle, for its result and for cancelling it; it may be dropped. In a forked child, where the threads that
///   run tasks are not, it has failed with ``ChandError/Code/forked`` if the parent has started tasks with `go`.
@discardableResult
public func go<Success: Sendable>(
    _ body: @escaping @Sendable @concurrent () async throws -> Success
) -> GoTask<Success> {
    guard processOfTasks.isHere else {
        return GoTask(
            task: .immediate { throw ChandError.forked }, ending: ConditionLock(.failure(ChandError.forked)))
    }
    let result = ConditionLock<Result<Success, any Error>?>(nil)
    let task = Task(executorPreference: ClientLoop.current) {
        let ending: Result<Success, any Error>
        do {
            ending = .success(try await body())
        } catch {
            ending = .failure(error)
        }
        result.withLock { $0 = ending }
        result.broadcast()
        return try ending.get()
    }
    return GoTask(task: task, ending: result)
}

/// The process of the first `go`.
private let processOfTasks = ProcessMark()

/// A task that ``go(_:)`` has started.
public struct GoTask<Success: Sendable>: Sendable {
    let task: Task<Success, any Error>
    fileprivate let ending: ConditionLock<Result<Success, any Error>?>

    /// Waits for the task's end, and returns or throws what it did; cancelling the caller does not cancel it.
    public var value: Success {
        get async throws { try await task.value }
    }

    /// Blocks the thread until the task's end, and returns or throws what it did: for code that is not `async`.
    ///
    /// A task that does so takes a thread from all others.
    @available(*, noasync, message: "use value, which does not block")
    public func result() throws -> Success {
        guard let result = ending.wait(for: { $0 }) else {
            preconditionFailure("a wait without a limit ended")
        }
        return try result.get()
    }

    /// Cancels the task.
    public func cancel() { task.cancel() }
}
