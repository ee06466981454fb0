// SPDX-License-Identifier: Apache-2.0

public import ChanSystem

/// What a live test waited for in vain, or got instead of what it expected.
public struct LiveFailure: Error, CustomStringConvertible {
    /// What went wrong, with all that helps to find out why.
    public let description: String

    /// Says what went wrong.
    public init(_ description: String) { self.description = description }
}

/// How long a live test waits for what is sure to come.
public enum Patience {
    /// Far longer than anything takes, even on a machine with other work: reaching it is a failure.
    ///
    /// CHAND_TEST_PATIENCE, in milliseconds, allows for sanitizers.
    public static let milliseconds =
        ThisProcess.environment("CHAND_TEST_PATIENCE").flatMap { UInt64($0) } ?? 30_000

    /// The same, for the library.
    public static var duration: Duration { .milliseconds(milliseconds) }

    /// The instant at which patience ends.
    public static func deadline() -> UInt64 { MonotonicClock.deadline(milliseconds: milliseconds) }
}

/// The programs of this package, as they were built for the tests.
public enum BuiltProgram {
    /// The path of a program beside the running one.
    public static func path(_ name: String) throws(SystemError) -> String {
        let own = try ThisProcess.executablePath()
        let directory = own.prefix(through: own.lastIndex(of: "/") ?? own.startIndex)
        return directory + name
    }

    /// Copies a program to where other users may run it.
    ///
    /// A process of its own does: what this one has open for writing, a child that another test starts meanwhile has open
    /// until it runs its own program, and until then the copy is busy (`ETXTBSY`).
    public static func copy(_ name: String, to path: String) throws {
        let status = try ChildProcess.spawn("/bin/cp", arguments: [Self.path(name), path]).wait()
        guard status == .exited(0) else { throw LiveFailure("\(name) can't be copied to \(path)") }
        try Files.setPermissions(path, 0o755)
    }

    /// Writes a shell script that can be run at once; another process writes it, see ``copy(_:to:)``.
    public static func write(script: String, to path: String) throws {
        let words = ["-c", #"printf '%s\n' "$1" > "$2" && chmod 755 "$2""#, "sh", script, path]
        guard try ChildProcess.spawn("/bin/sh", arguments: words).wait() == .exited(0) else {
            throw LiveFailure("\(path) can't be written")
        }
    }
}
