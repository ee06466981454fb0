// SPDX-License-Identifier: Apache-2.0

public import Glibc

/// A value behind a mutex.
///
/// A `pthread_mutex_t` on the heap, because the thread sanitizer understands it; it reports false races for the
/// standard library's `Mutex` on Linux.
///
/// Unchecked: the state is touched only with the mutex held.
public final class Lock<State: ~Copyable>: @unchecked Sendable {
    @usableFromInline let mutex: UnsafeMutablePointer<pthread_mutex_t>
    // Exclusive by the mutex: checking it again at run time costs as much as the mutex.
    @exclusivity(unchecked) @usableFromInline var state: State

    /// Puts a value behind a new mutex.
    public init(_ state: consuming sending State) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        // It is held for less than a thread takes to go to sleep and wake up again.
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_ADAPTIVE_NP))
        pthread_mutex_init(mutex, &attributes)
        pthread_mutexattr_destroy(&attributes)
        self.state = state
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    /// Runs a body with exclusive access to the value; blocks while another thread has it.
    ///
    /// Not recursive: the body must not take the same lock.
    @inlinable
    public func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
