// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// The daemon itself, for administrators: root, the daemon's own user, and members of its admin group.
///
/// All these suspend until the daemon has answered, and throw ``ChandError``: `notPermitted` for everybody else.
extension ChandClient {
    /// How the daemon is, as a whole.
    public func daemonStatus() async throws -> DaemonStatus {
        try await loop.request(
            channel: nil, encode: { SimpleFrame.daemonStatus(request: $0) },
            decode: { frame throws(WireFault) in
                try frame.expect(.daemonState)
                return DaemonStatus(try DaemonState(reading: frame.body))
            })
    }

    /// Makes the daemon read its configuration anew, without touching a session.
    ///
    /// Returns when the new one is in force.
    /// - Throws: ``ChandError`` with `invalidConfiguration` where it is wrong: then the old one stays in force.
    public func reloadDaemon() async throws { try await control(.reload) }

    /// Makes the daemon stop in order: sessions finish what they have not settled yet, for as long as it is
    /// configured to wait; this client is told goodbye with the others.
    public func stopDaemon() async throws { try await control(.stop) }

    /// Sets what the daemon logs, until its next reload.
    ///
    /// - Parameter level: `error`, `warning`, `info` or `debug`: this and everything more important.
    public func setDaemonLogLevel(_ level: String) async throws { try await control(.logLevel(level)) }

    private func control(_ control: ControlRequest) async throws {
        try await loop.request(
            channel: nil, encode: { control.encoded(request: $0) },
            decode: { frame throws(WireFault) in try frame.expect(.done) })
    }
}

/// How a daemon is, at one instant.
public struct DaemonStatus: Sendable, Hashable {
    /// Its process.
    public let process: Int32
    /// Sessions there are.
    public let sessions: Int
    /// Channels there are.
    public let channels: Int
    /// Messages there are, queued, waiting and unsettled.
    public let messages: Int
    /// Messages accepted since it started.
    public let accepted: UInt64
    /// Operations that wait.
    public let waiting: Int
    /// For how long the one has waited that waits longest; nil where none waits.
    public let longestWait: Duration?
    /// For how long it has been running.
    public let uptime: Duration
    /// What it logs: this and everything more important.
    public let logLevel: String
    /// The file that its configuration is read from; empty for a private daemon.
    public let configuration: String
    /// Why the last reload failed, a line for each fault; nil where it did not.
    public let reloadFailure: String?

    init(_ state: DaemonState) {
        process = Int32(bitPattern: state.pid)
        sessions = Int(state.sessions)
        channels = Int(clamping: state.channels)
        messages = Int(clamping: state.messages)
        accepted = state.accepted
        waiting = Int(clamping: state.waiting)
        longestWait = waiting == 0 ? nil : .nanoseconds(Int64(clamping: state.longestWait))
        uptime = .nanoseconds(Int64(clamping: state.uptime))
        logLevel = state.logLevel
        configuration = state.configuration
        reloadFailure = state.reloadFailure.isEmpty ? nil : state.reloadFailure
    }
}
