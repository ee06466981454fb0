// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// The last states of a connection, and the tasks that wait for the next: written by the loop, read by any task.
final class StateLog: Sendable {
    /// A task that waits; what it holds is behind the lock.
    ///
    /// Unchecked: touched only with the lock held.
    private final class Waiter: @unchecked Sendable {
        var continuation: UnsafeContinuation<Void, Never>?
        var isCancelled = false
    }

    private struct Log {
        /// The last states, and the number of the first of them.
        var states: [ConnectionState] = []
        var first: UInt64 = 0
        var isOver = false
        var waiters: [Waiter] = []

        var end: UInt64 { first + UInt64(states.count) }
    }

    /// More than anybody needs who looks at all, and a bound for those who don't.
    private static let length = 64
    private let log = Lock(Log())

    /// Appends a state, and wakes who waits.
    func publish(_ state: ConnectionState) {
        let ready = log.withLock { log in
            log.states.append(state)
            if log.states.count > Self.length {
                log.states.removeFirst()
                log.first += 1
            }
            if case .closed = state { log.isOver = true }
            defer { log.waiters = [] }
            return log.waiters.compactMap { $0.continuation.take() }
        }
        for continuation in ready { continuation.resume() }
    }

    /// Where the present state stands.
    var present: UInt64 { log.withLock { max($0.end, 1) - 1 } }

    /// Whether nothing will come any more at a position.
    func isOver(at position: UInt64) -> Bool { log.withLock { $0.isOver && position >= $0.end } }

    /// The state at a position, which moves on; nil where that is still to come.
    func state(at position: inout UInt64) -> ConnectionState? {
        let (state, next) = log.withLock { log in
            let index = max(position, log.first)
            return index < log.end ? (log.states[Int(index - log.first)], index + 1) : (nil, index)
        }
        position = next
        return state
    }

    /// Waits until there is a state at that position, or the task is cancelled.
    func wait(past position: UInt64) async {
        let waiter = Waiter()
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isReady = log.withLock { log in
                    if waiter.isCancelled || log.isOver || position < log.end { return true }
                    waiter.continuation = continuation
                    log.waiters.append(waiter)
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            let continuation = log.withLock { log in
                waiter.isCancelled = true
                log.waiters.removeAll { $0 === waiter }
                return waiter.continuation.take()
            }
            continuation?.resume()
        }
    }
}
