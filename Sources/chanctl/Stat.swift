// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Shows counters and how long messages took.
struct Stat: Verb {
    static let configuration = CommandConfiguration(
        commandName: "stat",
        abstract: "Shows what was counted, once or at every interval, and how long messages took.",
        usage: "chanctl stat [CHAN] [--interval DURATION [-n COUNT]] [--delta] [--json]",
        discussion: """
            Without a channel, all those that you may inspect are added up. IN counts messages accepted, OUT \
            deliveries (what came back is counted again), SETTLED those that a receiver is done with. P50, \
            P90, P99 and P99.9 are bounds that so many percent of the deliveries stayed below, from the \
            arrival of a message at the daemon (waiting for room counts) until it was delivered, in steps of \
            a third to a half; under 1.02us means within one turn of the daemon's loop. They are of all channels that you \
            own or ever owned; for an administrator of all there were.

            With --interval there is a line each time; with --delta the counters and percentiles in it are \
            of that interval alone, which takes the first one to begin.

            With --json: an object, or with --interval one a line, with version (1), time (UTC), channel (or null), \
            delta, channels, queued, queued_bytes, unsettled, waiting_senders, waiting_receivers, accepted, \
            delivered, settled, mean_seconds, p50_seconds, p90_seconds, p99_seconds and p999_seconds (null \
            without a delivery).
            """)

    @OptionGroup var common: CommonOptions
    @OptionGroup var repetition: RepeatOptions

    @Argument(
        help: ArgumentHelp("Only this channel.", valueName: "CHAN"), completion: ChannelNames.completion)
    var channel: String?

    @Flag(help: "Show what was counted in each interval.")
    var delta = false

    func validate() throws {
        if repetition.interval == nil {
            if delta { throw ValidationError("--delta is of an interval; add --interval DURATION") }
            if repetition.count != nil {
                throw ValidationError("-n counts intervals; add --interval DURATION")
            }
        }
    }

    func perform(_ client: ChandClient) async throws {
        guard repetition.interval != nil else {
            let sample = try await StatSample.take(channel, client)
            return try Output.write { output in
                guard !common.json else { return try output.line(json(sample)) }
                for line in Self.lines(sample) { try output.line(line) }
            }
        }
        var last: StatSample?
        var isHeaded = false
        if delta {
            last = try await StatSample.take(channel, client)
            try await Task.sleep(for: repetition.interval ?? .zero)
        }
        try await repetition.run(every: .seconds(1)) {
            let sample = try await StatSample.take(channel, client)
            let shown = last.map(sample.since) ?? sample
            if delta { last = sample }
            try Output.write { output in
                guard !common.json else { return try output.line(json(shown)) }
                if !isHeaded { try output.line(Self.row(Self.headings)) }
                try output.line(Self.row(Self.cells(shown)))
            }
            isHeaded = true
            return true
        }
    }

    private static let headings = [
        "TIME", "IN", "OUT", "SETTLED", "QUEUED", "UNSETTLED", "WAIT-SEND", "WAIT-RECV", "P50", "P90", "P99",
        "P99.9",
    ]

    private static func cells(_ sample: StatSample) -> [String] {
        [
            WallClock.local(WallClock.now()), "\(sample.accepted)", "\(sample.times.delivered)",
            "\(sample.settled)", "\(sample.queued)", "\(sample.unsettled)", "\(sample.waitingSenders)",
            "\(sample.waitingReceivers)",
        ] + StatSample.percentiles.map { sample.text($0.percent) }
    }

    /// Columns of a fixed width, since the lines to come are not known.
    private static func row(_ cells: [String]) -> String {
        cells.map { String(repeating: " ", count: max(0, 9 - $0.count)) + $0 }.joined(separator: " ")
    }

    private static func lines(_ sample: StatSample) -> [String] {
        // By the names that they have in the table and in the help.
        let percentiles = zip(headings.suffix(StatSample.percentiles.count), StatSample.percentiles).map {
            "\($0.lowercased()) \(sample.text($1.percent))"
        }
        let facts = [
            ("channels", "\(sample.channels)"),
            ("in", "\(sample.accepted)"), ("out", "\(sample.times.delivered)"),
            ("settled", "\(sample.settled)"),
            ("queued", "\(sample.queued), \(Quantities.text(bytes: sample.queuedBytes))"),
            ("unsettled", "\(sample.unsettled)"),
            ("waiting", "\(sample.waitingSenders) to send, \(sample.waitingReceivers) to receive"),
            ("delivery", percentiles.joined(separator: "  ")),
        ]
        return facts.map { $0 + String(repeating: " ", count: 11 - $0.count) + $1 }
    }

    private func json(_ sample: StatSample) -> JSON {
        let times = sample.times
        var pairs: [(key: String, value: JSON)] = [
            ("version", .number(JSON.schemaVersion)), ("time", .string(WallClock.universal(WallClock.now()))),
            ("channel", .text(channel)), ("delta", .bool(delta)), ("channels", .number(sample.channels)),
            ("queued", .number(sample.queued)), ("queued_bytes", .unsigned(sample.queuedBytes)),
            ("unsettled", .number(sample.unsettled)), ("waiting_senders", .number(sample.waitingSenders)),
            ("waiting_receivers", .number(sample.waitingReceivers)), ("accepted", .unsigned(sample.accepted)),
            ("delivered", .unsigned(times.delivered)), ("settled", .unsigned(sample.settled)),
            (
                "mean_seconds",
                times.delivered == 0
                    ? .null : .real(Quantities.seconds(times.total) / Double(times.delivered))
            ),
        ]
        pairs += StatSample.percentiles.map { name, percent in
            ("\(name)_seconds", times.percentile(percent).map { .real(Quantities.seconds($0)) } ?? .null)
        }
        return .object(pairs)
    }
}
