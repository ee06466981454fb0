// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// Whole files and directories, for configuration, logs, statistics and tests.
///
/// All calls block.
public enum Files {
    /// How to open a file for writing.
    public enum WriteMode: Sendable {
        /// Start with an empty file.
        case truncate
        /// Write at the end.
        case append
        /// The file must not exist.
        case create
    }

    /// Opens a file for reading.
    public static func open(reading path: String) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try checked(.open, path) { chan_open(path, O_RDONLY, 0) })
    }

    /// Opens a file for writing, and creates it if need be with these permissions.
    public static func open(
        writing path: String, _ mode: WriteMode = .truncate, permissions: UInt32 = 0o644
    ) throws(SystemError) -> OwnedDescriptor {
        let how: Int32
        switch mode {
        case .truncate: how = O_TRUNC
        case .append: how = O_APPEND
        case .create: how = O_EXCL
        }
        return OwnedDescriptor(
            taking: try checked(.open, path) { chan_open(path, O_WRONLY | O_CREAT | how, permissions) })
    }

    /// The contents of a file.
    ///
    /// - Throws: `EFBIG` if it has more bytes than the limit.
    public static func read(_ path: String, limit: Int = .max) throws(SystemError) -> [UInt8] {
        let file = try open(reading: path)
        do throws(SystemError) {
            return try Transfer.readAll(file.raw, limit: limit)
        } catch {
            throw SystemError(errno: error.errno, call: error.call, subject: path)
        }
    }

    /// Writes a whole file, in place.
    public static func write(
        _ bytes: some Sequence<UInt8>, to path: String, _ mode: WriteMode = .truncate,
        permissions: UInt32 = 0o644
    ) throws(SystemError) {
        let file = try open(writing: path, mode, permissions: permissions)
        let whole = [UInt8](bytes)
        let result = whole.withUnsafeBytes { bytes in
            Result<Void, SystemError> { () throws(SystemError) in try Transfer.writeAll(file.raw, bytes) }
        }
        if case .failure(let error) = result {
            throw SystemError(errno: error.errno, call: error.call, subject: path)
        }
    }

    /// Puts a whole file in another's place, so that a reader sees the one or the other.
    public static func replace(
        _ path: String, with bytes: some Sequence<UInt8>, permissions: UInt32 = 0o644
    ) throws(SystemError) {
        let temporary = "\(path).\(getpid()).tmp"
        do throws(SystemError) {
            try write(bytes, to: temporary, permissions: permissions)
            try checked(.rename, path) { rename(temporary, path) }
        } catch {
            _ = once(.unlink) { unlink(temporary) }
            throw error
        }
    }

    /// Whether there is something of this name.
    public static func exists(_ path: String) -> Bool { (try? FileIdentity(path: path)) != nil }

    /// The permission bits of a file.
    public static func permissions(_ path: String) throws(SystemError) -> UInt32 {
        var status = Glibc.stat()
        try checked(.stat, path) { stat(path, &status) }
        return status.st_mode & 0o7777
    }

    /// Sets the permission bits of a file.
    public static func setPermissions(_ path: String, _ mode: UInt32) throws(SystemError) {
        try checked(.chmod, path) { chmod(path, mode) }
    }

    /// The names in a directory, in no particular order, without `.` and `..`.
    public static func names(in directory: String) throws(SystemError) -> [String] {
        var opened: OpaquePointer?
        try checked(.opendir, directory) {
            opened = opendir(directory)
            return opened == nil ? -1 : 0
        }
        guard let stream = opened else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Makes a directory.
    public static func makeDirectory(_ path: String, permissions: UInt32 = 0o755) throws(SystemError) {
        try checked(.mkdir, path) { mkdir(path, permissions) }
    }

    /// Makes a directory that nobody else has, in `TMPDIR` or `/tmp`, and returns its path.
    public static func makeTemporaryDirectory(prefix: String = "chand") throws(SystemError) -> String {
        let parent = ThisProcess.environment("TMPDIR") ?? "/tmp"
        let template = "\(parent)/\(prefix)-XXXXXX"
        var name = Array(template.utf8CString)
        let made = once(.mkdtemp) { mkdtemp(&name) == nil ? -1 : 0 }
        guard made == 0 else { throw SystemError(errno: chan_errno(), call: .mkdtemp, subject: template) }
        return String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes a file; that it was not there is no error.
    public static func remove(_ path: String) throws(SystemError) {
        let result = retrying(.unlink) { unlink(path) }
        guard result == -1, chan_errno() != SystemError.notFound else { return }
        throw SystemError(errno: chan_errno(), call: .unlink, subject: path)
    }

    /// Removes a directory with all that is in it; follows no symbolic links.
    public static func removeTree(_ path: String) throws(SystemError) {
        try checked(.rmtree, path) { chan_remove_tree(path) }
    }
}
