// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Channels
import Testing

/// What becomes of sends whose outcome the daemon keeps when nobody is left to ask for it (rule 24).
@Suite struct KeptSendTests {
    /// Sends one text later, and lets the client and the channel go.
    private func droppedAfterASend() async throws -> ScriptedDaemon {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        try await channel.sendLater("x")
        return daemon
    }

    @Test func aDroppedClientAsksClosesAndLeaves() async throws {
        let daemon = try await droppedAfterASend()
        try await daemon.step { peer in
            let send = try peer.expect(.send).header.request
            let ping = try peer.expect(.ping).header.request
            try peer.commit(send)
            try peer.write(WireWriter(.pong, request: ping).finish())
            _ = try peer.expect(.closeHandle)
            _ = try peer.expect(.leave)
        }
    }

    @Test(arguments: [false, true]) func aDroppedChannelIsClosed(onTheLoop: Bool) async throws {
        try await withDaemon { daemon, client in
            let other = try await ChandClient.connect(to: daemon.socketPath, name: "other")
            let seen = try await other.channel("named", capacity: 2, of: Int.self, role: .receive)
            let body: @Sendable @concurrent () async throws -> Void = {
                let channel = try await client.channel("named", of: Int.self, role: .send)
                try await channel.sendLater(1)
            }
            if onTheLoop { try await client.run(body) } else { try await body() }
            try await wait(for: seen, "no sender") { $0.senders == 0 }
            #expect(try await seen.receive(timeout: .seconds(30)) == 1)
            await other.close()
        }
    }

    @Test func whatWaitsForRoomIsNotClosedBefore() async throws {
        try await withDaemon { daemon, client in
            let other = try await ChandClient.connect(to: daemon.socketPath, name: "other")
            let seen = try await other.channel("named", capacity: 1, of: Int.self, role: .receive)
            do {
                let channel = try await client.channel("named", of: Int.self, role: .send)
                for number in 0..<3 { try await channel.sendLater(number) }
            }
            try await wait(for: seen, "two that wait for room") { $0.waitingSends == 2 }
            // Answered behind whatever the drop has asked.
            try await client.ping()
            for number in 0..<3 { #expect(try await seen.receive(timeout: .seconds(30)) == number) }
            try await wait(for: seen, "no sender") { $0.senders == 0 }
            await other.close()
        }
    }
}
