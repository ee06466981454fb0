// SPDX-License-Identifier: Apache-2.0

public import Glibc

/// A value behind a mutex, with threads that wait for it to change.
///
/// Unchecked: the state is touched only with the mutex held.
public final class ConditionLock<State>: @unchecked Sendable {
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    @usableFromInline let condition: UnsafeMutablePointer<pthread_cond_t>
    @usableFromInline var state: State

    /// Puts a value behind a new mutex with a condition.
    public init(_ state: sending State) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        // Deadlines are on the monotonic clock: setting the time of day must not wake or delay anybody.
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
        self.state = state
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Runs a body with exclusive access to the value; blocks while another thread has it.
    ///
    /// Wakes nobody: call ``signal()`` or ``broadcast()`` when the change may concern a waiter.
    @inlinable
    public func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Wakes one waiter, which looks at the value again.
    @inlinable
    public func signal() { pthread_cond_signal(condition) }

    /// Wakes all waiters, which look at the value again.
    @inlinable
    public func broadcast() { pthread_cond_broadcast(condition) }

    /// Blocks until the body returns something; `nil` once the deadline, if any, has passed.
    ///
    /// The body runs with exclusive access, at once and after every wake-up, and once more at the deadline.
    /// - Parameter deadline: an instant of ``MonotonicClock``; without one it waits for ever.
    public func wait<Result>(
        until deadline: UInt64? = nil, for body: (inout State) -> Result?
    ) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var expired = false
        while true {
            if let result = body(&state) { return result }
            if expired { return nil }
            guard let deadline else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            var instant = timespec(
                tv_sec: Int(clamping: deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
            expired = pthread_cond_timedwait(condition, mutex, &instant) == ETIMEDOUT
        }
    }
}
