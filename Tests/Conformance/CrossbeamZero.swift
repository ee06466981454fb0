// SPDX-License-Identifier: Apache-2.0

import Testing

/// What crossbeam-channel's tests of its zero flavour check.
extension ConformanceBody {
    static let crossbeamZero = [
        ConformanceBody("crossbeam zero: capacity and len_empty_full", zeroLength),
        ConformanceBody("crossbeam zero: try_recv and try_send", zeroTries),
        ConformanceBody("crossbeam zero: send_timeout and recv_timeout", zeroTimeouts),
        ConformanceBody("crossbeam zero: disconnect_wakes_sender", zeroWakesSender),
        ConformanceBody("crossbeam zero: disconnect_wakes_receiver", zeroWakesReceiver),
        ConformanceBody("crossbeam zero: spsc") { try await stream($0, 0, tasks: 1, count: 300) },
        ConformanceBody("crossbeam zero: mpmc") { try await stream($0, 0, tasks: 4, count: 100) },
        ConformanceBody("crossbeam zero: stress_oneshot", zeroOneshot),
        ConformanceBody("crossbeam zero: fairness", zeroFairness),
        ConformanceBody("crossbeam zero: linearizable_try and _timeout (S15)", linearizable),
    ]

    @Sendable private static func zeroLength(_ context: ConformanceContext) async throws {
        let chan = try await context.client().chan("zero", 0)
        #expect(
            try await chan.state()
                == ConformanceState(length: 0, capacity: 0, sendWaiters: 0, receiveWaiters: 0))
        async let sent: Void = chan.send(1)
        try await context.until { try await chan.state().sendWaiters == 1 }
        #expect(try await chan.state().length == 0)
        #expect(try await chan.receive() == 1)
        try await sent
    }

    @Sendable private static func zeroTries(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("zt", 0), try await other.chan("zt"))
        #expect(try await mine.tryReceive() == .wouldBlock)
        #expect(try await mine.trySend(1) == false)
        async let sent: Void = theirs.send(7)
        try await context.until { try await mine.state().sendWaiters == 1 }
        #expect(try await mine.tryReceive() == .element(7))
        try await sent
        async let received = theirs.receive()
        try await context.until { try await mine.state().receiveWaiters == 1 }
        #expect(try await mine.trySend(8))
        #expect(try await received == 8)
        try await theirs.close()
        #expect(try await mine.tryReceive() == .closed)
        await #expect(throws: ConformanceFailure.closed) { try await mine.send(9, .never) }
    }

    @Sendable private static func zeroTimeouts(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("zo", 0), try await other.chan("zo"))
        await #expect(throws: ConformanceFailure.timeout) {
            _ = try await mine.receive(.atMost(.milliseconds(2)))
        }
        await #expect(throws: ConformanceFailure.timeout) {
            try await mine.send(1, .atMost(.milliseconds(2)))
        }
        #expect(try await theirs.tryReceive() == .wouldBlock)
        async let sent: Void = theirs.send(7, .atMost(.seconds(100)))
        #expect(try await mine.receive(.atMost(.seconds(100))) == 7)
        try await sent
    }

    @Sendable private static func zeroWakesSender(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("zs", 0), try await other.chan("zs"))
        let failed = Tally()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for element in 0..<3 as Range<UInt64> {
                group.addTask {
                    do { try await mine.send(element) } catch ConformanceFailure.closed {
                        await failed.add(1)
                    }
                }
            }
            try await context.until { try await theirs.state().sendWaiters == 3 }
            try await theirs.close()
            try await group.waitForAll()
        }
        #expect(await failed.sum == 3)
        #expect(try await mine.receive() == nil)
    }

    @Sendable private static func zeroWakesReceiver(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("zr", 0), try await other.chan("zr"))
        try await withThrowingTaskGroup(of: UInt64?.self) { group in
            for _ in 0..<3 { group.addTask { try await mine.receive() } }
            try await context.until { try await theirs.state().receiveWaiters == 3 }
            try await theirs.close()
            while let received = try await group.next() { #expect(received == nil) }
        }
    }

    @Sendable private static func zeroOneshot(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        for round in 0..<context.times(200) {
            let (mine, theirs) = (try await one.chan("zs-\(round)", 0), try await other.chan("zs-\(round)"))
            async let received = mine.receive()
            try await theirs.send(UInt64(round))
            #expect(try await received == UInt64(round))
        }
    }

    @Sendable private static func zeroFairness(_ context: ConformanceContext) async throws {
        let count = max(200, context.times(600))
        let holder = try await context.client()
        for index in 0..<2 { _ = try await holder.chan("zf-\(index)", 0) }
        let wins = Tally()
        let sender: @Sendable (Int) -> @Sendable (any ConformanceClient) async throws -> Void = { index in
            { client in
                let chan = try await client.chan("zf-\(index)")
                do { while true { try await chan.send(UInt64(index)) } } catch ConformanceFailure.closed {}
            }
        }
        try await context.together([
            sender(0), sender(1),
            { client in
                let chans = try await (0..<2).asyncMap { try await client.chan("zf-\($0)") }
                for _ in 0..<count {
                    // Both are ready at every draw.
                    for chan in chans {
                        try await context.until { try await chan.state().sendWaiters == 1 }
                    }
                    if case .received(let element?, _) = try await client.select(
                        chans.map { .receive($0.id) }, .forever)
                    {
                        await wins.add(element)
                    }
                }
                for chan in chans { try await chan.close() }
            },
        ])
        let ones = Int(await wins.sum)
        #expect(ones >= count / 4 && ones <= count * 3 / 4, "\(ones) of \(count)")
    }

    /// Two who each offer one element and ask for one, by select with and without waiting: at every instant
    /// there is one to be had.
    @Sendable private static func linearizable(_ context: ConformanceContext) async throws {
        let count = context.times(200)
        let holder = try await context.client()
        let chan = try await holder.chan("lin", 2)
        let task: @Sendable (ConformanceWait) -> @Sendable (any ConformanceClient) async throws -> Void = {
            wait in
            { client in
                let chan = try await client.chan("lin")
                for _ in 0..<count {
                    try await chan.send(1)
                    // As many elements as takers who have sent: this one can't find it empty.
                    let selection = try await client.select([.receive(chan.id)], wait)
                    #expect(selection == .received(1, by: 0))
                }
            }
        }
        try await context.together([task(.never), task(.atMost(.seconds(100)))])
        #expect(try await chan.state().length == 0)
    }
}
