// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Whoever breaks the protocol is told why and is gone; nobody else notices.
@Suite(.blocking) struct GoodbyeTests {
    /// What a client does wrong after the handshake, and what it hears.
    struct Violation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: GoodbyeCode
        let bytes: [UInt8]

        init(_ name: String, _ code: GoodbyeCode, _ bytes: [UInt8]) {
            (testDescription, self.code, self.bytes) = (name, code, bytes)
        }
    }

    static func header(
        _ type: UInt8, length: UInt32 = 0, flags: UInt8 = 0, field: UInt16 = 0, request: UInt64 = 7
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        var header = FrameHeader(.ping, length: Int(length), flags: flags, field: field, request: request)
        header.rawType = type
        bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { header.write(to: base) } }
        return bytes
    }

    static func frame(_ type: FrameType, field: UInt16 = 0, _ body: [UInt8]) -> [UInt8] {
        header(type.rawValue, length: UInt32(body.count), field: field) + body
    }

    static let violations: [Violation] = {
        let range = DeliveryRange(handle: 99, first: 1, count: 1)
        let send = WireClient.sendFrame(request: 7, handle: 0, [[1], [2]])
        var tooMany = WireClient.sendFrame(request: 7, handle: 0, [[1]])
        tooMany.replaceSubrange(20..<24, with: [0, 0, 0, 0])
        var select = WireClient.selectFrame(request: 7, [.never])
        select[FrameHeader.byteCount + 8] = 9
        var message = WireClient.selectFrame(request: 7, [.send(0, "x")])
        message[FrameHeader.byteCount + 8] = 1
        let receives = WireClient.receiveFrame(request: 7, handle: 0, upTo: 0)
        return [
            Violation("empty SEND", .malformed, frame(.send, [])),
            Violation("SEND of no message", .malformed, tooMany),
            Violation(
                "SEND that ends in a message", .malformed, frame(.send, Array(send[16..<send.count - 1]))),
            Violation("SEND that goes on", .malformed, frame(.send, Array(send[16...]) + [0])),
            Violation("RECEIVE of no message", .malformed, receives),
            Violation("case of no kind", .malformed, select),
            Violation("message of a receive case", .malformed, message),
            Violation("fewer cases than said", .malformed, frame(.select, field: 3, Array(select[16...]))),
            Violation("half a range", .malformed, frame(.settle, [1, 2, 3])),
            Violation("range of no handle", .malformed, WireClient.rangesFrame(.settle, [range])),
            Violation("give-back of no handle", .malformed, WireClient.rangesFrame(.giveBack, [range])),
            Violation("CANCEL with a body", .malformed, frame(.cancel, [1])),
            Violation("name that is no UTF-8", .malformed, frame(.remove, [2, 0, 0xc3, 0x28])),
            Violation("INSPECT of no kind", .malformed, frame(.inspect, field: 2, [0, 0, 0, 0])),
            Violation("body over the limit", .frameTooLarge, header(5, length: .max)),
            Violation("HELLO again", .outOfState, Hello(clientName: "again").encoded()),
            Violation("frame of the daemon's", .outOfState, SimpleFrame.done(request: 7)),
            Violation("unknown type", .unknownFrame, header(0x7e)),
            Violation("unknown type of the daemon's side", .unknownFrame, header(0xfe, flags: 0x80)),
            Violation("type 0", .unknownFrame, header(0)),
            Violation("request 0", .malformed, SimpleFrame.ping(request: 0)),
        ]
    }()

    @Test func othersDoNotNotice() throws {
        try DaemonUnderTest.run { daemon in
            let honest = try Honest(daemon.socketPath)
            for violation in Self.violations {
                let client = try WireClient(daemon.socketPath)
                let handle = try client.open("their", capacity: 1)
                #expect(try client.send(handle, "left") == .sent)
                // Nothing behind the violation may count.
                let behind = WireClient.sendFrame(request: 8, handle: handle, [[1]])
                try client.write(violation.bytes + behind)
                let goodbye = try client.goodbye()
                #expect(goodbye.code == violation.code, "\(violation.testDescription): \(goodbye)")
                #expect(!goodbye.text.isEmpty)
                try honest.works()
                let rest = try honest.client.open("their", .receive)
                #expect(try honest.client.receive(rest).delivered?.texts == ["left"])
                #expect(try honest.client.receive(rest, timeout: WireTimeout.none).failure == .wouldBlock)
                try honest.client.settle(DeliveryRange(handle: rest, first: 1, count: 1))
                try honest.client.closeHandle(rest)
            }
        }
    }

    @Test func beforeTheHandshake() throws {
        try DaemonUnderTest.run { daemon in
            let honest = try Honest(daemon.socketPath)
            var magic = Hello(clientName: "magic").encoded()
            magic[FrameHeader.byteCount] ^= 0xff
            let longName = Hello(clientName: String(repeating: "x", count: 201)).encoded()
            let cases: [(GoodbyeCode, [UInt8])] = [
                (.malformed, magic), (.malformed, longName),
                (.version, Hello(minVersion: 2, maxVersion: 9, clientName: "new").encoded()),
                (.version, Hello(minVersion: 0, maxVersion: 0, clientName: "old").encoded()),
                (.outOfState, SimpleFrame.ping(request: 1)),
                (.outOfState, SimpleFrame.leave()),
                (.outOfState, Self.header(0x7e, flags: FrameHeader.optionalFlag)),
                (.frameTooLarge, Self.header(1, length: 257)),
            ]
            for (code, bytes) in cases {
                let client = try WireClient(daemon.socketPath, greets: false)
                try client.write(bytes)
                let goodbye = try client.goodbye()
                #expect(goodbye.code == code, "\(goodbye)")
                try honest.works()
            }
        }
    }

    @Test func optionalFramesAreSkipped() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            for type: UInt8 in [0x1f, 0x40, 0x7f] {
                try client.write(Self.header(type, length: 3, flags: FrameHeader.optionalFlag) + [1, 2, 3])
            }
            try client.write(
                Self.header(0x7e, length: 70_000, flags: 0x80) + [UInt8](repeating: 9, count: 70_000))
            try client.ping()
        }
    }

    @Test func requestsAreOnesOwnWhileTheyAreUnderWay() throws {
        try DaemonUnderTest.run { daemon in
            let honest = try Honest(daemon.socketPath)
            let operations: [(UInt32) -> [UInt8]] = [
                { WireClient.sendFrame(request: 50, handle: $0, [[1]]) },
                { WireClient.receiveFrame(request: 50, handle: $0) },
                { WireClient.selectFrame(request: 50, [.receive($0)]) },
                { SimpleFrame.close(request: 50, handle: $0, reason: 0, text: "") },
                { SimpleFrame.handle(.closeHandle, request: 50, handle: $0) },
                { _ in SimpleFrame.ping(request: 50) },
                { _ in ListRequest().encoded(request: 50) },
            ]
            for again in operations {
                let client = try WireClient(daemon.socketPath)
                let handle = try client.open("slow", capacity: 0)
                try client.write(WireClient.receiveFrame(request: 50, handle: handle) + again(handle))
                #expect(try client.goodbye().code == .requestInUse)
                try honest.works()
            }
            // The number is free again once its outcome is there.
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("quick", capacity: 9)
            for _ in 0..<3 { try client.write(WireClient.sendFrame(request: 50, handle: handle, [[1]])) }
            #expect(try client.framesSoFar().map(\.type) == [.sent, .sent, .sent])
        }
    }

    @Test func leaveCarriesOutWhatStandsBeforeIt() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("box", capacity: 1)
            let first = WireClient.sendFrame(request: 10, handle: handle, [[1]])
            let waits = WireClient.sendFrame(request: 11, handle: handle, [[2]])
            try client.write(first + waits + SimpleFrame.leave() + SimpleFrame.ping(request: 12))
            let frames = try client.framesToEnd()
            #expect(frames.map(\.type) == [.sent, .goodbye])
            #expect(try frames.last?.goodbye().code == .done)
            let other = try WireClient(daemon.socketPath)
            let rest = try other.open("box", .receive)
            #expect(try other.receive(rest, upTo: 9).delivered?.messages.map(\.bytes) == [[1]])
        }
    }
}

/// A session that works, whatever others do.
struct Honest {
    let client: WireClient
    private let handle: UInt32

    init(_ socketPath: String) throws {
        client = try WireClient(socketPath)
        handle = try client.open("honest", capacity: 4)
    }

    /// Sends and receives, and expects to be answered.
    func works() throws {
        #expect(try client.send(handle, "still") == .sent)
        let delivered = try #require(try client.receive(handle).delivered)
        #expect(delivered.texts == ["still"])
        try client.settle(delivered.range)
    }
}
