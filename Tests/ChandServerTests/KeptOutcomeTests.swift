// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import ChanWire
import Testing

@testable import ChandServer

/// SENT of a SEND whose outcome may come later (docs/protocol.md, SEND): with what is written next, and not before.
@Suite struct KeptOutcomeTests {
    /// A session with a channel of room for two, and what it was told.
    private struct Session: ~Copyable {
        var sessions = DetachedSessions(
            limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 1024, checksInvariants: true)
        let number: Int
        var told: [UInt8] = []

        init() {
            number = sessions.connect(uid: 1000)
            send(Hello(clientName: "test").encoded())
            var open = OpenRequest(name: "kept", role: [.send, .receive])
            open.capacity = 2
            send(open.encoded(request: 1))
            told = []
        }

        mutating func send(_ frame: [UInt8]) {
            var told: [UInt8] = []
            frame.withUnsafeBytes { bytes in
                sessions.receive(bytes, from: number) { told += $1 }
            }
            self.told += told
        }

        mutating func send(_ request: UInt64, isLater: Bool) {
            var frame = [UInt8](repeating: 0, count: FrameHeader.byteCount + SendRequest.prefixByteCount + 4)
            frame.withUnsafeMutableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                SendRequest.write(
                    to: base, request: request, handle: 0, count: 1, timeout: WireTimeout.never,
                    messageBytes: 4, flags: isLater ? SendRequest.laterFlag : 0)
            }
            send(frame)
        }

        /// The types and request ids of the frames that it was told since the last time.
        mutating func frames() -> [String] {
            var frames: [String] = []
            var rest = told[...]
            while rest.count >= FrameHeader.byteCount {
                let header = Array(rest).withUnsafeBytes { FrameHeader(reading: $0.baseAddress!) }
                frames.append("\(header.type.map { "\($0)" } ?? "?") \(header.request)")
                rest = rest.dropFirst(FrameHeader.byteCount + Int(header.length))
            }
            told = []
            return frames
        }
    }

    @Test func itComesWithTheNextFrame() {
        var session = Session()
        session.send(2, isLater: true)
        session.send(3, isLater: true)
        #expect(session.frames() == [])
        session.send(WireWriter(.ping, request: 4).finish())
        #expect(session.frames() == ["sent 2", "pong 4"])
    }

    @Test func aSendThatIsWaitedForBringsItInItsRun() {
        var session = Session()
        session.send(2, isLater: true)
        session.send(3, isLater: false)
        #expect(session.frames() == ["sent 2"])
    }

    /// One run is kept, or a peer could have any number kept.
    @Test func anotherRunBringsTheFirst() {
        var session = Session()
        session.send(2, isLater: true)
        session.send(9, isLater: true)
        #expect(session.frames() == ["sent 2", "sent 9"])
    }

    /// Who waited is told, since much may depend on it.
    @Test func whatHadToWaitIsAnsweredAtOnce() {
        var session = Session()
        for request in 2...4 as ClosedRange<UInt64> { session.send(request, isLater: true) }
        #expect(session.frames() == [])
        var receive = [UInt8](repeating: 0, count: FrameHeader.byteCount + ReceiveRequest.byteCount)
        receive.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress {
                ReceiveRequest(handle: 0, count: 1, timeout: WireTimeout.never).write(to: base, request: 5)
            }
        }
        session.send(receive)
        #expect(session.frames() == ["sent 2", "received 5"])
        session.send(
            WireClient.rangesFrame(.settle, [DeliveryRange(handle: 0, first: 1, count: 1)]))
        #expect(session.frames() == ["sent 4"])
    }
}
