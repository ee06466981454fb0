// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Shows what happens, as it happens.
struct Monitor: Verb {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Shows what happens on channels, as it happens: a line an event.",
        usage: "chanctl monitor [GLOB] [-n COUNT] [--json]",
        discussion: """
            Shown is what happens on your own channels, for an administrator on everybody's. The events are open; \
            close (of the channel); send and receive (COUNT messages accepted, or delivered); select (won with a \
            case on the channel); cancelled (COUNT operations that waited); died (a session ended without having \
            said so); and quota (a limit was in the way). The last two concern no channel, and are left out with a \
            pattern.

            COMMAND is not known of a process that began and ended while nobody looked.

            It is cheap, and nobody waits for it: events of a kind, process and channel that come together are one \
            line, and what comes faster than it can be shown is left out, and a line says how much.

            With --json: an object a line, with version (1), time (UTC), event (as above, or dropped), count, \
            channel, session, pid, uid, user, command and unit (each null where there is none or it is not known).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("Only channels whose names match, as in list.", valueName: "GLOB"))
    var glob: String?

    @Option(
        name: .customShort("n"), help: ArgumentHelp("Show so many lines, and end.", valueName: "COUNT"),
        transform: Quantities.count)
    var count: Int?

    func validate() throws {
        if let glob, Glob(glob) == nil { throw ValidationError(Glob.fault(glob)) }
    }

    func perform(_ client: ChandClient) async throws {
        let filter = ChannelFilter(glob, client)
        let events = try await client.monitor(prefix: glob.map(Glob.literalPrefix(of:)) ?? "")
        if !common.json { try Output.write { try $0.line(Self.row(Self.headings)) } }
        var processes = Processes(most: Self.mostProcesses)
        // Of a process that is gone when it is told of there would be nothing to see.
        for session in try await client.sessions() {
            processes.lookUp(session.session, pid: session.process, sessionAge: session.age)
        }
        var left = count ?? .max
        for try await event in events {
            if case .event(let event) = event {
                guard filter.matches(event.channel) else { continue }
                if let session = event.session {
                    processes.lookUp(session, pid: event.process, sessionAge: event.sessionAge)
                }
            }
            try Output.write { output in
                if common.json {
                    try output.line(Self.json(event, processes))
                } else {
                    try output.line(Self.row(Self.cells(event, processes, filter.space)))
                }
            }
            // Of many a session that ended in order nothing is told: they are what the limit is for.
            if case .event(let event) = event, event.kind == .died, let session = event.session {
                processes.forget(session)
            }
            left -= 1
            if left == 0 { return }
        }
        // The sequence ends without an error only where somebody interrupts.
        throw CancellationError()
    }

    /// More than there are sessions at a time, mostly; it may run for months.
    private static let mostProcesses = 8192

    private static let headings = ["TIME", "EVENT", "COUNT", "PID", "CHANNEL", "COMMAND"]

    private static func cells(
        _ event: MonitorEvent, _ processes: Processes, _ space: OwnSpace
    ) -> [String] {
        switch event {
        case .dropped(let count):
            [WallClock.local(WallClock.now()), "dropped", "\(count)", "-", "-", "-"]
        case .event(let event):
            [
                WallClock.local(event.time), event.kind.rawValue, "\(event.count)",
                event.session.map { _ in "\(event.process)" } ?? "-",
                event.channel.map(space.relative) ?? "-",
                event.session.map { Printable.line(processes[$0].command ?? ProcessFacts.unknown) } ?? "-",
            ]
        }
    }

    /// Columns of a fixed width, since the lines to come are not known.
    private static func row(_ cells: [String]) -> String {
        zip(cells, [8, 9, -7, -8, 24, 0]).map { cell, width in
            let blanks = String(repeating: " ", count: max(0, abs(width) - cell.count))
            return width < 0 ? blanks + cell : cell + blanks
        }.joined(separator: " ")
    }

    private static func json(_ event: MonitorEvent, _ processes: Processes) -> JSON {
        switch event {
        case .dropped(let count):
            [
                "version": .number(JSON.schemaVersion), "time": .string(WallClock.universal(WallClock.now())),
                "event": .string("dropped"), "count": .number(count), "channel": .null, "session": .null,
                "pid": .null, "uid": .null, "user": .null, "command": .null, "unit": .null,
            ]
        case .event(let event):
            [
                "version": .number(JSON.schemaVersion), "time": .string(WallClock.universal(event.time)),
                "event": .string(event.kind.rawValue), "count": .number(event.count),
                "channel": .text(event.channel), "session": event.session.map(JSON.unsigned) ?? .null,
                "pid": event.session.map { _ in .number(Int(event.process)) } ?? .null,
                "uid": event.session.map { _ in .unsigned(UInt64(event.user)) } ?? .null,
                "user": .text(event.session.map { _ in Accounts.user(event.user) }),
                "command": .text(event.session.flatMap { processes[$0].command }),
                "unit": .text(event.session.flatMap { processes[$0].unit }),
            ]
        }
    }
}
