// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// The pieces in which bytes arrive mean nothing, and half a frame means nothing either (X17).
@Suite(.blocking) struct StreamTests {
    /// A whole conversation: what a client might write without reading in between.
    private static func conversation() -> [UInt8] {
        var open = OpenRequest(name: "pieces", role: .both)
        open.capacity = 8
        return Hello(clientName: "pieces").encoded() + open.encoded(request: 1)
            + WireClient.sendFrame(request: 2, handle: 0, [Array("one".utf8), [], Array("three".utf8)])
            + WireClient.receiveFrame(request: 3, handle: 0, upTo: 2)
            + WireClient.rangesFrame(.settle, [DeliveryRange(handle: 0, first: 1, count: 2)])
            + WireClient.selectFrame(request: 4, [.never, .receive(0)])
            + WireClient.rangesFrame(.settle, [DeliveryRange(handle: 0, first: 3, count: 1)])
            + SimpleFrame.close(request: 5, handle: 0, reason: 3, text: "enough") + SimpleFrame.leave()
    }

    private static let answers: [FrameType?] = [
        .welcome, .opened, .sent, .received, .received, .done, .goodbye,
    ]

    @Test func oneByteAtATime() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath, greets: false)
            let other = try WireClient(daemon.socketPath)
            for byte in Self.conversation() {
                try client.write([byte])
                // The daemon reads each byte by itself: what it had before is taken when it answers another.
                try other.ping()
            }
            #expect(try client.framesToEnd().map(\.type) == Self.answers)
        }
    }

    @Test func inTwoPieces() throws {
        try DaemonUnderTest.run { daemon in
            let other = try WireClient(daemon.socketPath)
            let bytes = Self.conversation()
            for split in 1..<bytes.count {
                let client = try WireClient(daemon.socketPath, greets: false)
                try client.write(Array(bytes[..<split]))
                try other.ping()
                try client.write(Array(bytes[split...]))
                #expect(try client.framesToEnd().map(\.type) == Self.answers, "split at \(split)")
            }
        }
    }

    /// Every prefix of a conversation, and then the end: whole frames count, the last half never does.
    @Test func endAtEveryByte() throws {
        try DaemonUnderTest.run { daemon in
            let honest = try WireClient(daemon.socketPath)
            let target = try honest.open("target", capacity: 4)
            let frame = WireClient.sendFrame(request: 9, handle: 0, [Array("half".utf8)])
            for count in 0...frame.count {
                let client = try WireClient(daemon.socketPath)
                _ = try client.open("target", .send)
                try client.write(Array(frame[..<count]))
                try client.finishWriting()
                let answers = try client.framesToEnd()
                #expect(answers.map(\.type) == (count == frame.count ? [.sent] : []), "after \(count) bytes")
            }
            #expect(try honest.receive(target, upTo: 9).delivered?.texts == ["half"])
            #expect(try honest.inspect("target").accepted == 1)
        }
    }

    @Test func endWithinTheHandshake() throws {
        try DaemonUnderTest.run { daemon in
            let hello = Hello(clientName: "short").encoded()
            for count in 0..<hello.count {
                let client = try WireClient(daemon.socketPath, greets: false)
                try client.write(Array(hello[..<count]))
                try client.finishWriting()
                #expect(try client.framesToEnd().isEmpty)
            }
            try WireClient(daemon.socketPath).ping()
        }
    }

    @Test func framesRightBehindHello() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath, greets: false)
            var open = OpenRequest(name: "early", role: .both)
            open.capacity = 4
            let big = [UInt8](repeating: 7, count: 5000 - 20)
            try client.write(
                Hello(clientName: "eager").encoded() + open.encoded(request: 1)
                    + WireClient.sendFrame(request: 2, handle: 0, [big]) + SimpleFrame.ping(request: 3))
            #expect(try client.frame().type == .welcome)
            #expect(try client.frame().type == .opened)
            #expect(try client.frame().type == .sent)
            #expect(try client.frame().type == .pong)
        }
    }

    /// A body that began before the handshake was done falls under the limits of those after it.
    @Test func bigFrameBehindHelloInTwoPieces() throws {
        try DaemonUnderTest.run { daemon in
            var open = OpenRequest(name: "early", role: .both)
            open.capacity = 4
            let message = [UInt8](repeating: 7, count: 200_000)
            let bytes =
                Hello(clientName: "eager").encoded() + open.encoded(request: 1)
                + WireClient.sendFrame(request: 2, handle: 0, [message]) + SimpleFrame.ping(request: 3)
            for split in [60, 80, 100, 120, 40_000] {
                let client = try WireClient(daemon.socketPath, greets: false)
                try client.write(Array(bytes[..<split]))
                try WireClient(daemon.socketPath).ping()
                try client.write(Array(bytes[split...]))
                try client.readWelcome()
                #expect(try client.frame().type == .opened)
                #expect(try client.frame().type == .sent)
                #expect(try client.frame().type == .pong)
                // The next round finds the channel empty.
                let request = client.request() + 100
                try client.write(WireClient.receiveFrame(request: request, handle: 0))
                let delivered = try #require(try client.outcome(of: request).delivered)
                #expect(delivered.messages.map(\.bytes) == [message])
                try client.settle(delivered.range)
                try client.ping()
            }
        }
    }
}
