// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

@testable import Channels

/// Selects that are refused, and daemons that answer as none should.
@Suite struct SelectRefusalTests {
    @Test("24 several selects in one turn send nothing, near as little as far")
    func severalOnlyReceive() async throws {
        let near = Chan<Int>(size: 4)
        let error = await #expect(throws: ChandError.self) {
            _ = try await select(upTo: 3, [send(1, to: near)])
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.channel == near.name)
        #expect(try await near.status().length == 0)
    }

    @Test(arguments: [FailureCode.wouldBlock, .timeout])
    func anEndlessSelectThatEndsForLackOfTime(code: FailureCode) async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        async let failure = #expect(throws: ChandError.self) {
            _ = try await select([receive(from: channel)])
        }
        try await daemon.step { peer in try peer.refuse(peer.expect(.select).header.request, code) }
        let error = await failure
        #expect(error?.code == .protocolViolation)
        let later = await #expect(throws: ChandError.self) { try await client.ping() }
        #expect(later?.code == .protocolViolation)
    }

    @Test func aReceiveOfASetThatIsAnsweredAsATry() async throws {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        let set = SelectSet<Int>()
        set.receive(1, from: channel)
        try await daemon.step { peer in
            try peer.refuse(peer.expect(.receive).header.request, .wouldBlock)
        }
        guard case .failed(let error)? = try await set.select()?.outcome else {
            Issue.record("no failure")
            return
        }
        #expect((error as? ChandError)?.code == .protocolViolation)
        #expect((error as? ChandError)?.channel == channel.name)
    }

    @Test func timesWithABoundTwice() {
        let bucket = Measured.Bucket(below: 10, count: 1)
        let times = DeliveryTimes(Measured(delivered: 2, nanoseconds: 4, buckets: [bucket, bucket]))
        #expect(times.since(times).delivered == 0)
    }

    /// Passes the same channel as often as a message may.
    private struct Ballast: ChanCodec {
        let passed: Chan<String>

        func encode(_ element: Int, into message: inout MessageWriter) throws {
            message.append(contentsOf: [UInt8](repeating: 0, count: element))
            for _ in 0..<PassedChannel.most { try message.pass(passed) }
        }

        func decode(_ message: MessageBytes) throws -> Int { 0 }
    }

    /// A frame over the limit would cost the session.
    @Test func theListsOfPassedChannelsCount() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        async let opening = client.channel("b", codec: Ballast(passed: channel))
        try await daemon.step { peer in
            let frame = try peer.expect(.open)
            try peer.write(ScriptedDaemon.opened(handle: 4).encoded(request: frame.header.request))
        }
        let carrier = try await opening
        // Sixteen messages fill the body up to some fifty bytes.
        let count = (1 << 20) / (1 << 16)
        let size = (1 << 16) - 16
        let cases = (0..<count).map { _ in send(size, to: carrier) }
        let error = await #expect(throws: ChandError.self) {
            _ = try await select(cases, timeout: .milliseconds(20))
        }
        #expect(error?.code == .messageTooLarge)
    }
}
