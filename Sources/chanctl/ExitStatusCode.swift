// SPDX-License-Identifier: Apache-2.0

/// The exit codes: part of the contract with scripts.
package enum ExitStatusCode: Int32, Sendable {
    /// Everything was done.
    case done = 0
    /// Something failed that has no code of its own.
    case failed = 1
    /// The command line is wrong.
    case usage = 2
    /// No daemon, or the connection to it was lost.
    case unreachable = 3
    /// There is no such channel.
    case noSuchChannel = 4
    /// The channel is closed.
    case closed = 5
    /// The time ran out, or a try would have had to wait.
    case timeout = 6
    /// This user may not do that.
    case notPermitted = 7
    /// A limit is reached.
    case quota = 8
    /// Daemon and tool do not understand each other.
    case protocolError = 9
    /// `run` found a command that can't be run; as with shells and `env`.
    case unusableCommand = 126
    /// `run` found no such command; as with shells and `env`.
    case noCommand = 127
    /// The interrupt key was pressed.
    case interrupted = 130
}
