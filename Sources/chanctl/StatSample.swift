// SPDX-License-Identifier: Apache-2.0

import Channels

/// What was counted by one instant, of a channel or of all that one may inspect.
struct StatSample: Sendable {
    var channels = 0
    var queued = 0
    var queuedBytes: UInt64 = 0
    var unsettled = 0
    var waitingSenders = 0
    var waitingReceivers = 0
    var accepted: UInt64 = 0
    var settled: UInt64 = 0
    var times: DeliveryTimes

    /// Asks the daemon.
    static func take(_ channel: String?, _ client: ChandClient) async throws -> StatSample {
        var sample = StatSample(times: try await client.deliveryTimes(channel))
        if let channel {
            sample.add(try await client.inspect(channel))
        } else {
            for try await channel in client.list() { sample.add(channel) }
        }
        return sample
    }

    private mutating func add(_ channel: ChannelStatus) {
        channels += 1
        queued += channel.length
        queuedBytes += channel.queuedBytes
        unsettled += channel.unsettled
        waitingSenders += channel.waitingSends
        waitingReceivers += channel.waitingReceives
        accepted &+= channel.accepted
        settled &+= channel.settled
    }

    /// What was counted since an earlier sample; what is there at one instant stays as it is.
    func since(_ earlier: StatSample) -> StatSample {
        var difference = self
        // Channels that went took their counts with them.
        difference.accepted = accepted > earlier.accepted ? accepted - earlier.accepted : 0
        difference.settled = settled > earlier.settled ? settled - earlier.settled : 0
        difference.times = times.since(earlier.times)
        return difference
    }

    /// The percentiles that are shown.
    static let percentiles: [(name: String, percent: Double)] = [
        ("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9),
    ]

    /// A time that a share of the deliveries stayed below, for people.
    func text(_ percent: Double) -> String {
        guard times.delivered > 0 else { return "-" }
        return times.percentile(percent).map { "<\(Quantities.text($0))" } ?? "over 19h"
    }
}
