// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// What became of one accept.
public enum AcceptResult: ~Copyable, Sendable {
    /// A new connection, non-blocking.
    case connection(OwnedDescriptor)
    /// Nobody waits.
    case wouldBlock
    /// This connection came to nothing; the next may be fine (`ECONNABORTED` and its like).
    case aborted(Int32)
    /// Descriptors or memory are short (`EMFILE`, `ENFILE`, `ENOMEM`, `ENOBUFS`): the connection still waits, so
    /// leave the listener alone for a while.
    case exhausted(Int32)
    /// The listener itself is unusable.
    case failed(Int32)
}

/// A listening socket at a path, ours for as long as this value lives.
///
/// Beside it lies a lock file, the path with `.lock` at its end. Whoever holds its lock owns the path, so two daemons
/// that start at once cannot take the socket from each other. Both files go when the listener goes.
public struct UnixListener: ~Copyable, Sendable {
    /// Where it listens.
    public let path: String
    private let socket: OwnedDescriptor
    private let lock: PathLock
    private let identity: FileIdentity

    /// The descriptor to watch for reading.
    public var descriptor: Int32 { socket.raw }

    init(
        path: String, identity: FileIdentity, socket: consuming OwnedDescriptor, lock: consuming PathLock
    ) {
        self.path = path
        self.identity = identity
        self.socket = socket
        self.lock = lock
    }

    /// The lock goes after this, as a stored value: nobody can have bound the path in between.
    deinit {
        // A file that somebody else has put there by hand is not ours to remove.
        if (try? FileIdentity(path: path)) == identity {
            _ = once(.unlink) { unlink(path) }
        }
    }

    /// Takes the next connection; never blocks.
    public func accept() -> AcceptResult { UnixSocket.accept(socket.raw) }
}

extension UnixSocket {
    /// Listens at a path and takes it over from a daemon that died.
    ///
    /// A socket found there is removed only after a connect to it was refused, and only with the lock held; a file of
    /// another kind is never removed.
    /// - Parameters:
    ///   - mode: the permissions of the socket; who may write may connect.
    ///   - group: the group of the socket, if not ours.
    /// - Throws: `EADDRINUSE` if somebody listens there, `ENAMETOOLONG` if the path is over ``maxPathBytes``, `ENOENT`
    ///   if its directory is missing, `ENOTSOCK` if another kind of file is there.
    public static func listen(
        path: String, backlog: Int32 = 1024, mode: UInt32 = 0o600, group: UInt32? = nil
    ) throws(SystemError) -> UnixListener {
        try checkLength(path, call: .bind)
        let lock = try PathLock(path: path)
        try removeStale(path)
        let socket = OwnedDescriptor(taking: try checked(.socket) { chan_unix_socket(1) })
        try checked(.bind, path) { chan_unix_bind(socket.raw, path, path.utf8.count) }
        let identity: FileIdentity
        do throws(SystemError) {
            // Nobody can connect before listen, so the permissions are right before they matter.
            if let group { try checked(.chown, path) { chown(path, uid_t.max, group) } }
            try checked(.chmod, path) { chmod(path, mode) }
            try checked(.listen, path) { Glibc.listen(socket.raw, backlog) }
            guard let bound = try FileIdentity(path: path) else {
                throw SystemError(errno: SystemError.notFound, call: .bind, subject: path)
            }
            identity = bound
        } catch {
            _ = once(.unlink) { unlink(path) }
            throw error
        }
        return UnixListener(path: path, identity: identity, socket: socket, lock: lock)
    }

    /// Takes the next connection from a listening socket we were handed, by systemd say.
    ///
    /// Never blocks if the listener is non-blocking; the connection is non-blocking in any case.
    public static func accept(_ listener: Int32) -> AcceptResult {
        let fd = retrying(.accept) { chan_accept(listener) }
        if fd >= 0 { return .connection(OwnedDescriptor(taking: fd)) }
        let number = chan_errno()
        switch number {
        case EAGAIN: return .wouldBlock
        case ECONNABORTED, EPROTO, EPERM: return .aborted(number)
        case EMFILE, ENFILE, ENOMEM, ENOBUFS: return .exhausted(number)
        default: return .failed(number)
        }
    }

    private static func removeStale(_ path: String) throws(SystemError) {
        guard let found = try FileIdentity(path: path) else { return }
        guard found.isSocket else {
            throw SystemError(
                errno: SystemError.notASocket, call: .bind, subject: path,
                detail: "there is a file that is not a socket, and it is not ours to remove")
        }
        let probe = OwnedDescriptor(taking: try checked(.socket) { chan_unix_socket(1) })
        if retrying(.connect, { chan_unix_connect(probe.raw, path, path.utf8.count) }) == -1 {
            switch chan_errno() {
            case SystemError.connectionRefused:
                try checked(.unlink, path) { unlink(path) }
                return
            case SystemError.notFound:
                return
            case SystemError.wouldBlock:
                break  // A full backlog is a living listener's.
            case let number:
                throw SystemError(errno: number, call: .connect, subject: path)
            }
        }
        throw SystemError(
            errno: SystemError.addressInUse, call: .bind, subject: path,
            detail: "another process listens there")
    }
}
