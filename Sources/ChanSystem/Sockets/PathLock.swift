// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// The right to a socket's path: a locked file beside it, removed when the lock is given up.
struct PathLock: ~Copyable, Sendable {
    private let path: String
    private let file: OwnedDescriptor

    /// Takes the lock, without waiting.
    init(path socketPath: String) throws(SystemError) {
        let path = socketPath + ".lock"
        while true {
            let file = OwnedDescriptor(
                taking: try checked(.open, path, detail: { Self.missingDirectory(of: socketPath, errno: $0) })
                {
                    chan_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
                })
            if retrying(.flock, { flock(file.raw, LOCK_EX | LOCK_NB) }) == -1 {
                let number = chan_errno()
                guard number == SystemError.wouldBlock else {
                    throw SystemError(errno: number, call: .flock, subject: path)
                }
                throw SystemError(
                    errno: SystemError.addressInUse, call: .bind, subject: socketPath,
                    detail: "another process holds \(path)")
            }
            // The holder before us may have removed the file between our open and our lock: then we have locked a
            // file that nobody else will find, and have to try again.
            if try FileIdentity(descriptor: file.raw) == FileIdentity(path: path) {
                self.path = path
                self.file = file
                return
            }
        }
    }

    deinit { _ = once(.unlink) { unlink(path) } }

    private static func missingDirectory(of path: String, errno: Int32) -> String? {
        guard errno == SystemError.notFound, let slash = path.lastIndex(of: "/") else { return nil }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        return "the directory \(directory) does not exist"
    }
}

/// Which file it is, whatever its name.
struct FileIdentity: Equatable {
    private let device: dev_t
    private let inode: ino_t
    let isSocket: Bool

    /// The file of this name itself, no symbolic link followed; `nil` if there is none.
    init?(path: String) throws(SystemError) {
        var status = Glibc.stat()
        if retrying(.stat, { lstat(path, &status) }) == -1 {
            let number = chan_errno()
            if number == SystemError.notFound { return nil }
            throw SystemError(errno: number, call: .stat, subject: path)
        }
        self.init(status)
    }

    /// The file open as a descriptor.
    init(descriptor: Int32) throws(SystemError) {
        var status = Glibc.stat()
        try checked(.stat) { fstat(descriptor, &status) }
        self.init(status)
    }

    private init(_ status: stat) {
        device = status.st_dev
        inode = status.st_ino
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }
}
