// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// A thread of the operating system.
public final class NativeThread: Sendable {
    private let handle: Lock<pthread_t?>

    private init(_ thread: pthread_t) { handle = Lock(thread) }

    deinit {
        // A thread nobody will join gives its memory back by itself.
        if let thread = handle.withLock({ $0 }) { pthread_detach(thread) }
    }

    /// Starts a thread that runs the body and ends with it.
    ///
    /// - Parameter name: what `ps` and debuggers show; the kernel keeps its first 15 bytes.
    /// - Throws: `EAGAIN` if the system has no room for another thread.
    public static func start(
        name: String, body: @escaping @Sendable () -> Void
    ) throws(SystemError) -> NativeThread {
        let shortName = String(decoding: name.utf8.prefix(15), as: UTF8.self)
        let start = Unmanaged.passRetained(ThreadStart(name: shortName, faults: .current, body: body))
        var thread = pthread_t()
        // The status is an error number, not errno; only a forced failure comes as -1.
        let status = once(.pthreadCreate) { pthread_create(&thread, nil, threadEntry, start.toOpaque()) }
        guard status == 0 else {
            start.release()
            throw SystemError(
                errno: status == -1 ? chan_errno() : status, call: .pthreadCreate, subject: name)
        }
        return NativeThread(thread)
    }

    /// Blocks until the thread has ended; at once if it was joined before.
    public func join() {
        let thread = handle.withLock { handle -> pthread_t? in
            defer { handle = nil }
            return handle
        }
        if let thread { pthread_join(thread, nil) }
    }
}

/// Which thread one is on, comparable for the price of a call without a system call.
public struct ThreadToken: Sendable, Hashable {
    @usableFromInline let value: UInt

    /// The calling thread's token; another thread may get an equal one after this thread has ended.
    public static var current: ThreadToken { ThreadToken(value: UInt(pthread_self())) }
}

/// What a new thread needs, handed over through the one pointer that pthread_create passes.
private final class ThreadStart: Sendable {
    let name: String
    let faults: SystemFaults?
    let body: @Sendable () -> Void

    init(name: String, faults: SystemFaults?, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.faults = faults
        self.body = body
    }
}

/// A free function, because a closure literal given to pthread_create from the main actor would inherit its
/// isolation and trap on the new thread.
private nonisolated func threadEntry(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let pointer else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(pointer).takeRetainedValue()
    chan_thread_name(start.name)
    if let faults = start.faults {
        faults.run(start.body)
    } else {
        start.body()
    }
    return nil
}
