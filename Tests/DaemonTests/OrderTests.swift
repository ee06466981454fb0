// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// Operations take effect in the order written, and outcomes are written in the order committed (rule 23).
@Suite(.blocking) struct OrderTests {
    @Test func outcomesComeInCommitOrder() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let first = try client.open("first", capacity: 0)
            let second = try client.open("second", capacity: 9)
            let waits = try client.startReceive(first)
            let sent = try client.startSend(second, "a")
            let failed = try client.startSend(first, "b", timeout: WireTimeout.none)
            let got = try client.startReceive(second)
            let frames = try client.framesSoFar()
            // The try met the receive that waited, in one step: those two may come in either order.
            #expect(frames.count == 4)
            #expect(frames.first?.header.request == sent)
            #expect(Set(frames[1...2].map(\.header.request)) == [waits, failed])
            #expect(frames.last?.header.request == got)
        }
    }

    @Test func pipelinedSendsKeepTheirOrder() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let receiver = try WireClient(daemon.socketPath)
            let out = try sender.open("order", .send, capacity: 3)
            let into = try receiver.open("order", .receive)
            let count = 300
            var bytes: [UInt8] = []
            for number in 0..<count {
                let message = Array("\(number)".utf8)
                bytes += WireClient.sendFrame(request: sender.request(), handle: out, [message])
            }
            try sender.write(bytes)
            var got: [String] = []
            while got.count < count {
                let delivered = try #require(try receiver.receive(into, upTo: 7).delivered)
                got += delivered.texts
                try receiver.settle(delivered.range)
            }
            #expect(got == (0..<count).map(String.init))
            var answered: [UInt64] = []
            while answered.count < count {
                let frame = try sender.frame()
                #expect(frame.type == .sent)
                answered += Array(try frame.requests())
            }
            #expect(answered == Array(1 + 1...UInt64(count) + 1))
        }
    }

    @Test func outcomesOfOneTurnAreOneRun() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("runs", capacity: 100)
            var bytes: [UInt8] = []
            for _ in 0..<50 {
                bytes += WireClient.sendFrame(request: client.request(), handle: handle, [[1]])
            }
            // A gap in the numbers divides the run, as does another outcome in between.
            for request: UInt64 in [500, 501, 503] {
                bytes += WireClient.sendFrame(request: request, handle: handle, [[1]])
            }
            bytes += WireClient.receiveFrame(request: 504, handle: handle)
            bytes += WireClient.sendFrame(request: 505, handle: handle, [[1]])
            try client.write(bytes)
            let runs = try client.framesSoFar().map { "\($0.header.request)+\(try $0.requests().count)" }
            #expect(runs.suffix(4) == ["500+2", "503+1", "504+1", "505+1"])
            #expect(try client.inspect("runs").accepted == 54)
        }
    }

    /// More frames at once than a session has turns for: the rest waits, in order, and others get their turns.
    @Test(arguments: ["1", "3", "256"])
    func backlog(_ turnFrames: String) throws {
        try DaemonUnderTest.run(["loop.turn_frames": turnFrames, "loop.turn_bytes": "4KiB"]) { daemon in
            let client = try WireClient(daemon.socketPath, greets: false)
            var open = OpenRequest(name: "long", role: .both)
            open.capacity = 1000
            var bytes = Hello(clientName: "long").encoded() + open.encoded(request: 1)
            for number in 0..<500 {
                bytes += WireClient.sendFrame(
                    request: UInt64(number) + 2, handle: 0, [Array("\(number)".utf8)])
            }
            bytes += WireClient.receiveFrame(request: 1000, handle: 0, upTo: 1000)
            try client.write(bytes)
            let other = try Honest(daemon.socketPath)
            try other.works()
            try client.readWelcome()
            let delivered = try #require(try client.outcome(of: 1000).delivered)
            #expect(delivered.texts == (0..<500).map(String.init))
        }
    }

    /// What is in the backlog when its client has gone still counts: it was complete.
    @Test func backlogOfWhoHasGone() throws {
        try DaemonUnderTest.run(["loop.turn_frames": "1"]) { daemon in
            let observer = try WireClient(daemon.socketPath)
            _ = try observer.open("long", capacity: 1000)
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("long", .send)
            var bytes: [UInt8] = []
            for request in 0..<500 {
                bytes += WireClient.sendFrame(request: UInt64(request) + 100, handle: handle, [[1]])
            }
            try client.write(bytes)
            try client.finishWriting()
            try observer.wait(for: "long", "all messages and no other sender") {
                $0.accepted == 500 && $0.sendHandles == 1
            }
        }
    }
}
