// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// How a child process ended.
public enum ProcessStatus: Hashable, Sendable {
    /// It exited with this code.
    case exited(Int32)
    /// This signal ended it.
    case signalled(Int32)

    init(_ status: ExitStatus) {
        switch status {
        case .exited(let code): self = .exited(code)
        case .signalled(let signal): self = .signalled(signal.rawValue)
        }
    }
}

// MARK: - Cases that tell who won

/// A case that proceeds when a task has ended; any number of selects may wait for it, and it is neither cancelled nor used
/// up.
public func finished<Success, Failure>(_ task: Task<Success, Failure>) -> SelectCase<SelectWinner> {
    SelectCase(.source(.end(of: task))) { $0 }
}

/// A case that proceeds when a task that ``go(_:)`` has started has ended.
public func finished<Success>(_ task: GoTask<Success>) -> SelectCase<SelectWinner> { finished(task.task) }

/// A case that proceeds when the process gets a signal.
///
/// From the first such case on the process keeps the signal, in place of its default action, until a select takes it, also
/// while none waits; several are kept as one. Exactly one select takes it, as it would a message: so a loop misses none, and
/// none is handled twice. Who wants several parts of a program to see it receives from ``signals(_:)`` in each.
///
/// - Parameter number: such as `SIGTERM`; the select throws ``ChandError`` with `cannotWatch` where ``signals(_:)`` does.
public func signal(_ number: Int32) -> SelectCase<SelectWinner> {
    SelectCase(.source(.signal(number))) { $0 }
}

/// A case that proceeds when a child of this process has ended, however it was started.
///
/// It only looks: the child can be waited for afterwards, and has to be by whoever started it. The select throws
/// ``ChandError`` with `cannotWatch` where the process is no child of this one, or was waited for; the case fails with it
/// where somebody does that meanwhile.
public func exited(_ pid: Int32) -> SelectCase<SelectWinner> {
    SelectCase(.source(.exit(of: pid))) { $0 }
}

/// A case that proceeds when a descriptor can be read from, or has come to its end, and reads nothing.
///
/// It says so again as long as that is so. Another may have read meanwhile: a descriptor that others read too should not
/// block. The select throws ``ChandError`` with `cannotWatch` where there is no such descriptor; that it is closed
/// while the select waits goes unnoticed.
public func readable(_ descriptor: Int32) -> SelectCase<SelectWinner> {
    SelectCase(.source(.readable(descriptor))) { $0 }
}

// MARK: - Cases with handlers

/// A case that proceeds when a task has ended, and what to do with its value.
///
/// - Parameters:
///   - task: any number of selects may wait for it, and it is neither cancelled nor used up.
///   - body: gets what the task returned.
///   - failed: gets what the task threw; without it the select throws that.
public func finished<Success, Failure, Value>(
    _ task: Task<Success, Failure>, _ body: @escaping (Success) async throws -> Value,
    failed: ((any Error) async throws -> Value)? = nil
) -> SelectCase<Value> {
    SelectCase(.end(of: task), as: Success.self, body, failed: failed)
}

/// A case that proceeds when a task that ``go(_:)`` has started has ended, and what to do with its value.
public func finished<Success, Value>(
    _ task: GoTask<Success>, _ body: @escaping (Success) async throws -> Value,
    failed: ((any Error) async throws -> Value)? = nil
) -> SelectCase<Value> {
    finished(task.task, body, failed: failed)
}

/// A case that proceeds when the process gets a signal, and what to do then; see ``signal(_:)``.
public func signal<Value>(_ number: Int32, _ body: @escaping () async throws -> Value) -> SelectCase<Value> {
    SelectCase(.signal(number), as: Int32.self) { _ in try await body() }
}

/// A case that proceeds when a child of this process has ended, and what to do then; see ``exited(_:)``.
public func exited<Value>(
    _ pid: Int32, _ body: @escaping (ProcessStatus) async throws -> Value
) -> SelectCase<Value> {
    SelectCase(.exit(of: pid), as: ProcessStatus.self, body)
}

/// A case that proceeds when a descriptor can be read from, and what to do then; see ``readable(_:)``.
public func readable<Value>(
    _ descriptor: Int32, _ body: @escaping () async throws -> Value
) -> SelectCase<Value> {
    SelectCase(.readable(descriptor), as: Int32.self) { _ in try await body() }
}

extension SelectCase {
    fileprivate init<Seen>(
        _ source: SelectSource, as type: Seen.Type, _ body: @escaping (Seen) async throws -> Value,
        failed: ((any Error) async throws -> Value)? = nil
    ) {
        self.init(.source(source)) { winner in
            if case .failed(let error) = winner.outcome, let failed { return try await failed(error) }
            if let error = winner.error { throw error }
            guard let seen = winner.element(as: Seen.self) else {
                preconditionFailure("a source tells what it is said to tell")
            }
            return try await body(seen)
        }
    }
}
