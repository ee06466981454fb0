// SPDX-License-Identifier: Apache-2.0

import ChanCore
import Systemd

/// The line that `systemctl status` shows: kept up to date while something happens or waits, and costing nothing
/// otherwise.
struct StatusLine {
    private let isWanted = Notifier.hasManager
    private var last = ""
    /// When to look again; `.max` while nothing changes.
    private(set) var due = UInt64.max
    private static let afterEvents: UInt64 = 1_000_000_000
    private static let whileWaiting: UInt64 = 10_000_000_000

    /// Tells the manager what is new, at most once a second.
    mutating func update(now: UInt64, hadEvents: Bool, text: () -> (text: String, isLive: Bool)) {
        guard isWanted else { return }
        if now >= due {
            let (text, isLive) = text()
            if text != last { Notifier.status(text) }
            last = text
            // For how long somebody has been waiting changes by itself.
            due = isLive ? now &+ Self.whileWaiting : .max
        }
        if hadEvents { due = min(due, now &+ Self.afterEvents) }
    }
}

extension StatusLine {
    static func line(of server: Server) -> (text: String, isLive: Bool) {
        let broker = (parked: server.hub.broker.parkedCount, longest: server.hub.broker.longestWait ?? 0)
        let line = text(
            channels: server.hub.broker.channelCount, sessions: server.hub.broker.sessionCount,
            accepted: server.hub.broker.acceptedCount, blocked: broker.parked, longest: broker.longest)
        return (line, broker.parked > 0)
    }

    /// "12 channels, 40 sessions, 3.1 M messages, 2 blocked longest 4 s".
    static func text(channels: Int, sessions: Int, accepted: UInt64, blocked: Int, longest: UInt64) -> String
    {
        var text =
            "\(counted(channels, "channel")), \(counted(sessions, "session")), \(short(accepted)) messages"
        if blocked > 0 { text += ", \(blocked) blocked longest \(longest / 1_000_000_000) s" }
        return text
    }

    private static func counted(_ count: Int, _ noun: String) -> String {
        count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
    }

    /// Three digits at most, and a letter for the thousands.
    private static func short(_ count: UInt64) -> String {
        var value = count
        var rest: UInt64 = 0
        for unit in ["", " k", " M", " G", " T"] {
            if value < 1000 || unit == " T" {
                return unit.isEmpty || value >= 10 ? "\(value)\(unit)" : "\(value).\(rest / 100)\(unit)"
            }
            (value, rest) = value.quotientAndRemainder(dividingBy: 1000)
        }
        return "\(count)"
    }
}
