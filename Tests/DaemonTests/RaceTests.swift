// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Timeouts, cancellation and selects of several sessions: one outcome each, and the right one.
@Suite(.blocking) struct RaceTests {
    private static let millisecond: Int64 = 1_000_000

    /// X11: a timeout counts from when the daemon takes the frame, however long it slept before.
    @Test func timeoutsCountFromTheFrame() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("slow", capacity: 0)
            try client.ping()
            // Nothing happens for longer than the timeout; then a receive must still get all of its time.
            #expect(try client.receive(handle, timeout: 300 * Self.millisecond).failure == .timeout)
            let start = MonotonicClock.now()
            #expect(try client.receive(handle, timeout: 200 * Self.millisecond).failure == .timeout)
            let waited = MonotonicClock.now() - start
            #expect(waited >= 199_000_000, "\(waited) ns")
            // The descriptor is idle for that long again, since nobody writes; then a shorter one.
            _ = try Transfer.wait(client.raw, for: .read, until: MonotonicClock.deadline(milliseconds: 150))
            let again = MonotonicClock.now()
            #expect(try client.send(handle, "x", timeout: 100 * Self.millisecond).failure == .timeout)
            #expect(MonotonicClock.now() - again >= 99_000_000)
        }
    }

    @Test func timeoutsComeInOrder() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("slow", capacity: 0)
            let third = try client.startReceive(handle, timeout: 90 * Self.millisecond)
            let first = try client.startReceive(handle, timeout: 30 * Self.millisecond)
            let second = try client.startSelect(.receive(handle), .never, timeout: 60 * Self.millisecond)
            let order = try (0..<3).map { _ in try client.frame() }
            #expect(order.map(\.header.request) == [first, second, third])
            #expect(try order.allSatisfy { try $0.failed().code == .timeout })
            #expect(try client.inspect("slow").receiveWaiters == 0)
            // What had timed out takes no message.
            #expect(try client.send(handle, "x", timeout: 0).failure == .wouldBlock)
        }
    }

    @Test func extremeTimeouts() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("slow", capacity: 0)
            for timeout in [Int64.max, .min, -2] {
                let waits = try client.startReceive(handle, timeout: timeout)
                try client.ping()
                try client.cancel(waits)
                #expect(try client.outcome(of: waits).failure == .cancelled)
            }
            #expect(try client.receive(handle, timeout: 1).failure == .timeout)
        }
    }

    /// X10: CANCEL in the same write as its request: one outcome, and nothing lost or done twice.
    @Test func cancelRightBehindTheRequest() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let empty = try client.open("empty", capacity: 0)
            let full = try client.open("full", capacity: 1)
            #expect(try client.send(full, "stays") == .sent)
            var expected: [UInt64: FailureCode?] = [:]
            var bytes: [UInt8] = []
            func add(_ code: FailureCode?, _ frame: (UInt64) -> [UInt8]) {
                let request = client.request()
                expected[request] = code
                bytes += frame(request) + SimpleFrame.cancel(request: request)
            }
            add(.cancelled) { WireClient.receiveFrame(request: $0, handle: empty) }
            add(.cancelled) { WireClient.sendFrame(request: $0, handle: empty, [[1]]) }
            add(.cancelled) { WireClient.sendFrame(request: $0, handle: full, [[1]]) }
            add(.cancelled) { WireClient.selectFrame(request: $0, [.receive(empty), .send(full, "x")]) }
            add(.cancelled) { WireClient.selectFrame(request: $0, []) }
            add(nil) { WireClient.receiveFrame(request: $0, handle: full) }
            add(nil) { WireClient.sendFrame(request: $0, handle: full, [[2]]) }
            add(.cancelled) { WireClient.sendFrame(request: $0, handle: full, [[3]]) }
            add(.wouldBlock) { WireClient.receiveFrame(request: $0, handle: empty, timeout: 0) }
            try client.write(bytes)
            let frames = try client.framesSoFar()
            #expect(frames.count == expected.count)
            for frame in frames {
                let code = try frame.type == .failed ? frame.failed().code : nil
                #expect(expected.removeValue(forKey: frame.header.request) == .some(code), "\(frame)")
            }
            #expect(expected.isEmpty)
            #expect(try client.inspect("full").queued == 1)
        }
    }

    /// X10 with the partner in another session: whichever comes first, both sides agree on it.
    @Test func cancelAgainstSend() throws {
        try DaemonUnderTest.run { daemon in
            let receiver = try WireClient(daemon.socketPath)
            let sender = try WireClient(daemon.socketPath)
            let into = try receiver.open("race", .receive, capacity: 0)
            let out = try sender.open("race", .send)
            var received = 0
            for number in 0..<300 {
                let waits = try receiver.startReceive(into)
                let offer = try sender.startSend(out, "\(number)", timeout: 0)
                if number % 3 != 0 { try receiver.cancel(waits) }
                let sent = try sender.outcome(of: offer)
                if number % 3 == 0, sent.failure == .wouldBlock { try receiver.cancel(waits) }
                switch try receiver.outcome(of: waits) {
                case .received(let delivered):
                    #expect(sent == .sent && delivered.texts == ["\(number)"])
                    try receiver.settle(delivered.range)
                    received += 1
                case let other:
                    #expect(other.failure == .cancelled && sent.failure == .wouldBlock)
                }
            }
            #expect(try receiver.inspect("race").accepted == UInt64(received))
        }
    }

    /// Two selects over the same two channels of capacity 0, each sending on one and receiving on the other, in
    /// both orders: they meet on exactly one (rule 8).
    @Test func selectsMeetSelects() throws {
        try DaemonUnderTest.run { daemon in
            let first = try WireClient(daemon.socketPath)
            let second = try WireClient(daemon.socketPath)
            let mine = try ["a", "b"].map { try first.open($0, capacity: 0) }
            let theirs = try ["a", "b"].map { try second.open($0) }
            for (ordered, reversed) in [(true, false), (true, true), (false, false), (false, true)] {
                for round in 0..<25 {
                    let one = try first.startSelect(
                        .send(mine[0], "a\(round)"), .receive(mine[1]), ordered: ordered)
                    if round % 2 == 0 { try first.ping() }
                    let other =
                        reversed
                        ? try second.startSelect(
                            .send(theirs[1], "b\(round)"), .receive(theirs[0]), ordered: ordered)
                        : try second.startSelect(
                            .receive(theirs[0]), .send(theirs[1], "b\(round)"), ordered: ordered)
                    switch (try first.outcome(of: one), try second.outcome(of: other)) {
                    case (.selected(0), .received(let delivered)):
                        #expect(delivered.texts == ["a\(round)"])
                        try second.settle(delivered.range)
                    case (.received(let delivered), .selected(let index)):
                        #expect(delivered.texts == ["b\(round)"] && index == (reversed ? 0 : 1))
                        try first.settle(delivered.range)
                    case let pair:
                        Issue.record("not one of them: \(pair)")
                    }
                    for name in ["a", "b"] {
                        let status = try first.inspect(name)
                        #expect(status.sendWaiters == 0 && status.receiveWaiters == 0 && status.queued == 0)
                    }
                }
            }
        }
    }

    /// Rule 12: a select does not meet itself, and two of one session do meet (X30).
    @Test func selectAndItself() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("self", capacity: 0)
            #expect(
                try client.select(.send(handle, "x"), .receive(handle), timeout: 0).failure == .wouldBlock)
            let first = try client.startSelect(.send(handle, "x"), .receive(handle))
            let second = try client.startSelect(.send(handle, "y"), .receive(handle))
            let outcomes = [try client.outcome(of: first), try client.outcome(of: second)]
            #expect(outcomes.count { $0.delivered != nil } == 1)
            #expect(outcomes.count { $0 == .selected(0) } == 1)
        }
    }

    /// Rule 9: of cases that can all proceed each is drawn about as often.
    @Test func selectIsFair() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let handles = try (0..<4).map { try client.open("fair-\($0)", capacity: 1) }
            for handle in handles { #expect(try client.send(handle, "x") == .sent) }
            var counts = [Int](repeating: 0, count: 4)
            for _ in 0..<400 {
                let delivered = try #require(
                    try client.select(
                        .receive(handles[0]), .receive(handles[1]), .receive(handles[2]), .receive(handles[3])
                    ).delivered)
                counts[Int(delivered.caseIndex)] += 1
                try client.giveBack(delivered.range, seen: false)
            }
            // 100 each with a deviation of 9: seven deviations away never happens.
            #expect(counts.allSatisfy { (35...165).contains($0) }, "\(counts)")
        }
    }
}
