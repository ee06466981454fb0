// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Lists what waits.
struct Blocked: Verb {
    static let configuration = CommandConfiguration(
        commandName: "blocked",
        abstract: "Lists every operation that waits, the oldest first, and whose it is.",
        usage: "chanctl blocked [--longer DURATION] [--json]",
        discussion: """
            A select is one line with all its cases. LEFT is the time until it gives up. Shown are the \
            operations of your own sessions; for an administrator everybody's. Prints only the headings \
            where nothing waits.

            With --json: an object with version (1) and operations, a list of objects with the keys \
            operation (send, receive, select, wait for a channel's state, or confirm), channel (null in a \
            select), cases (of a select; objects with case, operation and channel), reads_ahead, \
            waiting_seconds, since (UTC), timeout_seconds (until it gives up, or null), session, pid, uid, \
            user, command and unit (both null where they are not known).
            """)

    @OptionGroup var common: CommonOptions

    @Option(
        help: ArgumentHelp("Only what has waited for longer than this.", valueName: "DURATION"),
        transform: Quantities.duration)
    var longer: Duration?

    func perform(_ client: ChandClient) async throws {
        let waiting = try await client.waitingOperations()
        let now = WallClock.now()
        let operations = BlockedOperation.grouped(waiting).filter { $0.first.waited > longer ?? .seconds(-1) }
        var processes = Processes()
        for operation in operations.map(\.first) {
            processes.lookUp(operation.session, pid: operation.process, sessionAge: operation.sessionAge)
        }
        let space = OwnSpace(user: client.daemon.user)
        try Output.write { output in
            guard !common.json else {
                return try output.line(
                    [
                        "version": .number(JSON.schemaVersion),
                        "operations": .array(
                            operations.map {
                                .object($0.json(now: now) + Self.owner(of: $0.first, processes))
                            }),
                    ] as JSON)
            }
            let table = Self.table(operations, processes, now: now, space)
            for line in table.lines(.ofStandardOutput) { try output.line(line) }
        }
    }

    private static func owner(
        of waiting: WaitingOperation, _ processes: Processes
    ) -> [(key: String, value: JSON)] {
        [
            ("session", .unsigned(waiting.session)), ("pid", .number(Int(waiting.process))),
            ("uid", .unsigned(UInt64(waiting.user))), ("user", .string(Accounts.user(waiting.user))),
            ("command", .text(processes[waiting.session].command)),
            ("unit", .text(processes[waiting.session].unit)),
        ]
    }

    private static func table(
        _ operations: [BlockedOperation], _ processes: Processes, now: Duration, _ space: OwnSpace
    ) -> Table {
        var table = Table([
            .init("FOR", isNumeric: true), .init("SINCE"), .init("LEFT", isNumeric: true),
            .init("PID", isNumeric: true), .init("USER"), .init("WAITS TO"), .init("UNIT"), .init("COMMAND"),
        ])
        for operation in operations {
            let first = operation.first
            table.add([
                .init(Quantities.text(first.waited)), .init(WallClock.local(now - first.waited)),
                .init(first.timeLeft.map(Quantities.text) ?? "-"), .init("\(first.process)"),
                .init(Accounts.user(first.user)), .init(operation.text(space), .notable),
                .init(processes[first.session].unit ?? "-"),
                .init(processes[first.session].command ?? ProcessFacts.unknown),
            ])
        }
        return table
    }
}
