// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// A system call that failed: which one, on what, and why.
///
/// Reads like `connect /run/chand.sock: Permission denied`.
public struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The error number, one of the constants of this type among others.
    public let errno: Int32
    /// The call that failed.
    public let call: SystemCall
    /// What the call was about, mostly a path; empty where there is nothing to name.
    public let subject: String
    /// A sentence that says more than the error number does, where we know more.
    public let detail: String?

    /// Describes a failed call.
    public init(errno: Int32, call: SystemCall, subject: String = "", detail: String? = nil) {
        self.errno = errno
        self.call = call
        self.subject = subject
        self.detail = detail
    }

    /// The call, its subject and the reason, on one line.
    public var description: String {
        let place = subject.isEmpty ? call.rawValue : "\(call.rawValue) \(subject)"
        return "\(place): \(detail ?? Self.text(errno))"
    }

    /// The C library's words for an error number.
    public static func text(_ errno: Int32) -> String {
        guard let words = chan_error_text(errno) else { return "error \(errno)" }
        return String(cString: words)
    }
}

/// The error numbers that callers tell apart.
extension SystemError {
    /// E2BIG: more arguments and environment than a process may have.
    public static let argumentsTooLong = E2BIG
    /// EACCES: permission denied.
    public static let permissionDenied = EACCES
    /// EADDRINUSE: somebody listens at this path already.
    public static let addressInUse = EADDRINUSE
    /// EAGAIN: the call would have to wait.
    public static let wouldBlock = EAGAIN
    /// EBADF: not an open descriptor.
    public static let badDescriptor = EBADF
    /// ECONNABORTED: the connection was gone before it was accepted.
    public static let connectionAborted = ECONNABORTED
    /// ECONNREFUSED: nobody listens on this socket.
    public static let connectionRefused = ECONNREFUSED
    /// ECONNRESET: the peer closed with unread data.
    public static let connectionReset = ECONNRESET
    /// EEXIST: something of that name exists.
    public static let exists = EEXIST
    /// EINTR: a signal interrupted the call.
    public static let interrupted = EINTR
    /// EINVAL: an argument makes no sense.
    public static let invalidArgument = EINVAL
    /// ENAMETOOLONG: the path does not fit.
    public static let nameTooLong = ENAMETOOLONG
    /// ENFILE: the system has no descriptors left.
    public static let systemDescriptorsExhausted = ENFILE
    /// EMFILE: the process has no descriptors left.
    public static let descriptorsExhausted = EMFILE
    /// ENOBUFS: no memory for socket buffers.
    public static let noBuffers = ENOBUFS
    /// ENOENT: no such file or directory.
    public static let notFound = ENOENT
    /// ENOMEM: no memory.
    public static let noMemory = ENOMEM
    /// ENOPROTOOPT: a socket option that this kernel does not know.
    public static let noSuchOption = ENOPROTOOPT
    /// ENOTSOCK: the file there is not a socket.
    public static let notASocket = ENOTSOCK
    /// EPERM: not allowed.
    public static let notPermitted = EPERM
    /// EPIPE: the reading side is closed.
    public static let brokenPipe = EPIPE
    /// ESRCH: no such process.
    public static let noSuchProcess = ESRCH
    /// ETIMEDOUT: the time given was not enough.
    public static let timedOut = ETIMEDOUT
}
