// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Who does not read what he asked for costs a bounded amount of memory, himself, and nobody else.
@Suite(.blocking) struct SlowReceiverTests {
    /// A session asks for far more than it reads; the daemon neither grows nor goes on with it, and ends it.
    @Test func whoNeverReads() throws {
        let settings = [
            "limits.write_deadline": "300ms", "limits.output_high_watermark": "256KiB",
            "limits.output_low_watermark": "64KiB", "limits.output_hard_limit": "2MiB",
        ]
        try DaemonUnderTest.run(DaemonUnderTest.Options(settings, checksInvariants: false)) { daemon in
            let honest = try Honest(daemon.socketPath)
            let stalled = try WireClient(daemon.socketPath)
            let before = try ThisProcess.residentBytes(of: daemon.process.pid)
            // Each answer is as long as its question: what the daemon takes in it has to hold.
            let ping = SimpleFrame.ping(request: 1, payload: [UInt8](repeating: 5, count: 60_000))
            var offered = 0
            var most = 0
            while case let count = stalled.writeWithoutWaiting(ping), count == ping.count || offered == 0 {
                offered += count
                try honest.works()
                most = max(most, try ThisProcess.residentBytes(of: daemon.process.pid))
                guard offered < 1 << 28 else { break }
            }
            #expect(offered < 16 << 20, "the daemon took \(offered) bytes")
            #expect(most - before < 16 << 20, "the daemon grew by \(most - before) bytes")
            #expect(daemon.log.wait(for: "it does not read what it asked for"))
            try honest.works()
            // What was in the socket can still be read, but the end is the end.
            _ = try? stalled.framesToEnd()
            #expect(stalled.writeWithoutWaiting([0]) == 0)
        }
    }

    /// Whoever reads late, but in time, loses nothing: the throttle lets go.
    @Test func whoReadsLate() throws {
        let settings = [
            "limits.write_deadline": "60s", "limits.output_high_watermark": "64KiB",
            "limits.output_low_watermark": "4KiB", "loop.turn_frames": "4",
        ]
        try DaemonUnderTest.run(settings) { daemon in
            let honest = try Honest(daemon.socketPath)
            let late = try WireClient(daemon.socketPath)
            var written: [UInt8] = []
            var requests: [UInt64] = []
            for _ in 0..<400 {
                requests.append(late.request())
                let payload = [UInt8](repeating: 6, count: 4096)
                written += SimpleFrame.ping(request: requests[requests.count - 1], payload: payload)
            }
            var offset = late.writeWithoutWaiting(written)
            try honest.works()
            var answered: [UInt64] = []
            while answered.count < requests.count {
                answered.append(try late.frame().header.request)
                offset += late.writeWithoutWaiting(Array(written[offset...]))
            }
            #expect(answered == requests)
            try honest.works()
        }
    }

    /// Answers of more than the hard limit, asked for at once by who does read: they come, piece by piece.
    @Test func manyBigAnswersAtOnce() throws {
        let settings = [
            "limits.output_high_watermark": "128KiB", "limits.output_low_watermark": "4KiB",
            "limits.output_hard_limit": "1200KiB", "limits.message_bytes": "64KiB",
        ]
        try DaemonUnderTest.run(DaemonUnderTest.Options(settings, checksInvariants: false)) { daemon in
            let client = try WireClient(daemon.socketPath)
            for number in 0..<256 { _ = try client.open("list-\(number)", capacity: 1) }
            var bytes: [UInt8] = []
            for request: UInt64 in 1001...1200 { bytes += ListRequest(count: 256).encoded(request: request) }
            try client.write(bytes)
            for request: UInt64 in 1001...1200 {
                let frame = try client.frame()
                #expect(frame.type == .listed && frame.header.request == request)
                #expect(frame.body.count > 20_000)
            }
        }
    }

    /// A receiver that never reads keeps what it was given: it goes back to others when it is gone.
    @Test func messagesOfASlowReceiverComeBack() throws {
        let settings = [
            "limits.write_deadline": "100ms", "limits.output_high_watermark": "4KiB",
            "limits.output_low_watermark": "0",
        ]
        try DaemonUnderTest.run(settings) { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("flow", .send, capacity: 20)
            let stalled = try WireClient(daemon.socketPath)
            let into = try stalled.open("flow", .receive)
            for _ in 0..<20 { _ = try stalled.startReceive(into) }
            let message = [UInt8](repeating: 1, count: 100_000)
            for number: UInt8 in 0..<20 {
                let request = sender.request()
                try sender.write(WireClient.sendFrame(request: request, handle: out, [[number] + message]))
                #expect(try sender.outcome(of: request) == .sent)
            }
            let other = try WireClient(daemon.socketPath)
            let rest = try other.open("flow", .receive)
            var got: [UInt8] = []
            while got.count < 20 {
                let delivered = try #require(try other.receive(rest).delivered)
                #expect(delivered.messages.allSatisfy { $0.redelivered && $0.attempts == 1 })
                got += delivered.messages.compactMap(\.bytes.first)
                try other.settle(delivered.range)
            }
            #expect(got == Array(0..<20))
            #expect(daemon.log.wait(for: "it does not read what it asked for"))
        }
    }
}
