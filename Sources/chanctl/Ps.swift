// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Lists sessions and what they wait for.
struct Ps: Verb {
    static let configuration = CommandConfiguration(
        commandName: "ps",
        abstract: "Lists the sessions with the daemon: whose they are, and what each waits for.",
        usage: "chanctl ps [PID|GLOB] [--json]",
        discussion: """
            A number chooses the sessions of that process, a pattern those whose program or systemd unit \
            matches: chanctl ps 'work*'. Shown are your own sessions, for an administrator everybody's, \
            without the one of chanctl itself. WAITS TO is what has waited longest.

            Exits with 1 where a process that was asked for by its number has no session.

            With --json: an object with version (1) and sessions, a list of objects with the keys session, \
            pid, uid, user, gid, group, since (UTC), age_seconds, handles, unsettled (messages that it has \
            received and not settled), operations (what waits, oldest first; objects with the keys \
            operation, channel, cases, reads_ahead, waiting_seconds, since and timeout_seconds as in \
            blocked --json), command and unit (both null where they are not known).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("Which sessions.", valueName: "PID|GLOB"))
    var selection: String?

    func validate() throws {
        guard let selection, Glob(selection) == nil else { return }
        throw ValidationError(Glob.fault(selection))
    }

    func perform(_ client: ChandClient) async throws {
        let own = client.daemon.session
        let all = try await client.sessions().filter { $0.session != own }
        let operations = Dictionary(
            grouping: BlockedOperation.grouped(try await client.waitingOperations()), by: \.first.session)
        let now = WallClock.now()
        var processes = Processes()
        for session in all {
            processes.lookUp(session.session, pid: session.process, sessionAge: session.age)
        }
        let sessions = try chosen(all, processes).sorted {
            ($0.process, $0.session) < ($1.process, $1.session)
        }
        let space = OwnSpace(user: client.daemon.user)
        try Output.write { output in
            guard !common.json else {
                return try output.line(
                    [
                        "version": .number(JSON.schemaVersion),
                        "sessions": .array(
                            sessions.map {
                                Self.json($0, operations[$0.session] ?? [], processes[$0.session], now: now)
                            }),
                    ] as JSON)
            }
            let table = Self.table(sessions, operations, processes, space)
            for line in table.lines(.ofStandardOutput) { try output.line(line) }
        }
    }

    private func chosen(_ all: [SessionStatus], _ processes: Processes) throws -> [SessionStatus] {
        guard let selection else { return all }
        if !selection.isEmpty, selection.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            // A number that no process can have is a number all the same.
            let chosen = Int32(selection).map { pid in all.filter { $0.process == pid } } ?? []
            if chosen.isEmpty {
                throw Failure(
                    "noSession", "the process \(selection) has no session here that you may see",
                    exit: .failed)
            }
            return chosen
        }
        guard let glob = Glob(selection) else { return [] }
        return all.filter {
            let process = processes[$0.session]
            return glob.matches(process.program ?? "") || glob.matches(process.unit ?? "")
        }
    }

    private static func table(
        _ sessions: [SessionStatus], _ operations: [UInt64: [BlockedOperation]], _ processes: Processes,
        _ space: OwnSpace
    ) -> Table {
        var table = Table([
            .init("PID", isNumeric: true), .init("USER"), .init("SESSION", isNumeric: true),
            .init("AGE", isNumeric: true), .init("HANDLES", isNumeric: true),
            .init("UNSETTLED", isNumeric: true), .init("FOR", isNumeric: true), .init("WAITS TO"),
            .init("UNIT"), .init("COMMAND"),
        ])
        for session in sessions {
            let waiting = operations[session.session] ?? []
            let more = waiting.count > 1 ? ", and \(waiting.count - 1) more" : ""
            table.add([
                .init("\(session.process)"), .init(Accounts.user(session.user)),
                .init("\(session.session)"), .init(Quantities.text(session.age)),
                .init("\(session.handles)"), .init("\(session.unsettled)"),
                .init(waiting.first.map { Quantities.text($0.first.waited) } ?? "-"),
                .init(
                    waiting.first.map { $0.text(space) + more } ?? "-", waiting.isEmpty ? .plain : .notable),
                .init(processes[session.session].unit ?? "-"),
                .init(processes[session.session].command ?? ProcessFacts.unknown),
            ])
        }
        return table
    }

    private static func json(
        _ session: SessionStatus, _ operations: [BlockedOperation], _ process: ProcessFacts, now: Duration
    ) -> JSON {
        [
            "session": .unsigned(session.session), "pid": .number(Int(session.process)),
            "uid": .unsigned(UInt64(session.user)), "user": .string(Accounts.user(session.user)),
            "gid": .unsigned(UInt64(session.group)), "group": .string(Accounts.group(session.group)),
            "since": .string(WallClock.universal(now - session.age)),
            "age_seconds": .real(Quantities.seconds(session.age)), "handles": .number(session.handles),
            "unsettled": .number(session.unsettled),
            "operations": .array(operations.map { .object($0.json(now: now)) }),
            "command": .text(process.command), "unit": .text(process.unit),
        ]
    }
}
