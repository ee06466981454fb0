// SPDX-License-Identifier: Apache-2.0

public import ChanSystem

/// A client whose session belongs to a process of its own, so that it can die as processes do.
///
/// The process only carries the bytes: what is written to ``client`` is said by that process.
public final class ClientProcess {
    /// The session.
    public let client: WireClient
    /// The process that the daemon sees.
    public let process: ChildProcess

    /// Starts the process, which connects, and greets unless told otherwise.
    ///
    /// - Parameters:
    ///   - leavesKeeper: it has a child that holds the connection beyond its death, while ``client`` lives.
    ///   - greets: it has said HELLO and heard WELCOME; else that is for ``client`` to do.
    ///   - user: whose process it is, if not this user's; only root's tests can say so.
    ///   - group: its primary group, the user's number unless given.
    ///   - groups: its supplementary groups.
    public init(
        _ socketPath: String, leavesKeeper: Bool = false, greets: Bool = true, user: UInt32? = nil,
        group: UInt32? = nil, groups: [UInt32] = []
    ) throws {
        let pair = try UnixSocket.pair()
        var command = [
            try BuiltProgram.path("chand-test-agent"), leavesKeeper ? "keeper" : "relay", socketPath,
        ]
        if let user { command = Self.asUser(user, group: group, groups: groups, command) }
        process = try ChildProcess.spawn(
            command[0], arguments: Array(command.dropFirst()),
            environment: DaemonUnderTest.environment(), stdin: .descriptor(pair.second.raw))
        do {
            client = try WireClient(taking: pair.first, greets: greets)
        } catch {
            // Whoever never got the client cannot end its process.
            try? process.kill(.kill)
            _ = try? process.wait()
            throw error
        }
    }

    /// The command as another user's.
    static func asUser(
        _ user: UInt32, group: UInt32? = nil, groups: [UInt32] = [], _ command: [String]
    ) -> [String] {
        let list = groups.map { "\($0)" }.joined(separator: ",")
        return [
            "/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(group ?? user)",
            groups.isEmpty ? "--clear-groups" : "--groups=\(list)",
        ] + command
    }

    deinit { try? kill() }

    /// Kills the process with SIGKILL and waits for its end; the daemon hears of it soon after.
    public func kill() throws {
        try process.kill(.kill)
        _ = try process.wait()
    }
}
