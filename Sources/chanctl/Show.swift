// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Shows one channel with all that is known about it.
struct Show: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows all there is to know about a channel, and which processes hold it or wait on it.",
        usage: "chanctl show CHAN [--json]",
        discussion: """
            The command line and the systemd unit of each process are looked up in /proc at that moment.

            With --json: an object with version (1); channel, with the same keys as in list --json; \
            handles, a list of objects with role (send, receive or both), open_seconds and since (UTC); and \
            waiters, oldest first, with operation (send or receive), select (whether it is a case of one), \
            waiting_seconds and since. Both have session, pid, uid, user, and command and unit, which are null where they are \
            not known.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    func perform(_ client: ChandClient) async throws {
        let status = try await client.inspect(channel)
        let parties = try await client.describe(channel)
        let now = WallClock.now()
        let handles = parties.filter { $0.kind == .handle }
        let waiters = parties.filter { $0.kind != .handle }.sorted { $0.waited > $1.waited }
        var processes = Processes()
        for party in parties {
            processes.lookUp(party.session, pid: party.process, sessionAge: party.sessionAge)
        }
        let lookUp = { [processes] (party: ChannelParty) in processes[party.session] }
        try Output.write { output in
            guard !common.json else {
                return try output.line(
                    [
                        "version": .number(JSON.schemaVersion),
                        "channel": status.json,
                        "handles": .array(handles.map { $0.json(lookUp($0), now: now) }),
                        "waiters": .array(waiters.map { $0.json(lookUp($0), now: now) }),
                    ] as JSON)
            }
            let style = Style.ofStandardOutput
            for line in Self.lines(status, style) { try output.line(line) }
            try output.line("")
            for line in Self.table(handles, lookUp, now: now, "HANDLE").lines(style) { try output.line(line) }
            guard !waiters.isEmpty else { return }
            try output.line("")
            for line in Self.table(waiters, lookUp, now: now, "WAITS TO").lines(style) {
                try output.line(line)
            }
        }
    }

    private static func lines(_ channel: ChannelStatus, _ style: Style) -> [String] {
        var facts = [
            ("name", channel.name),
            ("state", channel.stateWords.joined(separator: ", ")),
            ("capacity", "\(channel.capacity)"),
            ("queued", "\(channel.length), \(Quantities.text(bytes: channel.queuedBytes))"),
            ("unsettled", "\(channel.unsettled), of them \(channel.ahead) ahead, \(channel.leased) leased"),
            ("set aside", "\(channel.setAside)"),
            ("waiting", "\(channel.waitingSends) to send, \(channel.waitingReceives) to receive"),
            ("handles", "\(channel.senders) to send, \(channel.receivers) to receive"),
            ("proceeds now", proceeds(channel)),
            ("accepted", "\(channel.accepted) since it was created, \(channel.settled) settled"),
            ("owner", "\(Accounts.user(channel.owner)), group \(Accounts.group(channel.group))"),
            ("mode", channel.modeText),
            ("type", channel.typeTag ?? "not stated"),
            ("options", options(channel)),
            ("generation", "\(channel.generation)"),
        ]
        if let reason = channel.closeReason, reason.code != 0 || !reason.text.isEmpty {
            facts.insert(("closed with", "\(reason.code) \(reason.text)"), at: 2)
        }
        let width = facts.map(\.0.count).max() ?? 0
        return facts.map { name, value in
            let padding = String(repeating: " ", count: width - name.count + 2)
            return style.paint(name, .heading) + padding + Printable.line(value)
        }
    }

    private static func proceeds(_ channel: ChannelStatus) -> String {
        switch (channel.sendReady, channel.receiveReady) {
        case (true, true): "a send and a receive"
        case (true, false): "a send"
        case (false, true): "a receive"
        case (false, false): "neither a send nor a receive"
        }
    }

    private static func options(_ channel: ChannelStatus) -> String {
        var words: [String] = []
        if channel.maxBytes > 0 {
            words.append("sends wait from \(Quantities.text(bytes: UInt64(channel.maxBytes))) on")
        }
        if channel.closesWithLastSender { words.append("closes with its last sender") }
        if channel.failsWithLastReceiver { words.append("fails with its last receiver") }
        return words.isEmpty ? "none" : words.joined(separator: ", ")
    }

    private static func table(
        _ parties: [ChannelParty], _ lookUp: (ChannelParty) -> ProcessFacts, now: Duration, _ heading: String
    ) -> Table {
        let columns: [Table.Column] = [
            .init(heading), .init("FOR", isNumeric: true), .init("SINCE"), .init("PID", isNumeric: true),
            .init("USER"), .init("SESSION", isNumeric: true), .init("UNIT"),
            .init("COMMAND"),
        ]
        var table = Table(columns)
        for party in parties {
            let process = lookUp(party)
            let row: [Table.Cell] = [
                .init(party.action, party.kind == .handle ? .plain : .notable),
                .init(Quantities.text(party.waited)), .init(WallClock.local(now - party.waited)),
                .init("\(party.process)"), .init(Accounts.user(party.user)), .init("\(party.session)"),
                .init(process.unit ?? "-"), .init(process.command ?? ProcessFacts.unknown),
            ]
            table.add(row)
        }
        return table
    }
}

extension ChannelParty {
    /// What a handle is for, or what a waiter waits to do.
    fileprivate var action: String {
        switch kind {
        case .handle: role.word
        case .waitingSend: isInSelect ? "send, in a select" : "send"
        case .waitingReceive: isInSelect ? "receive, in a select" : "receive"
        }
    }

    fileprivate func json(_ process: ProcessFacts, now: Duration) -> JSON {
        var pairs: [(key: String, value: JSON)]
        if kind == .handle {
            pairs = [("role", .string(role.word)), ("open_seconds", .real(Quantities.seconds(waited)))]
        } else {
            pairs = [
                ("operation", .string(kind == .waitingSend ? "send" : "receive")),
                ("select", .bool(isInSelect)),
                ("waiting_seconds", .real(Quantities.seconds(waited))),
            ]
        }
        pairs += [
            ("since", .string(WallClock.universal(now - waited))),
            ("session", .unsigned(session)), ("pid", .number(Int(self.process))),
            ("uid", .unsigned(UInt64(user))), ("user", .string(Accounts.user(user))),
            ("command", .text(process.command)), ("unit", .text(process.unit)),
        ]
        return .object(pairs)
    }
}
