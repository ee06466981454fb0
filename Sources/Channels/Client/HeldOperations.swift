// SPDX-License-Identifier: Apache-2.0

/// Operations that were begun while the daemon is sought, in that order; the loop's.
///
/// One that was cancelled is skipped: `isHeld` says of each whether it still waits.
struct HeldOperations: ~Copyable {
    private struct Entry {
        let operation: Operation
        let since: UInt64
        let deadline: UInt64
        /// Whether the deadline is the operation's own.
        let isOwn: Bool
    }

    /// What became of an operation whose time is over.
    enum Expiry {
        /// Its own time ran out.
        case timeout(Operation)
        /// The daemon did not come back in time.
        case lost(Operation)
    }

    private var entries: [Entry] = []
    private var cancelled = 0
    /// No operation's time is over before this.
    private(set) var nextDeadline: UInt64 = .max

    /// Keeps an operation, for as long as it would wait itself and no longer than `waiting`.
    mutating func hold(_ operation: Operation, now: UInt64, waiting: UInt64) {
        let own = operation.timeout > 0 ? UInt64(operation.timeout) : .max
        let (sum, wrapped) = now.addingReportingOverflow(min(own, waiting))
        let deadline = wrapped ? .max : sum
        operation.isHeld = true
        entries.append(Entry(operation: operation, since: now, deadline: deadline, isOwn: own <= waiting))
        nextDeadline = min(nextDeadline, deadline)
    }

    /// Notes that an operation was cancelled, which the caller has told its task.
    mutating func noteCancelled() {
        cancelled += 1
        guard cancelled > 64, cancelled * 2 > entries.count else { return }
        entries.removeAll { !$0.operation.isHeld }
        cancelled = 0
    }

    /// Takes out what has waited for too long.
    mutating func expire(now: UInt64) -> [Expiry] {
        guard now >= nextDeadline else { return [] }
        var due: [Expiry] = []
        nextDeadline = .max
        entries.removeAll { entry in
            guard entry.operation.isHeld else { return true }
            guard now >= entry.deadline else {
                nextDeadline = min(nextDeadline, entry.deadline)
                return false
            }
            entry.operation.isHeld = false
            due.append(entry.isOwn ? .timeout(entry.operation) : .lost(entry.operation))
            return true
        }
        cancelled = 0
        return due
    }

    /// Takes out everything, to be begun or failed; what has a limit of time has so much less left.
    mutating func takeAll(now: UInt64) -> [Operation] {
        defer { (entries, cancelled, nextDeadline) = ([], 0, .max) }
        return entries.compactMap { entry in
            guard entry.operation.isHeld else { return nil }
            entry.operation.isHeld = false
            if entry.operation.timeout > 0 {
                entry.operation.timeout = max(
                    entry.operation.timeout - Int64(clamping: now &- entry.since), 1)
            }
            return entry.operation
        }
    }
}
