// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels
import Glibc
import Testing

/// What becomes of what a blocking client received.
@Suite struct BlockingSettlementTests {
    private typealias Opened = OnThread<(ChandClient.Blocking, BlockingChan<String>)>

    @Test func aSettlementThatIsNotWrittenIsAnError() async throws {
        let daemon = try ScriptedDaemon()
        let path = daemon.path
        async let opening = Opened {
            let client = try ChandClient.Blocking(to: path, name: "test")
            return (client, try client.channel("c", of: String.self))
        }
        try await daemon.accept()
        try await daemon.step { peer in
            let request = try peer.expect(.open).header.request
            try peer.write(ScriptedDaemon.opened(handle: 3).encoded(request: request))
        }
        let client = try await opening
        async let received = client.run { try $0.1.receive() }
        try await daemon.step { peer in
            try peer.deliver([97], to: peer.expect(.receive).header.request, first: 1)
        }
        #expect(try await received == "a")
        let error = try await client.run { client in
            SystemFaults.fail(.send, errno: EPIPE) {
                #expect(throws: ChandError.self) { try client.0.settle() }
            }
        }
        #expect(error?.code == .connectionLost)
        daemon.hangUp()
    }

    @Test func whatDoesNotDecodeGoesWhereItWasSaidToGo() async throws {
        try await withDaemon { daemon, client in
            let texts = try await client.channel("c", capacity: 8, of: String.self)
            try await texts.send("abc")
            let error = try await onThread {
                let client = try ChandClient.Blocking(to: daemon.socketPath)
                defer { client.close() }
                let numbers = try client.channel(
                    "c", of: Int.self, options: ChannelOptions(undecodable: .setAside))
                return #expect(throws: ChandError.self) { try numbers.receive() }
            }
            #expect(error?.code == .decoding)
            let status = try await texts.status()
            #expect(status.setAside == 1)
            #expect(status.length == 0)
        }
    }
}
