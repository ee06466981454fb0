// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc

/// The bytes of a configuration file, read only where nobody else can have written them.
enum ConfigurationFile {
    /// Far above any sensible configuration; what is larger was named by mistake.
    static let bytesMax = 1 << 20

    /// The file's text; `nil` where there is no such file.
    ///
    /// - Parameter daemonUserID: The user the daemon runs as: the file is root's or his.
    static func read(_ path: String, daemonUserID: UInt32) throws(ConfigurationProblem.AsError) -> [UInt8]? {
        // Not blocking: a pipe named by mistake would otherwise wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            let code = errno
            if code == ENOENT { return nil }
            throw problem(path, .unreadable, "can't be opened: \(String(cString: strerror(code)))")
        }
        defer { close(descriptor) }
        // Of the open file, so that nothing can be exchanged between the check and the reading.
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else {
            throw problem(path, .unreadable, "can't be examined: \(String(cString: strerror(errno)))")
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            throw problem(path, .unreadable, "is no regular file")
        }
        guard facts.st_uid == 0 || facts.st_uid == daemonUserID else {
            throw problem(
                path, .unsafePermissions,
                "belongs to user \(facts.st_uid): root or \(daemonUserID), as whom chand runs, must own it"
            )
        }
        guard facts.st_mode & 0o022 == 0 else {
            let mode = String(facts.st_mode & 0o7777, radix: 8)
            throw problem(
                path, .unsafePermissions,
                "may be written by its group or by everybody (mode 0\(mode)): chmod go-w \(path)")
        }
        return try contents(of: descriptor, path)
    }

    /// The configuration files of a directory, in the order of their names; none where there is no such
    /// directory.
    static func names(in directory: String) throws(ConfigurationProblem.AsError) -> [String] {
        do throws(SystemError) {
            return try Files.names(in: directory).filter { $0.hasSuffix(".toml") && !$0.hasPrefix(".") }
                .sorted()
        } catch {
            if error.errno == ENOENT { return [] }
            throw problem(directory, .unreadable, "can't be read: \(String(cString: strerror(error.errno)))")
        }
    }

    private static func contents(of descriptor: Int32, _ path: String) throws(ConfigurationProblem.AsError)
        -> [UInt8]
    {
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw problem(path, .unreadable, "can't be read: \(String(cString: strerror(errno)))")
            }
            guard count > 0 else { return text }
            text += chunk[..<count]
            guard text.count <= bytesMax else {
                throw problem(
                    path, .unreadable, "has more than \(Quantity.text(bytes: bytesMax)): no configuration")
            }
        }
    }

    private static func problem(
        _ path: String, _ code: ConfigurationProblem.Code, _ message: String
    ) -> ConfigurationProblem.AsError {
        ConfigurationProblem.AsError(
            problem: ConfigurationProblem(code, at: .file(path: path, line: 0), message))
    }
}
