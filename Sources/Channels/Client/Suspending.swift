// SPDX-License-Identifier: Apache-2.0

/// Suspends the task until the continuation is resumed that `body` is given; `onCancel` is called once the task is cancelled,
/// at once where it is already.
///
/// What `withTaskCancellationHandler` does, by its entry point for code of older compilers: that runs where its caller runs,
/// while the other has the runtime look for the task's executor before and after, under a lock of the task.
@inline(__always)
func suspend<Value>(
    _ body: (UnsafeContinuation<Value, any Error>) -> Void, onCancel: @Sendable () -> Void
) async throws -> Value {
    try await _unsafeInheritExecutor_withTaskCancellationHandler(
        operation: { try await withUnsafeThrowingContinuation(body) }, onCancel: onCancel)
}
