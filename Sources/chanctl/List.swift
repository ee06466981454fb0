// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Channels

/// Lists channels.
struct List: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the channels that you may inspect.",
        usage: "chanctl list [GLOB] [-l] [--sort KEY] [--reverse] [--watch] [--json]",
        discussion: """
            Shows for each channel its capacity, the messages queued in it, the sends and receives that \
            wait on it, its open handles (s: may send, r: may receive), its owner and its state. Names in \
            your own space are relative.

            With --watch it looks again every second, and shows the messages a second that came in and went \
            out since it last looked: on a terminal in place, else below an empty line.

            With --json: an object with version (1) and channels, a list of objects with the keys name, \
            state (open or closed), kept, removed, paused, capacity (null: undecided, 0: rendezvous, -1: \
            unbounded), queued, queued_bytes, max_bytes (0: no bound), unsettled (delivered, not settled), ahead and leased (of \
            those: on their way by read-ahead, and under a lease), set_aside (out of attempts), \
            waiting_senders, waiting_receivers, send_handles, receive_handles, send_ready, \
            receive_ready, accepted, settled, delivered, owner, owner_name, group, group_name, mode, type, \
            close_with_last_sender, fail_with_last_receiver, close_code, close_text and generation; with \
            --watch an object a line, and accepted_per_second and delivered_per_second (null the first time).
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var listing: ListingOptions

    @Argument(
        help: ArgumentHelp(
            """
            List only channels whose names match. * stands for anything but a slash, ** for anything, ? \
            for one character, [a-c] for one of some. A pattern that begins with / is for absolute names.
            """, valueName: "GLOB"))
    var glob: String?

    @Flag(help: "Look again and again, and show rates.")
    var watch = false

    @OptionGroup var repetition: RepeatOptions

    func validate() throws {
        if !watch, repetition.interval != nil || repetition.count != nil {
            throw ValidationError("--interval and -n say how often to look; add --watch")
        }
        guard let glob, Glob(glob) == nil else { return }
        throw ValidationError(Glob.fault(glob))
    }

    func perform(_ client: ChandClient) async throws {
        try await listing.list(glob, client, common, watch ? repetition : nil)
    }
}

/// What a list can be ordered by.
enum SortKey: String, CaseIterable, Sendable {
    case name, capacity, queued, bytes, waiting, handles, owner, state

    static func argument(_ text: String) throws -> SortKey {
        if let key = SortKey(rawValue: text) { return key }
        throw ValidationError(Usage.choice(text, "order", allCases.map(\.rawValue)))
    }
}

/// How channels are listed; also without a verb.
struct ListingOptions: ParsableArguments, Sendable {
    @Flag(name: .customShort("l"), help: "Show all there is to know in columns.")
    var isLong = false

    @Option(
        help: ArgumentHelp(
            """
            Order by name, owner or state, or, largest first, by capacity, queued, bytes, waiting or handles.
            """, valueName: "KEY"), transform: SortKey.argument)
    var sort = SortKey.name

    @Flag(help: "Turn the order round.")
    var reverse = false

    /// - Parameter repetition: how often to look; nil for once, without rates.
    func list(
        _ glob: String?, _ client: ChandClient, _ common: CommonOptions, _ repetition: RepeatOptions? = nil
    ) async throws {
        let filter = ChannelFilter(glob, client)
        guard let repetition else {
            return try show(try await filter.channels(client), filter.space, common, rates: nil)
        }
        var rates = Rates()
        var isFirst = true
        try await repetition.run(every: .seconds(1)) {
            let channels = try await filter.channels(client)
            rates.note(channels)
            if !isFirst, !common.json, !Terminal.isTerminal(1) { try Output.write { try $0.line("") } }
            isFirst = false
            try show(channels, filter.space, common, rates: rates)
            return true
        }
    }

    private func show(
        _ channels: [ChannelStatus], _ space: OwnSpace, _ common: CommonOptions, rates: Rates?
    ) throws {
        let channels = sorted(channels)
        try Output.write { output in
            guard !common.json else { return try Self.write(channels, rates, to: &output) }
            let lines = table(channels, space, rates).lines(.ofStandardOutput)
            guard rates != nil, Terminal.isTerminal(1) else {
                for line in lines { try output.line(line) }
                return
            }
            Screen.draw(lines, to: &output.bytes)
        }
    }

    /// The JSON of a list piece by piece, so that a long one needs no memory for all of it.
    private static func write(_ channels: [ChannelStatus], _ rates: Rates?, to output: inout Output) throws {
        output.bytes.append(contentsOf: "{\"version\":\(JSON.schemaVersion),\"channels\":[".utf8)
        for (index, channel) in channels.enumerated() {
            if index > 0 { output.bytes.append(UInt8(ascii: ",")) }
            let fields = channel.fields + (rates.map { Self.fields($0[channel]) } ?? [])
            output.bytes.append(contentsOf: JSON.object(fields).description.utf8)
            try output.flushIfLarge()
        }
        try output.line("]}")
    }

    private static func fields(_ rate: Rates.Rate?) -> [(key: String, value: JSON)] {
        [
            ("accepted_per_second", rate.map { .real($0.accepted) } ?? .null),
            ("delivered_per_second", rate.map { .real($0.delivered) } ?? .null),
        ]
    }

    private func sorted(_ channels: [ChannelStatus]) -> [ChannelStatus] {
        // Read once: a parsed option looks up its type at every use. And their places are sorted instead of the records,
        // which refer to much: of a hundred thousand channels that was a third of the time.
        let (key, reverse) = (sort, reverse)
        // Names are unique, so with them as the last word the order is always the same.
        let places = channels.indices.sorted { first, second in
            let (left, right) = (channels[first], channels[second])
            let isBefore =
                switch key {
                case .name: left.name < right.name
                case .owner: (left.owner, left.name) < (right.owner, right.name)
                case .state: (left.isClosed ? 1 : 0, left.name) < (right.isClosed ? 1 : 0, right.name)
                case .capacity: (-Self.size(left), left.name) < (-Self.size(right), right.name)
                case .queued: (-left.length, left.name) < (-right.length, right.name)
                case .bytes: (right.queuedBytes, left.name) < (left.queuedBytes, right.name)
                case .waiting: (-Self.waiting(left), left.name) < (-Self.waiting(right), right.name)
                case .handles: (-Self.handles(left), left.name) < (-Self.handles(right), right.name)
                }
            return isBefore != reverse
        }
        return places.map { channels[$0] }
    }

    private static func size(_ channel: ChannelStatus) -> Int {
        channel.capacity == .unbounded ? .max : channel.capacity.number ?? -1
    }
    private static func waiting(_ channel: ChannelStatus) -> Int {
        channel.waitingSends + channel.waitingReceives
    }
    private static func handles(_ channel: ChannelStatus) -> Int { channel.senders + channel.receivers }

    private func table(_ channels: [ChannelStatus], _ space: OwnSpace, _ rates: Rates?) -> Table {
        var columns: [Table.Column] = [
            .init("NAME"), .init("CAPACITY", isNumeric: true), .init("QUEUED", isNumeric: true),
            .init("WAIT-SEND", isNumeric: true), .init("WAIT-RECV", isNumeric: true), .init("HANDLES"),
            .init("OWNER"), .init("STATE"),
        ]
        if rates != nil {
            columns.insert(
                contentsOf: [.init("IN/S", isNumeric: true), .init("OUT/S", isNumeric: true)], at: 3)
        }
        if isLong {
            columns += [
                .init("BYTES", isNumeric: true), .init("UNSETTLED", isNumeric: true),
                .init("ACCEPTED", isNumeric: true), .init("SETTLED", isNumeric: true), .init("MODE"),
                .init("GROUP"), .init("GENERATION", isNumeric: true), .init("TYPE"),
            ]
        }
        var table = Table(columns)
        let isLong = isLong
        for channel in channels { table.add(Self.row(channel, space, rates, isLong)) }
        return table
    }

    private static func row(
        _ channel: ChannelStatus, _ space: OwnSpace, _ rates: Rates?, _ isLong: Bool
    ) -> [Table.Cell] {
        func waiting(_ count: Int) -> Table.Cell { .init("\(count)", count > 0 ? .notable : .plain) }
        var row: [Table.Cell] = [
            .init(space.relative(channel.name)),
            .init("\(channel.capacity)", channel.capacity == .undecided ? .quiet : .plain),
            .init("\(channel.length)"), waiting(channel.waitingSends), waiting(channel.waitingReceives),
            .init("\(channel.senders)s \(channel.receivers)r"), .init(Accounts.user(channel.owner)),
            .init(channel.stateWords.joined(separator: ", "), channel.isClosed ? .bad : .plain),
        ]
        if let rates {
            let rate = rates[channel]
            let cells = [rate?.accepted, rate?.delivered].map {
                Table.Cell($0.map(Quantities.text(rate:)) ?? "-")
            }
            row.insert(contentsOf: cells, at: 3)
        }
        if isLong {
            row += [
                .init(Quantities.text(bytes: channel.queuedBytes)), .init("\(channel.unsettled)"),
                .init("\(channel.accepted)"), .init("\(channel.settled)"), .init(channel.modeText),
                .init(Accounts.group(channel.group)), .init("\(channel.generation)"),
                .init(channel.typeTag ?? "-"),
            ]
        }
        return row
    }
}
