// SPDX-License-Identifier: Apache-2.0

import Channels

/// What `top` shows, as lines for a width and a height.
package struct TopTable: Sendable {
    /// What it is ordered by; a key of the keyboard each.
    enum Order: String, CaseIterable, Sendable {
        case name, queued, full, `in`, out, waiting

        /// The key that chooses it.
        var key: Character { self == .queued ? "l" : rawValue.first ?? " " }
    }

    var order = Order.in
    var isReversed = false
    private(set) var channels: [ChannelStatus] = []
    private var rates = Rates()
    private let space: OwnSpace
    private let source: String

    init(_ client: ChandClient) {
        space = OwnSpace(user: client.daemon.user)
        source = "\(client.daemon.name) at \(client.socket.path)"
    }

    /// Notes how the channels are by now.
    mutating func note(_ channels: [ChannelStatus]) {
        self.channels = channels
        rates.note(channels)
    }

    /// Acts on a key; false for one that means nothing.
    mutating func press(_ key: Character) -> Bool {
        if key == "r" {
            isReversed.toggle()
        } else if let chosen = Order.allCases.first(where: { $0.key == key }) {
            order = chosen
            isReversed = false
        } else {
            return false
        }
        return true
    }

    /// The lines, as many as there is room for; all channels where there is no limit.
    func lines(columns: Int, rows: Int? = nil, _ style: Style) -> [String] {
        let shown = rows.map { max(0, $0 - 4) }
        var lines = [summary, Printable.line(source)]
        let fixed = Self.widths.reduce(0) { $0 + $1 + 1 }
        // Wider names than there are make nothing better.
        let longest = channels.map { space.relative($0.name).count }.max() ?? 0
        let nameWidth = max(8, min(columns - fixed, max(longest, 12)))
        lines.append(style.paint(Self.row(["NAME"] + Self.headings, nameWidth), .heading))
        for channel in sorted().prefix(shown ?? .max) {
            let line = Self.row(cells(channel), nameWidth)
            lines.append(channel.waitingSends > 0 ? style.paint(line, .notable) : line)
        }
        guard let rows else { return lines }
        while lines.count < rows - 1 { lines.append("") }
        let keys = Order.allCases.map {
            $0 == order ? "[\($0.key)]\(Self.word($0))" : "\($0.key) \(Self.word($0))"
        }
        lines.append(style.paint("order: \(keys.joined(separator: "  "))   r reverse   q quit", .quiet))
        return lines
    }

    private static func word(_ order: Order) -> String { order == .queued ? "length" : order.rawValue }

    private var summary: String {
        let sending = channels.reduce(0) { $0 + $1.waitingSends }
        let receiving = channels.reduce(0) { $0 + $1.waitingReceives }
        let inRate = channels.reduce(0.0) { $0 + (rates[$1]?.accepted ?? 0) }
        let outRate = channels.reduce(0.0) { $0 + (rates[$1]?.delivered ?? 0) }
        let noun = channels.count == 1 ? "channel" : "channels"
        return
            "\(WallClock.local(WallClock.now()))  \(channels.count) \(noun)  in \(Quantities.text(rate: inRate))/s  "
            + "out \(Quantities.text(rate: outRate))/s  waiting \(sending) send \(receiving) recv"
    }

    private static let headings = ["FULL", "QUEUED", "IN/S", "OUT/S", "W-SEND", "W-RECV"]
    private static let widths = [12, 8, 7, 7, 6, 6]

    private static func row(_ cells: [String], _ nameWidth: Int) -> String {
        let name = Printable.line(cells[0])
        var line =
            name.count > nameWidth
            ? name.prefix(nameWidth - 1) + "~" : name + String(repeating: " ", count: nameWidth - name.count)
        for (cell, width) in zip(cells.dropFirst(), widths) {
            line += " " + String(repeating: " ", count: max(0, width - cell.count)) + cell
        }
        return line
    }

    private func cells(_ channel: ChannelStatus) -> [String] {
        [
            space.relative(channel.name), Self.bar(Self.fullness(channel)), Self.short(channel.length),
            rates[channel].map { Quantities.text(rate: $0.accepted) } ?? "-",
            rates[channel].map { Quantities.text(rate: $0.delivered) } ?? "-",
            "\(channel.waitingSends)", "\(channel.waitingReceives)",
        ]
    }

    private static func short(_ count: Int) -> String {
        count < 10_000_000 ? "\(count)" : Quantities.text(rate: Double(count))
    }

    /// How much of the buffer is used, 0 to 1; nil where there is none, or no limit.
    private static func fullness(_ channel: ChannelStatus) -> Double? {
        guard case .buffered(let capacity) = channel.capacity else { return nil }
        return min(1, Double(channel.length + channel.ahead) / Double(capacity))
    }

    /// Ten places; anything in the buffer is at least one, and only a full one is ten.
    package static func bar(_ fullness: Double?) -> String {
        guard let fullness else { return "-" }
        let places = fullness >= 1 ? 10 : min(9, Int((fullness * 10).rounded(.up)))
        return "[" + String(repeating: "#", count: places) + String(repeating: " ", count: 10 - places) + "]"
    }

    private func sorted() -> [ChannelStatus] {
        func value(_ channel: ChannelStatus) -> Double {
            switch order {
            case .name: 0
            case .queued: Double(channel.length)
            case .full: Self.fullness(channel) ?? -1
            case .in: rates[channel]?.accepted ?? 0
            case .out: rates[channel]?.delivered ?? 0
            case .waiting: Double(channel.waitingSends + channel.waitingReceives)
            }
        }
        let keyed = channels.map { (-value($0), $0.name, $0) }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        return isReversed ? keyed.reversed().map(\.2) : keyed.map(\.2)
    }
}
