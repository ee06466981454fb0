// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChandConfig
import Channels

/// The daemon itself: how it is, and what an administrator changes.
struct Daemon: Verb {
    static let configuration = CommandConfiguration(
        commandName: "daemon",
        abstract: "Shows the daemon's state, reloads its configuration, changes its log level, or stops it.",
        usage: "chanctl daemon status|reload|drain|log-level [LEVEL]",
        discussion: """
            For administrators: root, the daemon's own user, and members of its admin group.

            status     shows what it serves and for how long.
            reload     reads the configuration anew, without touching a session; with anything wrong the old \
            one stays in force, and what is wrong is said.
            drain      stops it in order: sessions finish what they have not settled yet, for as long as \
            [shutdown] drain_timeout allows.
            log-level  sets what it logs, until the next reload: error, warning, info or debug.

            With --json, status prints an object with version (1), process, sessions, channels, messages, \
            accepted, waiting, longest_wait_seconds (or null), uptime_seconds, log_level, configuration and \
            reload_failure (or null); the others print nothing.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("What to do.", valueName: "ACTION"),
        completion: .list(Action.allCases.map(\.rawValue)), transform: Self.action)
    var action: Action
    @Argument(
        help: ArgumentHelp("For log-level: what to log.", valueName: "LEVEL"), completion: Choices.logLevels)
    var level: String?

    /// What can be done.
    enum Action: String, CaseIterable, Sendable {
        case status, reload, drain
        case logLevel = "log-level"
    }

    private static func action(_ text: String) throws -> Action {
        if let action = Action(rawValue: text) { return action }
        let names = Action.allCases.map(\.rawValue)
        let hint =
            Nearest.of(text, among: names).map { "did you mean \($0)?" }
            ?? "it is one of \(names.joined(separator: ", "))"
        throw ValidationError("\"\(text)\" is nothing that chanctl daemon does: \(hint)")
    }

    mutating func validate() throws {
        switch (action, level) {
        case (.logLevel, nil): throw ValidationError("log-level wants a level: error, warning, info or debug")
        case (.logLevel, _?), (_, nil): break
        case (_, let extra?):
            throw ValidationError("\(action.rawValue) takes no argument such as \"\(extra)\"")
        }
    }

    func perform(_ client: ChandClient) async throws {
        switch action {
        case .status: try show(try await client.daemonStatus(), client)
        case .reload: try await reload(client)
        case .drain: try await client.stopDaemon()
        case .logLevel: try await client.setDaemonLogLevel(level ?? "")
        }
    }

    private func reload(_ client: ChandClient) async throws {
        do {
            try await client.reloadDaemon()
        } catch let error as ChandError where error.code == .invalidConfiguration {
            let faults = error.message.split(separator: "\n").joined(separator: "; ")
            throw Failure(
                "invalidConfiguration", "the old configuration stays in force: \(faults)", exit: .failed)
        }
    }

    private func show(_ status: DaemonStatus, _ client: ChandClient) throws {
        try Output.write { output in
            guard !common.json else { return try output.line(Self.json(status)) }
            let waiting = status.longestWait.map {
                "\(status.waiting), the longest for \(Quantities.text($0))"
            }
            let rows: [(String, String)] = [
                ("daemon", "\(client.daemon.name), process \(status.process), at \(client.socket)"),
                ("uptime", Quantities.text(status.uptime)), ("sessions", "\(status.sessions)"),
                ("channels", "\(status.channels)"),
                ("messages", "\(status.messages) there, \(status.accepted) accepted so far"),
                ("waiting", waiting ?? "none"), ("log level", status.logLevel),
                (
                    "configuration",
                    Printable.line(
                        (status.configuration.isEmpty ? "none" : status.configuration)
                            + (status.reloadFailure.map { ", not reloaded: \($0)" } ?? ""))
                ),
            ]
            for (name, value) in rows {
                try output.line(name + String(repeating: " ", count: 15 - name.count) + value)
            }
        }
    }

    private static func json(_ status: DaemonStatus) -> JSON {
        [
            "version": .number(JSON.schemaVersion), "process": .number(Int(status.process)),
            "sessions": .number(status.sessions), "channels": .number(status.channels),
            "messages": .number(status.messages), "accepted": .number(Int(clamping: status.accepted)),
            "waiting": .number(status.waiting),
            "longest_wait_seconds": status.longestWait.map { .real(Quantities.seconds($0)) } ?? .null,
            "uptime_seconds": .real(Quantities.seconds(status.uptime)), "log_level": .string(status.logLevel),
            "configuration": .string(status.configuration),
            "reload_failure": status.reloadFailure.map(JSON.string) ?? .null,
        ]
    }
}
