// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels

/// Runs a body with the built daemon and one client of it; the daemon must end in order.
func withDaemon(
    _ settings: [String: String] = [:],
    _ body: @Sendable @concurrent (DaemonUnderTest, ChandClient) async throws -> Void
) async throws {
    let daemon = try await onThread { try DaemonUnderTest(.init(settings)) }
    defer { daemon.kill() }
    let client = try await ChandClient.connect(
        to: daemon.socketPath, name: "test", timeout: Patience.duration, gracePeriod: Patience.duration)
    do {
        try await body(daemon, client)
    } catch {
        throw LiveFailure("\(error)\nchand's log: \(daemon.log.text)")
    }
    await client.close()
    try await onThread { try daemon.stop() }
}

/// Waits until a channel's status is as wanted.
func wait(
    for channel: Chan<some Sendable>, _ what: String, until isReached: (ChannelStatus) -> Bool
) async throws {
    for _ in 0..<3000 {
        let status = try await channel.status()
        if isReached(status) { return }
        try await Task.sleep(for: .milliseconds(2))
    }
    throw LiveFailure("\(channel.name) never had \(what): \(try await channel.status())")
}
