// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

@testable import Channels

/// Selects that pass channels, over the loss of a connection.
@Suite struct PassingSelectTests {
    /// The number that was encoded may be another handle's in the new session.
    @Test func whatWasOpenedAgainSinceIsNotPassed() async throws {
        let options = ChannelOptions(rejoin: true)
        let (daemon, client, channel) = try await ScriptedDaemon.opened(
            reconnect: .automatic(waiting: .seconds(60)), options: options)
        async let opening = client.channel("lines", of: Chan<String>.self, options: options)
        try await open(daemon, as: 4)
        let lines = try await opening
        let operation = SelectOperation(
            client.loop, [SelectAction(sending: channel, to: lines)], timeout: WireTimeout.none,
            ordered: false)
        try operation.encode()
        daemon.hangUp()
        try await daemon.accept()
        try await open(daemon, as: 5)
        try await open(daemon, as: 6)
        for await state in client.states {
            if case .reconnected = state { break }
        }
        let error = await #expect(throws: ChandError.self) { _ = try await operation.winner() }
        #expect(error?.code == .connectionLost)
    }

    /// Answers the next OPEN.
    private func open(_ daemon: ScriptedDaemon, as handle: UInt32) async throws {
        try await daemon.step { peer in
            let request = try peer.expect(.open).header.request
            try peer.write(ScriptedDaemon.opened(handle: handle).encoded(request: request))
        }
    }
}
