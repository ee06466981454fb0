// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels
import Glibc

/// What a daemon needs of memory: alone, for a session, for a channel with one message, for a message.
struct BenchMemory {
    let socket: String
    let daemon: Int32
    let codec: BenchCodec
    let sessions: Int
    let channels: Int

    /// What a daemon has to be told to hold so many.
    static func settings(sessions: Int, channels: Int) -> [String] {
        let sessions = sessions + 16
        let channels = channels + 16
        return [
            "limits.sessions=\(sessions)", "limits.sessions_per_user=\(sessions)",
            "limits.channels_per_user=\(channels)", "limits.handles_per_session=\(channels)",
        ]
    }

    func run() throws -> [(metric: String, bytes: Double)] {
        let client = try ChandClient.Blocking(to: socket, name: "chanctl bench")
        // An idle daemon gives back the pages that only its start needed; what every session needs comes again.
        usleep(Self.restMicroseconds)
        let idle = try resident()
        try fill(client, channel: channels)
        let perSession = try measure(sessions) {
            // Three descriptors each.
            let limit = try ThisProcess.descriptorLimit()
            try ThisProcess.setDescriptorLimit(limit.hard)
            defer { try? ThisProcess.setDescriptorLimit(limit.soft) }
            return try (0..<sessions).map { _ in try ChandClient.Blocking(to: socket, name: "chanctl bench") }
        }
        let perChannel = try measure(channels) {
            for index in 0..<channels { try fill(client, channel: index) }
        }
        let one = try client.channel(
            "bench/many/one", capacity: ChannelOptions.unboundedCapacity, codec: codec)
        let perMessage = try measure(channels) {
            try one.send(contentsOf: repeatElement(Self.message, count: channels))
        }
        client.close()
        return [
            ("server_rss_idle", idle), ("bytes_per_connection", perSession), ("bytes_per_queue", perChannel),
            ("bytes_per_message", perMessage),
        ]
    }

    private static let restMicroseconds: UInt32 = 1_000_000
    private static let message = BenchMessage(sequence: 0, producer: 0)

    /// Makes a channel that stays for its message's sake.
    private func fill(_ client: ChandClient.Blocking, channel number: Int) throws {
        let channel = try client.channel("bench/many/\(number)", capacity: 1, codec: codec)
        try channel.send(Self.message)
        channel.release()
    }

    /// What each of so many things takes that a body makes and that stay while its result does.
    private func measure<Result>(_ count: Int, _ body: () throws -> Result) throws -> Double {
        let before = try resident()
        let kept = try body()
        // What the daemon does after its answers.
        usleep(200_000)
        defer { withExtendedLifetime(kept) {} }
        return (try resident() - before) / Double(count)
    }

    private func resident() throws -> Double { Double(try ThisProcess.residentBytes(of: daemon)) }
}
