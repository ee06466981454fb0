// SPDX-License-Identifier: Apache-2.0

public import ChanSystem
import Glibc

/// The built chand as a process of its own, on a socket in a temporary directory.
///
/// It is private, checks its invariants after every frame, and ends with this process at the latest. Whoever
/// starts it stops it with ``stop(by:)``, or ends it with ``kill()``; ``run(_:_:)`` does both.
public final class DaemonUnderTest: Sendable {
    /// The directory that holds its socket and nothing else, removed at the end.
    public let directory: String
    /// Where it listens.
    public let socketPath: String
    /// Its process.
    public let process: ChildProcess
    /// What it logs.
    public let log: ProcessLog
    private let lifeline: Lock<OwnedDescriptor?>
    private let isOver = Lock(false)
    private let ownsDirectory: Bool

    /// How a daemon is started.
    public struct Options: Sendable {
        /// Keys of the configuration and their values, as for `--set`.
        public var settings: [String: String]
        /// Whether the whole state is checked after every frame.
        public var checksInvariants: Bool
        /// The directory of the socket; a new one unless given, and then not removed.
        public var directory: String?
        /// Whether it grants every shared space to this user; else none, as without a configuration.
        public var isPrivate = true
        /// The configuration file of one that is not private.
        public var configuration: String?
        /// How many descriptors it may have; as many as this process unless given.
        public var descriptors: Int?
        /// Whether every user may connect.
        public var letsEverybodyIn = false
        /// Whose process it is, if not this user's; only root's tests can say so.
        public var user: UInt32?

        /// The defaults of a private daemon but for these keys.
        public init(
            _ settings: [String: String] = [:], checksInvariants: Bool = true, directory: String? = nil
        ) {
            self.settings = settings
            self.checksInvariants = checksInvariants
            self.directory = directory
        }
    }

    /// The arguments of a daemon with these options on this socket.
    public static func arguments(_ options: Options, socket: String) -> [String] {
        var arguments = ["--stop-with-stdin", "--socket", socket]
        if options.isPrivate { arguments.append("--private") }
        if let file = options.configuration { arguments += ["--config", file] }
        if options.checksInvariants { arguments.append("--check-invariants") }
        if options.letsEverybodyIn { arguments += ["--set", "daemon.socket_mode=0777"] }
        for (key, value) in options.settings.sorted(by: { $0.key < $1.key }) {
            arguments += ["--set", "\(key)=\(value)"]
        }
        return arguments
    }

    /// The environment of the daemons and clients of tests: ours, without what would change their ways.
    public static func environment() -> [String: String] {
        var environment = ThisProcess.environment().filter { key, _ in
            !key.hasPrefix("CHAND_") && key != "LISTEN_FDS" && key != "NOTIFY_SOCKET"
                && key != "WATCHDOG_USEC"
        }
        // Otherwise a crash would take as long as its backtrace, and the test would blame a deadline.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        return environment
    }

    /// Starts a daemon and waits until it serves.
    public init(_ options: Options = Options()) throws {
        let directory: String
        if let given = options.directory {
            directory = given
        } else {
            directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        }
        self.directory = directory
        ownsDirectory = options.directory == nil
        socketPath = "\(directory)/s"
        let input = try Descriptor.pipe()
        let output = try Descriptor.pipe()
        if options.letsEverybodyIn { try Files.setPermissions(directory, 0o755) }
        var command = [try BuiltProgram.path("chand")] + Self.arguments(options, socket: socketPath)
        if let user = options.user {
            guard chown(directory, user, user) == 0 else { throw LiveFailure("chown \(directory) fails") }
            command = ClientProcess.asUser(user, command)
        }
        if let most = options.descriptors { command = ["/usr/bin/prlimit", "--nofile=\(most)"] + command }
        process = try ChildProcess.spawn(
            command[0], arguments: Array(command.dropFirst()),
            environment: Self.environment(), stdin: .descriptor(input.reading.raw),
            stdout: .descriptor(output.writing.raw), stderr: .descriptor(output.writing.raw))
        lifeline = Lock(input.writing)
        log = try ProcessLog(reading: output.reading)
        // The child's copy is the only one that is left: its end is the log's end.
        _ = consume output.writing
        guard log.wait(for: "serving on ") else {
            kill()
            throw LiveFailure("chand does not serve: \(log.text)")
        }
    }

    deinit { kill() }

    /// Its standard input ends, as it does when the process that started it is gone.
    public func endInput() {
        lifeline.withLock { $0 = nil }
    }

    /// Waits for the end of the process, and of its log.
    public func waitForExit() throws -> ExitStatus {
        guard let status = try process.wait(timeoutMilliseconds: Patience.milliseconds) else {
            throw LiveFailure("chand does not end: \(log.text)")
        }
        _ = log.waitForEnd()
        return status
    }

    /// Asks it to end, and checks that it does so in order and leaves nothing behind.
    public func stop(by signal: Signal = .terminate) throws {
        try process.kill(signal)
        try finish()
    }

    /// Waits for an orderly end that was asked for already, and checks that nothing is left.
    public func finish() throws {
        let status = try waitForExit()
        guard status.isSuccess else { throw LiveFailure("chand ended with \(status): \(log.text)") }
        let left = try Files.names(in: directory)
        guard left.isEmpty else { throw LiveFailure("chand left \(left) behind: \(log.text)") }
        kill()
    }

    /// Ends it at once, if it still runs, and removes its directory, if it has one of its own.
    public func kill() {
        let isFirst = isOver.withLock { isOver in
            defer { isOver = true }
            return !isOver
        }
        guard isFirst else { return }
        // Errors here would hide the one that led here.
        try? process.kill(.kill)
        _ = try? process.wait()
        if ownsDirectory { try? Files.removeTree(directory) }
    }

    /// Runs a body with a daemon, which it must leave running, in order and able to stop.
    public static func run<Result>(
        _ settings: [String: String] = [:], _ body: (DaemonUnderTest) throws -> Result
    ) throws -> Result {
        try run(Options(settings), body)
    }

    /// The same with all options.
    public static func run<Result>(
        _ options: Options, _ body: (DaemonUnderTest) throws -> Result
    ) throws -> Result {
        let daemon = try DaemonUnderTest(options)
        defer { daemon.kill() }
        let result: Result
        do {
            result = try body(daemon)
        } catch let failure as LiveFailure {
            throw LiveFailure("\(failure)\nchand's log: \(daemon.log.text)")
        }
        try daemon.stop()
        return result
    }
}
