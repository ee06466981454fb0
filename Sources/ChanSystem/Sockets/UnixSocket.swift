// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// Unix stream sockets.
public enum UnixSocket {
    /// The longest path, in bytes, that a socket can have: 107 on Linux.
    public static let maxPathBytes = Int(chan_unix_path_limit())

    /// One direction of a connection, or both.
    public enum Direction: Sendable {
        /// What the peer sends.
        case receiving
        /// What we send; the peer sees the end of it.
        case sending
        /// Both.
        case both
    }

    /// Connects to the socket at a path.
    ///
    /// Blocks while the listener's backlog is full, at most for the time given; without a limit for ever, with 0 not
    /// at all.
    /// - Parameter nonBlocking: whether calls on the connection shall return at once.
    /// - Throws: `ENOENT` if there is no such file, `ECONNREFUSED` if nobody listens, `EACCES` if not allowed,
    ///   `ETIMEDOUT` if the backlog stayed full, `ENAMETOOLONG` if the path is over ``maxPathBytes``.
    public static func connect(
        path: String, timeoutMilliseconds: UInt64? = nil, nonBlocking: Bool = true
    ) throws(SystemError) -> OwnedDescriptor {
        try checkLength(path, call: .connect)
        let deadline = timeoutMilliseconds.map { MonotonicClock.deadline(milliseconds: $0) }
        let waits = timeoutMilliseconds != 0
        let socket = OwnedDescriptor(taking: try checked(.socket) { chan_unix_socket(waits ? 0 : 1) })
        try connect(socket.raw, path: path, deadline: waits ? deadline : nil)
        if waits && deadline != nil { try checked(.setsockopt) { chan_send_timeout(socket.raw, 0) } }
        if waits == nonBlocking { try Descriptor.setNonBlocking(socket.raw, nonBlocking) }
        return socket
    }

    /// The kernel waits for room in the backlog for as long as the send timeout says, so there is nothing to poll.
    private static func connect(_ fd: Int32, path: String, deadline: UInt64?) throws(SystemError) {
        while true {
            if let deadline {
                let left = UInt64(max(remaining(deadline) / 1000, 1))
                try checked(.setsockopt) { chan_send_timeout(fd, left) }
            }
            if once(.connect, { chan_unix_connect(fd, path, path.utf8.count) }) == 0 { return }
            let number = chan_errno()
            let mayRetry = number == SystemError.wouldBlock || number == SystemError.interrupted
            guard mayRetry else { throw SystemError(errno: number, call: .connect, subject: path) }
            if number == SystemError.interrupted && deadline == nil { continue }
            guard let deadline, remaining(deadline) > 0 else {
                throw SystemError(
                    errno: SystemError.timedOut, call: .connect, subject: path,
                    detail: "the listener did not accept in time, its backlog is full")
            }
        }
    }

    /// Two connected sockets.
    public static func pair(nonBlocking: Bool = true) throws(SystemError) -> SocketPair {
        var ends: (Int32, Int32) = (-1, -1)
        try checked(.socketpair) {
            withUnsafeMutableBytes(of: &ends) {
                chan_unix_pair($0.assumingMemoryBound(to: Int32.self).baseAddress, nonBlocking ? 1 : 0)
            }
        }
        return SocketPair(first: OwnedDescriptor(taking: ends.0), second: OwnedDescriptor(taking: ends.1))
    }

    /// Ends one direction of a connection or both, whoever else has the socket open.
    public static func shutdown(_ fd: Int32, _ direction: Direction) throws(SystemError) {
        let how: Int
        switch direction {
        case .receiving: how = Int(SHUT_RD)
        case .sending: how = Int(SHUT_WR)
        case .both: how = Int(SHUT_RDWR)
        }
        try checked(.shutdown) { Glibc.shutdown(fd, Int32(how)) }
    }

    /// How long a write to a blocking socket waits for room before it says `wouldBlock`; 0 for ever.
    public static func setSendTimeout(_ fd: Int32, microseconds: UInt64) throws(SystemError) {
        try checked(.setsockopt) { chan_send_timeout(fd, microseconds) }
    }

    /// Asks for a send buffer of so many bytes; the kernel doubles it and has its own least and greatest sizes.
    public static func setSendBuffer(_ fd: Int32, bytes: Int32) throws(SystemError) {
        try checked(.setsockopt) { chan_set_buffer(fd, 0, bytes) }
    }

    /// Asks for a receive buffer of so many bytes.
    public static func setReceiveBuffer(_ fd: Int32, bytes: Int32) throws(SystemError) {
        try checked(.setsockopt) { chan_set_buffer(fd, 1, bytes) }
    }

    /// How many bytes of kernel memory hold what the peer has not read yet.
    public static func unsentBytes(_ fd: Int32) throws(SystemError) -> Int {
        Int(try checked(.ioctl) { chan_unsent(fd) })
    }

    /// How many bytes there are to read.
    public static func unreadBytes(_ fd: Int32) throws(SystemError) -> Int {
        Int(try checked(.ioctl) { chan_unread(fd) })
    }

    static func checkLength(_ path: String, call: SystemCall) throws(SystemError) {
        let length = path.utf8.count
        if path.utf8.contains(0) || path.isEmpty {
            throw SystemError(
                errno: SystemError.invalidArgument, call: call, subject: path,
                detail: path.isEmpty ? "the path is empty" : "the path contains a NUL byte")
        }
        guard length > maxPathBytes else { return }
        throw SystemError(
            errno: SystemError.nameTooLong, call: call, subject: path,
            detail: "the path has \(length) bytes, a socket's path at most \(maxPathBytes)")
    }
}

/// Two connected sockets.
@frozen
public struct SocketPair: ~Copyable, Sendable {
    /// One end.
    public var first: OwnedDescriptor
    /// The other end.
    public var second: OwnedDescriptor
}
