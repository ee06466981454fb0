// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc

/// Finds programs.
enum ProgramSearch {
    /// The environment variable that names the daemon's program.
    static let daemonVariable = "CHAND_BINARY"

    /// The daemon: as the environment says, beside this program, where packages put it, or in PATH.
    static func daemon() throws -> String {
        if let given = ThisProcess.environment(daemonVariable), !given.isEmpty {
            guard isProgram(Array(given.utf8)) else {
                throw Failure(
                    "noDaemonProgram", "\(daemonVariable) names \(given), which is no program", exit: .failed)
            }
            return given
        }
        var candidates: [String] = []
        if let own = try? ThisProcess.executablePath(), let slash = own.lastIndex(of: "/") {
            let directory = own[..<slash]
            candidates = ["\(directory)/chand", "\(directory)/../libexec/chand"]
        }
        if let found = candidates.first(where: { isProgram(Array($0.utf8)) }) { return found }
        if let found = inPath(Array("chand".utf8)) { return String(decoding: found, as: UTF8.self) }
        throw Failure(
            "noDaemonProgram",
            "there is no chand beside chanctl, in ../libexec or in PATH; name it in \(daemonVariable)",
            exit: .failed)
    }

    /// A command as a shell would find it: its path, which need not be text.
    static func command(_ name: String) throws -> [UInt8] {
        let bytes = RawArguments.bytes(of: name)
        if bytes.contains(UInt8(ascii: "/")) { return bytes }
        if let found = inPath(bytes) { return found }
        throw Failure("noCommand", "there is no command \"\(Printable.line(name))\"", exit: .noCommand)
    }

    /// What is said about a command that does not start.
    static func unusable(_ name: String, _ error: SystemError) -> Failure {
        let reason = SystemError.text(error.errno)
        let exit: ExitStatusCode = error.errno == SystemError.notFound ? .noCommand : .unusableCommand
        return Failure("noCommand", "the command \"\(name)\" does not start: \(reason)", exit: exit)
    }

    private static func inPath(_ name: [UInt8]) -> [UInt8]? {
        guard !name.isEmpty else { return nil }
        let path = ThisProcess.environmentBytes("PATH") ?? Array("/usr/local/bin:/usr/bin:/bin".utf8)
        for directory in path.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false) {
            // An empty part is the current directory, as shells have it.
            let place = directory.isEmpty ? [UInt8(ascii: ".")] : Array(directory)
            let candidate = place + [UInt8(ascii: "/")] + name
            if isProgram(candidate) { return candidate }
        }
        return nil
    }

    private static func isProgram(_ path: [UInt8]) -> Bool {
        let name = path.map { CChar(bitPattern: $0) } + [0]
        var status = Glibc.stat()
        return stat(name, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(name, X_OK) == 0
    }
}
