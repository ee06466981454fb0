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
            guard isProgram(given) else {
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
        if let found = candidates.first(where: isProgram) ?? inPath("chand") { return found }
        throw Failure(
            "noDaemonProgram",
            "there is no chand beside chanctl, in ../libexec or in PATH; name it in \(daemonVariable)",
            exit: .failed)
    }

    /// A command as a shell would find it.
    static func command(_ name: String) throws -> String {
        if name.contains("/") { return name }
        if let found = inPath(name) { return found }
        throw Failure("noCommand", "there is no command \"\(Printable.line(name))\"", exit: .noCommand)
    }

    /// What is said about a command that does not start.
    static func unusable(_ name: String, _ error: SystemError) -> Failure {
        let reason = SystemError.text(error.errno)
        let exit: ExitStatusCode = error.errno == SystemError.notFound ? .noCommand : .unusableCommand
        return Failure("noCommand", "the command \"\(name)\" does not start: \(reason)", exit: exit)
    }

    private static func inPath(_ name: String) -> String? {
        guard !name.isEmpty else { return nil }
        let path = ThisProcess.environment("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        let directories = path.split(separator: ":", omittingEmptySubsequences: false)
        // An empty part is the current directory, as shells have it.
        return directories.map { "\($0.isEmpty ? "." : $0)/\(name)" }.first(where: isProgram)
    }

    private static func isProgram(_ path: String) -> Bool {
        var status = Glibc.stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
    }
}
