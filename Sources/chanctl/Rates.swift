// SPDX-License-Identifier: Apache-2.0

import Channels

/// Messages a second, from what was counted at two instants.
struct Rates: Sendable {
    /// What a channel did a second.
    struct Rate: Sendable {
        /// Messages accepted.
        let accepted: Double
        /// Messages delivered.
        let delivered: Double
    }
    private var last: [UInt64: (accepted: UInt64, delivered: UInt64)] = [:]
    private var lastTime: ContinuousClock.Instant?
    private var rates: [UInt64: Rate] = [:]

    /// Notes what channels have counted by now.
    mutating func note(_ channels: [ChannelStatus]) {
        let now = ContinuousClock.now
        let elapsed = lastTime.map { Quantities.seconds(now - $0) }
        rates.removeAll(keepingCapacity: true)
        var counts: [UInt64: (accepted: UInt64, delivered: UInt64)] = [:]
        for channel in channels {
            counts[channel.generation] = (channel.accepted, channel.delivered)
            guard let elapsed, elapsed > 0 else { continue }
            // A channel that was not there yet has done everything since.
            let before = last[channel.generation] ?? (0, 0)
            rates[channel.generation] = Rate(
                accepted: Double(channel.accepted &- before.accepted) / elapsed,
                delivered: Double(channel.delivered &- before.delivered) / elapsed)
        }
        last = counts
        lastTime = now
    }

    /// What a channel did between the last two notes; nil after the first.
    subscript(channel: ChannelStatus) -> Rate? { rates[channel.generation] }
}
