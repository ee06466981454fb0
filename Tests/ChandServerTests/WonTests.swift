// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanFuzzing
import ChanTestSupport
import ChanWire
import Testing

@testable import ChandServer

/// How the winners of several selects in one turn are told (docs/protocol.md, SELECT and WON).
@Suite struct WonTests {
    /// Two sessions with the channels "a" and "b" as handles 0 and 1, and what the first was told.
    private struct Scene: ~Copyable {
        var sessions = DetachedSessions(
            limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 64 << 10,
            checksInvariants: true)
        let one: Int
        let other: Int
        var told: [UInt8] = []

        init(features: Features = .known, capacity: Int64 = 8) {
            one = sessions.connect(uid: 1000)
            other = sessions.connect(uid: 1000)
            for each in [one, other] {
                give(Hello(features: features, clientName: "test").encoded(), by: each)
                for (index, name) in ["a", "b"].enumerated() {
                    var open = OpenRequest(name: name, role: [.send, .receive])
                    open.capacity = capacity
                    give(open.encoded(request: UInt64(index) + 1), by: each)
                }
            }
            told = []
        }

        mutating func give(_ frame: [UInt8], by number: Int) {
            var told: [UInt8] = []
            let one = one
            frame.withUnsafeBytes { bytes in
                sessions.receive(bytes, from: number) { if $0 == one { told += $1 } }
            }
            self.told += told
        }

        mutating func send(_ messages: [[UInt8]], through handle: UInt32, by number: Int, request: UInt64 = 9)
        {
            give(
                Frames.send(request: request, handle: handle, timeout: WireTimeout.never, messages),
                by: number)
        }

        /// Asks in order, first through "a".
        mutating func select(upTo limit: UInt32) {
            give(
                Frames.select(
                    request: 7, timeout: 0, ordered: true, limit: limit,
                    [(.receive, 0, false, []), (.receive, 1, false, [])]), by: one)
        }

        /// What it was told since the last time: each frame with what it carries.
        mutating func frames() throws -> [String] {
            defer { told = [] }
            return try told.withUnsafeBytes { bytes in
                var frames: [String] = []
                var reader = WireReader(bytes)
                while reader.remaining > 0 {
                    let start = try #require(try reader.raw(FrameHeader.byteCount).baseAddress)
                    let header = FrameHeader(reading: start)
                    let body = try reader.raw(Int(header.length))
                    let more = header.flags & Received.moreFlag != 0 ? " ..." : ""
                    switch try #require(header.type) {
                    case .won:
                        var won = try Won(reading: body)
                        var winners: [String] = []
                        for _ in 0..<won.count {
                            let next = try won.next()
                            #expect(next.handle == UInt32(next.caseIndex))
                            let closed = next.closed ? " closed" : ""
                            winners.append(
                                "\(next.caseIndex)#\(next.delivery) \(Self.text(next.message))\(closed)")
                        }
                        try won.finish()
                        #expect(header.field == 0 && header.request == 7)
                        frames.append("won " + winners.joined(separator: ", ") + more)
                    case .received:
                        var received = try Received(reading: body)
                        let text = Self.text(try received.next())
                        try received.finish()
                        #expect(received.count == 1 && header.request == 7)
                        frames.append("received \(header.field)#\(received.first) \(text)\(more)")
                    case let type: frames.append("\(type) \(header.request)")
                    }
                }
                return frames
            }
        }

        /// The first byte, and of longer ones the length, of which all bytes must be the same.
        private static func text(_ message: Received.Message) -> String {
            let first = message.bytes.first ?? 0
            #expect(message.bytes.allSatisfy { $0 == first })
            return message.bytes.count > 1 ? "\(first)x\(message.bytes.count)" : "\(first)"
        }
    }

    @Test("24 the winners of a turn come in one frame, in their order") func oneFrame() throws {
        var scene = Scene()
        scene.send([[1], [2]], through: 0, by: scene.other)
        scene.send([[3]], through: 1, by: scene.other)
        scene.select(upTo: 9)
        #expect(try scene.frames() == ["won 0#1 1, 0#2 2, 1#1 3"])
        scene.send([[4]], through: 1, by: scene.other)
        scene.select(upTo: 9)
        #expect(try scene.frames() == ["received 1#2 4"])
        scene.send([[5], [6]], through: 1, by: scene.other)
        scene.select(upTo: 1)
        #expect(try scene.frames() == ["received 1#3 5"])
    }

    @Test func whoDidNotAnnounceItIsToldOneByOne() throws {
        var scene = Scene(features: [])
        scene.send([[1], [2]], through: 0, by: scene.other)
        scene.send([[3]], through: 1, by: scene.other)
        scene.select(upTo: 9)
        #expect(
            try scene.frames() == ["received 0#1 1 ...", "received 0#2 2 ...", "received 1#1 3"])
    }

    /// Of a bit that this version does not know the daemon says nothing.
    @Test func unknownFeaturesAreNotAgreedOn() throws {
        var sessions = DetachedSessions(
            limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 1024, checksInvariants: true)
        let number = sessions.connect(uid: 1000)
        let hello = Hello(features: Features(rawValue: .max), clientName: "later").encoded()
        var told: [UInt8] = []
        hello.withUnsafeBytes { bytes in sessions.receive(bytes, from: number) { told += $1 } }
        let welcome = try told.withUnsafeBytes {
            try Welcome(reading: UnsafeRawBufferPointer(rebasing: $0[FrameHeader.byteCount...]))
        }
        #expect(welcome.features == .known)
    }

    /// Rule 23: what commits between two winners is told between them.
    @Test func anOutcomeBetweenEndsTheFrame() throws {
        var scene = Scene(capacity: 2)
        scene.send([[1], [2]], through: 0, by: scene.other)
        scene.send([[3], [4]], through: 1, by: scene.other)
        scene.send([[5]], through: 1, by: scene.one, request: 5)
        scene.select(upTo: 9)
        #expect(
            try scene.frames() == [
                "won 0#1 1, 0#2 2 ...", "sent 5", "won 1#1 3, 1#2 4, 1#3 5",
            ])
        scene.send([[1], [2]], through: 0, by: scene.other)
        scene.send([[3], [4]], through: 1, by: scene.other)
        scene.send([[5]], through: 1, by: scene.one, request: 5)
        scene.select(upTo: 3)
        #expect(try scene.frames() == ["won 0#3 1, 0#4 2 ...", "sent 5", "received 1#4 3"])
    }

    @Test func aClosedChannelIsSaidWithEachWinner() throws {
        var scene = Scene()
        scene.send([[1]], through: 0, by: scene.other)
        scene.send([[2], [3]], through: 1, by: scene.other)
        scene.give(SimpleFrame.close(request: 3, handle: 1, reason: 0, text: ""), by: scene.other)
        scene.select(upTo: 9)
        #expect(try scene.frames() == ["won 0#1 1, 1#1 2 closed, 1#2 3 closed"])
    }

    @Test func aFullFrameIsFollowedByAnother() throws {
        var scene = Scene(capacity: 16)
        let length = 30 << 10
        for byte in 1...9 as ClosedRange<UInt8> {
            scene.send([[UInt8](repeating: byte, count: length)], through: 0, by: scene.other)
        }
        scene.send([[10]], through: 1, by: scene.other)
        scene.select(upTo: 20)
        let eight = (1...8).map { "0#\($0) \($0)x\(length)" }.joined(separator: ", ")
        #expect(try scene.frames() == ["won \(eight) ...", "received 0#9 9x\(length)"])
        scene.select(upTo: 20)
        #expect(try scene.frames() == ["received 1#1 10"])
    }
}
