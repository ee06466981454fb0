// SPDX-License-Identifier: Apache-2.0

public import Glibc

/// What a thread does that finds a mutex taken.
@usableFromInline
enum LockWait {
    /// It is held for less than a thread takes to go to sleep and wake up again, unless its holder lost its processor.
    private static let looks = ThisProcess.onlineProcessors > 1 ? 5 : 0

    @usableFromInline @inline(never)
    static func acquire(_ mutex: UnsafeMutablePointer<pthread_mutex_t>) {
        // Longer each time, so that the holder gets to come back a few times and the state behind the mutex stays in its
        // processor's cache: taking turns for every message was measured to take twice the time.
        var pauses = 32
        for _ in 0..<looks {
            Processor.pause(pauses)
            if pthread_mutex_trylock(mutex) == 0 { return }
            pauses *= 2
        }
        pthread_mutex_lock(mutex)
    }
}

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
        pthread_mutex_init(mutex, nil)
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
        if pthread_mutex_trylock(mutex) != 0 { LockWait.acquire(mutex) }
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }
}
