// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import ChanWire
import Testing

@testable import ChandServer

/// SENT of a SEND whose outcome may come later (docs/protocol.md, SEND): with what is written next, and not before.
@Suite struct KeptOutcomeTests {
    /// Two sessions, a channel with room for two, and what the first session was told.
    private struct Scene: ~Copyable {
        var sessions = DetachedSessions(
            limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 1024, checksInvariants: true)
        let number: Int
        let other: Int
        var told: [UInt8] = []

        init() {
            number = sessions.connect(uid: 1000)
            other = sessions.connect(uid: 1000)
            for each in [number, other] {
                send(Hello(clientName: "test").encoded(), from: each)
                var open = OpenRequest(name: "kept", role: [.send, .receive])
                open.capacity = 2
                send(open.encoded(request: 1), from: each)
            }
            told = []
        }

        /// The session, or the other one, sends a frame; what the session is told meanwhile is noted.
        mutating func send(_ frame: [UInt8], from sender: Int? = nil) {
            var told: [UInt8] = []
            let number = number
            frame.withUnsafeBytes { bytes in
                sessions.receive(bytes, from: sender ?? number) { if $0 == number { told += $1 } }
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

        /// The types and request ids of the frames that it was told since the last time; of SENT, the whole run.
        mutating func frames() throws -> [String] {
            defer { told = [] }
            return try told.withUnsafeBytes { bytes in
                var frames: [String] = []
                var reader = WireReader(bytes)
                while reader.remaining > 0 {
                    let start = try #require(try reader.raw(FrameHeader.byteCount).baseAddress)
                    let header = FrameHeader(reading: start)
                    var body = WireReader(try reader.raw(Int(header.length)))
                    let type = try #require(header.type)
                    let last = type == .sent ? header.request + UInt64(try body.u32()) - 1 : header.request
                    frames.append("\(type) \(header.request)" + (last > header.request ? " to \(last)" : ""))
                }
                return frames
            }
        }
    }

    @Test func itComesWithTheNextFrame() throws {
        var scene = Scene()
        scene.send(2, isLater: true)
        scene.send(3, isLater: true)
        #expect(try scene.frames() == [])
        scene.send(WireWriter(.ping, request: 4).finish())
        #expect(try scene.frames() == ["sent 2 to 3", "pong 4"])
    }

    @Test func aSendThatIsWaitedForBringsItInItsRun() throws {
        var scene = Scene()
        scene.send(2, isLater: true)
        scene.send(3, isLater: false)
        #expect(try scene.frames() == ["sent 2 to 3"])
    }

    /// One run is kept, or a peer could have any number kept.
    @Test func anotherRunBringsTheFirst() throws {
        var scene = Scene()
        scene.send(2, isLater: true)
        scene.send(9, isLater: true)
        #expect(try scene.frames() == ["sent 2", "sent 9"])
    }

    /// Who withdraws waits for an answer, and that may be kept.
    @Test func aCancelBringsIt() throws {
        var scene = Scene()
        scene.send(2, isLater: true)
        scene.send(SimpleFrame.cancel(request: 2))
        #expect(try scene.frames() == ["sent 2"])
    }

    /// Who waited is told, since much may depend on it.
    @Test func whatHadToWaitIsAnsweredAtOnce() throws {
        var scene = Scene()
        for request in 2...4 as ClosedRange<UInt64> { scene.send(request, isLater: true) }
        #expect(try scene.frames() == [])
        var receive = [UInt8](repeating: 0, count: FrameHeader.byteCount + ReceiveRequest.byteCount)
        receive.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress {
                ReceiveRequest(handle: 0, count: 1, timeout: WireTimeout.never).write(to: base, request: 5)
            }
        }
        scene.send(receive, from: scene.other)
        #expect(try scene.frames() == ["sent 2 to 4"])
    }
}
