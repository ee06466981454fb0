// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanFuzzing
import ChanWire
import Testing

@testable import ChandServer

/// What one frame of many ranges may do (docs/protocol.md, Deliveries).
@Suite struct SettlementTests {
    /// Two sessions of one user, and what they were told.
    private struct Scene: ~Copyable {
        var sessions = DetachedSessions(
            limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 64 << 10,
            checksInvariants: true)
        let one: Int
        let other: Int
        private var told: [Int: [UInt8]] = [:]
        private var request: UInt64 = 0

        init() {
            one = sessions.connect(uid: 1000)
            other = sessions.connect(uid: 1000)
            for each in [one, other] { give(Hello(clientName: "test").encoded(), from: each) }
        }

        private mutating func nextRequest() -> UInt64 {
            request += 1
            return request
        }

        /// Opens a channel; the handles of a session are numbered from 0.
        mutating func open(_ name: String, capacity: Int64, by number: Int) {
            var open = OpenRequest(name: name, role: [.send, .receive])
            open.capacity = capacity
            give(open.encoded(request: nextRequest()), from: number)
        }

        mutating func send(_ messages: [[UInt8]], by number: Int, handle: UInt32 = 0) {
            give(Frames.send(request: nextRequest(), handle: handle, messages), from: number)
        }

        mutating func receive(_ receive: ReceiveRequest, by number: Int) {
            give(Frames.receive(request: nextRequest(), receive), from: number)
        }

        mutating func closeHandle(_ handle: UInt32, by number: Int) {
            give(SimpleFrame.handle(.closeHandle, request: nextRequest(), handle: handle), from: number)
        }

        mutating func give(_ frame: [UInt8], from number: Int) {
            var told = told
            frame.withUnsafeBytes { bytes in
                sessions.receive(bytes, from: number) { told[$0, default: []] += $1 }
            }
            self.told = told
        }

        mutating func end(_ number: Int) {
            sessions.end(number) { _, _ in }
        }

        /// The frames that a session was told since the last time.
        mutating func frames(of number: Int) throws -> [String] {
            let bytes = told.removeValue(forKey: number) ?? []
            return try bytes.withUnsafeBytes { bytes in
                var frames: [String] = []
                var reader = WireReader(bytes)
                while reader.remaining > 0 {
                    let start = try #require(try reader.raw(FrameHeader.byteCount).baseAddress)
                    let header = FrameHeader(reading: start)
                    let body = try reader.raw(Int(header.length))
                    let type = try #require(header.type)
                    switch type {
                    case .received:
                        let received = try Received(reading: body)
                        let last = received.first + UInt64(received.count) - 1
                        frames.append("received \(received.handle): \(received.first) to \(last)")
                    case .goodbye:
                        let code = try #require(try Goodbye(header, reading: body).code)
                        frames.append("goodbye \(code)")
                    default: frames.append("\(type)")
                    }
                }
                return frames
            }
        }
    }

    private static func range(_ first: UInt64, _ count: UInt32 = 1, handle: UInt32 = 0) -> DeliveryRange {
        DeliveryRange(handle: handle, first: first, count: count)
    }

    private static func receive(
        _ count: UInt32, handle: UInt32 = 0, timeout: Int64 = WireTimeout.never
    ) -> ReceiveRequest {
        ReceiveRequest(handle: handle, count: count, timeout: timeout)
    }

    /// A session that has three deliveries of one handle, and another at their channel; neither was told anything since.
    private static func delivered() throws -> Scene {
        var scene = Scene()
        scene.open("c", capacity: 4, by: scene.one)
        scene.open("c", capacity: 4, by: scene.other)
        scene.send([[1], [2], [3]], by: scene.other)
        scene.receive(receive(3), by: scene.one)
        let frames = try scene.frames(of: scene.one)
        #expect(frames.last == "received 0: 1 to 3")
        _ = try scene.frames(of: scene.other)
        return scene
    }

    /// Otherwise each of 65 792 ranges could walk all deliveries of the handle.
    @Test(arguments: [FrameType.receipt, .settle, .giveBack])
    func whatIsNamedTwiceIsRefused(type: FrameType) throws {
        var scene = try Self.delivered()
        scene.give(Frames.settle(type, [Self.range(1, 3), Self.range(2)]), from: scene.one)
        let frames = try scene.frames(of: scene.one)
        #expect(frames == ["goodbye malformed"])
        // Nothing of the frame had an effect before it was refused.
        scene.receive(Self.receive(4), by: scene.other)
        let others = try scene.frames(of: scene.other)
        #expect(others == ["received 0: 1 to 3"])
    }

    @Test(arguments: [FrameType.receipt, .settle, .giveBack])
    func aNumberThatWasNeverMadeIsRefusedBeforeAnyEffect(type: FrameType) throws {
        var scene = try Self.delivered()
        scene.give(Frames.settle(type, [Self.range(1), Self.range(4)]), from: scene.one)
        let frames = try scene.frames(of: scene.one)
        #expect(frames == ["goodbye malformed"])
        scene.receive(Self.receive(4), by: scene.other)
        let others = try scene.frames(of: scene.other)
        #expect(others == ["received 0: 1 to 3"])
    }

    /// What is not named twice may come in any order, and what names nothing anywhere.
    @Test func rangesInAnyOrder() throws {
        var scene = try Self.delivered()
        let ranges = [Self.range(3), Self.range(1), Self.range(2, 0), Self.range(2)]
        scene.give(Frames.settle(.receipt, ranges), from: scene.one)
        scene.give(Frames.settle(.settle, ranges), from: scene.one)
        let frames = try scene.frames(of: scene.one)
        #expect(frames == [])
        scene.end(scene.one)
        scene.receive(Self.receive(4, timeout: 0), by: scene.other)
        let others = try scene.frames(of: scene.other)
        #expect(others == ["failed"])
    }

    /// The handle goes with its last delivery, and the range behind that is of what is over.
    @Test func rangesOfAClosedHandle() throws {
        var scene = try Self.delivered()
        scene.closeHandle(0, by: scene.one)
        scene.give(Frames.settle(.settle, [Self.range(1)]), from: scene.one)
        scene.give(Frames.settle(.settle, [Self.range(2, 2), Self.range(1)]), from: scene.one)
        let frames = try scene.frames(of: scene.one)
        #expect(frames == ["done"])
    }

    /// All is back before any of it is delivered again, so that it is delivered together.
    @Test func whatOneFrameGivesBackComesTogether() throws {
        var scene = try Self.delivered()
        scene.receive(Self.receive(4), by: scene.other)
        scene.give(Frames.settle(.giveBack, [Self.range(3), Self.range(1), Self.range(2)]), from: scene.one)
        let others = try scene.frames(of: scene.other)
        #expect(others == ["received 0: 1 to 3"])
    }

    /// Otherwise one frame could have the same message delivered, and copied, 65 792 times.
    @Test func whatAFrameGivesBackIsNotDeliveredToTheSameFrame() throws {
        var scene = Scene()
        scene.open("c", capacity: 1, by: scene.one)
        scene.send([[UInt8](repeating: 7, count: 31 << 10)], by: scene.one)
        var ahead = Self.receive(1)
        ahead.ahead = true
        scene.receive(ahead, by: scene.one)
        let before = try scene.frames(of: scene.one)
        #expect(before.last == "received 0: 1 to 1")
        scene.give(Frames.settle(.giveBack, (1...100).map { Self.range($0) }), from: scene.one)
        let frames = try scene.frames(of: scene.one)
        #expect(frames == ["goodbye malformed"])
    }

    /// The same by two channels, each of which takes the other's dead letters.
    @Test func deadLettersDoNotComeBackToTheSameFrame() throws {
        var scene = Scene()
        for name in ["a", "b"] { scene.open(name, capacity: 1, by: scene.one) }
        for (handle, target) in ["b", "a"].enumerated() {
            var ahead = Self.receive(1, handle: UInt32(handle))
            ahead.ahead = true
            ahead.lease = WireLease(attemptLimit: 1, deadLetter: target)
            scene.receive(ahead, by: scene.one)
        }
        scene.send([[1]], by: scene.one)
        let before = try scene.frames(of: scene.one)
        #expect(before.contains("received 0: 1 to 1"))
        let ranges = (1...50).flatMap { [Self.range($0), Self.range($0, handle: 1)] }
        scene.give(Frames.settle(.giveBack, flags: GiveBackFlags.seen, ranges), from: scene.one)
        let frames = try scene.frames(of: scene.one)
        #expect(frames == ["goodbye malformed"])
    }
}
