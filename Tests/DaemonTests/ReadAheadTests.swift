// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// Read-ahead over the socket (rules 18, 21 and 24).
@Suite(.blocking) struct ReadAheadTests {
    private func readAhead(
        _ client: WireClient, _ handle: UInt32, _ count: UInt32
    ) throws -> UInt64 {
        let request = client.request()
        let receive = ReceiveRequest(
            handle: handle, count: count, timeout: WireTimeout.never, ahead: true)
        var frame = [UInt8](repeating: 0, count: FrameHeader.byteCount + ReceiveRequest.byteCount)
        frame.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { receive.write(to: base, request: request) }
        }
        try client.write(frame)
        return request
    }

    /// Rule 21: what is ahead keeps its slot until it is handed over.
    @Test func aBufferOf16WithAReadAheadOf8Holds16() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("work", .send, capacity: 16)
            let reader = try WireClient(daemon.socketPath)
            let into = try reader.open("work", .receive)
            let ahead = try readAhead(reader, into, 8)
            try reader.ping()
            for number in 0..<16 { #expect(try sender.send(out, "\(number)") == .sent) }
            let last = try sender.startSend(out, "16")
            let full = try sender.inspect("work")
            #expect(full.queued == 8 && full.ahead == 8 && full.unsettled == 8 && full.sendWaiters == 1)
            var got: [String] = []
            while got.count < 8 {
                let frame = try #require(try reader.outcome(of: ahead).delivered)
                got += frame.texts
            }
            #expect(got == (0..<8).map(String.init))
            try reader.settle(DeliveryRange(handle: into, first: 1, count: 1))
            #expect(try sender.outcome(of: last) == .sent)
            #expect(try reader.outcome(of: ahead).delivered?.texts == ["8"])
        }
    }

    /// Rule 18: what a killed process had ahead comes back marked, and is no attempt.
    @Test func killingAReaderReturnsWhatWasAhead() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let work = try client.open("work", capacity: 4)
            let doomed = try ClientProcess(daemon.socketPath)
            let into = try doomed.client.open("work", .receive)
            let ahead = try readAhead(doomed.client, into, 4)
            try doomed.client.ping()
            _ = try client.send(work, "a", "b", "c")
            var got: [String] = []
            while got.count < 3 { got += try #require(try doomed.client.outcome(of: ahead).delivered).texts }
            try doomed.client.write(
                WireClient.rangesFrame(.receipt, [DeliveryRange(handle: into, first: 1, count: 1)]))
            try doomed.client.ping()
            let waiting = try client.startReceive(work, upTo: 3)
            try doomed.kill()
            let again = try #require(try client.outcome(of: waiting).delivered)
            #expect(again.texts == ["a", "b", "c"])
            #expect(again.messages.map(\.attempts) == [1, 0, 0])
            #expect(again.messages.allSatisfy { $0.redelivered })
        }
    }

    /// Rule 21: what comes for a credit in one turn comes in one frame, whoever sent it.
    @Test func severalSendsOfATurnComeInOneFrame() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("work", .send, capacity: 16)
            let reader = try WireClient(daemon.socketPath)
            let into = try reader.open("work", .receive)
            let ahead = try readAhead(reader, into, 16)
            try reader.ping()
            for turn in 0..<2 {
                // One write, which the daemon reads at once.
                let texts = (0..<5).map { "\(turn).\($0)" }
                let requests = try sendInOneWrite(texts, out, by: sender)
                let frame = try #require(try reader.outcome(of: ahead).delivered)
                #expect(frame.texts == texts && frame.range.first == UInt64(1 + 5 * turn))
                for request in requests { #expect(try sender.outcome(of: request) == .sent) }
            }
        }
    }

    private func sendInOneWrite(_ texts: [String], _ handle: UInt32, by client: WireClient) throws -> [UInt64]
    {
        let requests = texts.map { _ in client.request() }
        try client.write(
            zip(requests, texts).flatMap {
                WireClient.sendFrame(request: $0, handle: handle, [Array($1.utf8)])
            })
        return requests
    }

    /// Rule 23: who sends to itself is told of each commit before the next message.
    @Test func whatIsSentBetweenTwoDeliveriesComesBetweenThem() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let work = try client.open("work", capacity: 16)
            let ahead = try readAhead(client, work, 16)
            try client.ping()
            let requests = try sendInOneWrite(["a", "b"], work, by: client)
            let frames = try (0..<4).map { _ in try client.frame() }
            #expect(
                try frames.map { try $0.requests().lowerBound } == [ahead, requests[0], ahead, requests[1]])
        }
    }

    /// Rule 26: a message that passes channels is the last of its frame.
    @Test func aMessageThatPassesChannelsEndsItsFrame() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("work", .send, capacity: 16)
            let passed = try sender.open("passed", capacity: 1)
            let reader = try WireClient(daemon.socketPath)
            let into = try reader.open("work", .receive)
            let ahead = try readAhead(reader, into, 16)
            try reader.ping()
            let requests = (0..<3).map { _ in sender.request() }
            try sender.write(
                WireClient.sendFrame(request: requests[0], handle: out, [Array("a".utf8)])
                    + WireClient.sendFrame(
                        request: requests[1], handle: out, "b",
                        passing: [ListedChannel(handle: passed, role: .send)])
                    + WireClient.sendFrame(request: requests[2], handle: out, [Array("c".utf8)]))
            let first = try #require(try reader.outcome(of: ahead).delivered)
            #expect(first.texts == ["a", "b"] && first.messages.last?.offered.count == 1)
            #expect(try reader.outcome(of: ahead).delivered?.texts == ["c"])
        }
    }
}
