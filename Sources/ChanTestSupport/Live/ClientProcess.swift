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

    /// Starts the process, which connects, and greets.
    ///
    /// - Parameters:
    ///   - leavesKeeper: it has a child that holds the connection beyond its death, while ``client`` lives.
    ///   - user: whose process it is, if not this user's; only root's tests can say so.
    public init(_ socketPath: String, leavesKeeper: Bool = false, user: UInt32? = nil) throws {
        let pair = try UnixSocket.pair()
        var command = [
            try BuiltProgram.path("chand-test-agent"), leavesKeeper ? "keeper" : "relay", socketPath,
        ]
        if let user {
            command = ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"] + command
        }
        process = try ChildProcess.spawn(
            command[0], arguments: Array(command.dropFirst()),
            environment: DaemonUnderTest.environment(), stdin: .descriptor(pair.second.raw))
        do {
            client = try WireClient(taking: pair.first)
        } catch {
            // Whoever never got the client cannot end its process.
            try? process.kill(.kill)
            _ = try? process.wait()
            throw error
        }
    }

    deinit { try? kill() }

    /// Kills the process with SIGKILL and waits for its end; the daemon hears of it soon after.
    public func kill() throws {
        try process.kill(.kill)
        _ = try process.wait()
    }
}
