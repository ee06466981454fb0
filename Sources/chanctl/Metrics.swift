// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Writes all numbers for monitoring systems.
struct Metrics: Verb {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Writes all that is counted as OpenMetrics text, for monitoring systems.",
        usage: "chanctl metrics [GLOB]",
        discussion: """
            For a textfile collector or an exporter: chanctl metrics >metrics.prom. Shown are the channels \
            that you may inspect, unless they are removed or unnamed, and how long deliveries took as in \
            stat; an administrator also gets what the daemon counts as a whole.
            With --json only errors are JSON.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: ArgumentHelp("Only channels whose names match, as in list.", valueName: "GLOB"))
    var glob: String?

    func validate() throws {
        if let glob, Glob(glob) == nil { throw ValidationError(Glob.fault(glob)) }
    }

    func perform(_ client: ChandClient) async throws {
        let channels = try await ChannelFilter(glob, client).channels(client)
            .filter { !$0.isRemoved && !$0.name.hasPrefix("$") }
        let times = try await client.deliveryTimes()
        var text = MetricsText()
        if let daemon = try await Self.daemon(client) { text.add(daemon) }
        text.add(channels)
        text.add(times)
        try Output.write { output in
            for line in text.lines + ["# EOF"] { try output.line(line) }
        }
    }

    /// The daemon as a whole; nil for who is no administrator.
    private static func daemon(_ client: ChandClient) async throws -> DaemonStatus? {
        do {
            return try await client.daemonStatus()
        } catch let error as ChandError where error.code == .notPermitted {
            return nil
        }
    }
}

/// OpenMetrics text.
package struct MetricsText {
    package private(set) var lines: [String] = []

    package init() {}

    /// A label's value as the format wants it.
    package static func escaped(_ value: String) -> String {
        var escaped = ""
        // By scalars: a quote with a combining mark behind it is another character, and ends the value all the same.
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private mutating func begin(_ name: String, _ type: String, unit: String? = nil, _ help: String) {
        lines.append("# TYPE \(name) \(type)")
        if let unit { lines.append("# UNIT \(name) \(unit)") }
        lines.append("# HELP \(name) \(help)")
    }

    private mutating func gauge(_ name: String, unit: String? = nil, _ help: String, _ value: String) {
        begin(name, "gauge", unit: unit, help)
        lines.append("\(name) \(value)")
    }

    mutating func add(_ daemon: DaemonStatus) {
        gauge("chand_sessions", "Sessions there are.", "\(daemon.sessions)")
        gauge("chand_channels", "Channels there are.", "\(daemon.channels)")
        gauge("chand_messages", "Messages there are, queued, waiting and unsettled.", "\(daemon.messages)")
        gauge("chand_waiting_operations", "Operations that wait.", "\(daemon.waiting)")
        gauge(
            "chand_longest_wait_seconds", unit: "seconds", "How long the oldest of them has waited.",
            "\(Quantities.seconds(daemon.longestWait ?? .zero))")
        gauge(
            "chand_uptime_seconds", unit: "seconds", "How long the daemon has been running.",
            "\(Quantities.seconds(daemon.uptime))")
        begin("chand_accepted_messages", "counter", "Messages accepted since the daemon started.")
        lines.append("chand_accepted_messages_total \(daemon.accepted)")
    }

    mutating func add(_ channels: [ChannelStatus]) {
        let gauges: [(name: String, unit: String?, help: String, value: (ChannelStatus) -> String)] = [
            ("queued_messages", nil, "Messages in the buffer.", { "\($0.length)" }),
            ("queued_bytes", "bytes", "Bytes of those messages.", { "\($0.queuedBytes)" }),
            ("unsettled_messages", nil, "Deliveries that are not settled.", { "\($0.unsettled)" }),
            ("set_aside_messages", nil, "Messages out of attempts that nothing took.", { "\($0.setAside)" }),
            ("waiting_senders", nil, "Sends that wait.", { "\($0.waitingSends)" }),
            ("waiting_receivers", nil, "Receives that wait.", { "\($0.waitingReceives)" }),
            ("senders", nil, "Open handles that may send.", { "\($0.senders)" }),
            ("receivers", nil, "Open handles that may receive.", { "\($0.receivers)" }),
            ("open", nil, "1 while the channel is open, 0 once it is closed.", { $0.isClosed ? "0" : "1" }),
        ]
        for gauge in gauges {
            let name = "chand_channel_\(gauge.name)"
            begin(name, "gauge", unit: gauge.unit, gauge.help)
            for channel in channels { sample(name, channel, gauge.value(channel)) }
        }
        let counters: [(name: String, help: String, value: (ChannelStatus) -> UInt64)] = [
            ("accepted_messages", "Messages accepted.", \.accepted),
            ("delivered_messages", "Deliveries, of what came back too.", \.delivered),
            ("settled_messages", "Messages that a receiver is done with.", \.settled),
        ]
        for counter in counters {
            let name = "chand_channel_\(counter.name)"
            begin(name, "counter", counter.help)
            for channel in channels { sample("\(name)_total", channel, "\(counter.value(channel))") }
        }
    }

    private mutating func sample(_ name: String, _ channel: ChannelStatus, _ value: String) {
        lines.append("\(name){channel=\"\(Self.escaped(channel.name))\"} \(value)")
    }

    mutating func add(_ times: DeliveryTimes) {
        let name = "chand_delivery_seconds"
        begin(
            name, "histogram", unit: "seconds",
            "From the arrival of messages at the daemon until they were delivered.")
        // Always the same bounds, which are some of the daemon's.
        for exponent in stride(from: 10, through: 44, by: 2) {
            let bound = Duration.nanoseconds(Int64(1) << exponent)
            let count = times.buckets.reduce(UInt64(0)) { sum, bucket in
                bucket.bound.map { $0 <= bound } == true ? sum &+ bucket.count : sum
            }
            lines.append("\(name)_bucket{le=\"\(Quantities.seconds(bound))\"} \(count)")
        }
        lines.append("\(name)_bucket{le=\"+Inf\"} \(times.delivered)")
        lines.append("\(name)_count \(times.delivered)")
        lines.append("\(name)_sum \(Quantities.seconds(times.total))")
    }
}
