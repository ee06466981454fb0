// SPDX-License-Identifier: Apache-2.0

import Testing

/// What crossbeam-channel's tests of its array and list flavours check; its disconnection is our close.
extension ConformanceBody {
    static let crossbeamBuffered =
        [1, 2, 100, -1].flatMap { (capacity: Int64) in
            let kind = capacity == -1 ? "list" : "array of \(capacity)"
            func body(
                _ name: String, _ run: @escaping @Sendable (ConformanceContext, Int64) async throws -> Void
            ) -> ConformanceBody {
                ConformanceBody("crossbeam \(kind): \(name)") { try await run($0, capacity) }
            }
            return [
                body("smoke", smoke), body("len_empty_full", lenEmptyFull), body("try_recv", tryReceive),
                body("recv and recv_timeout", receiveTimeout), body("send_timeout", sendTimeout),
                body("send and recv after disconnect", afterDisconnect),
                body("disconnect_wakes_receiver", wakesReceiver),
                body("disconnect_wakes_sender", wakesSender),
                body("spsc", spsc), body("mpmc", mpmc), body("stress_oneshot", stressOneshot),
                body("stress_timeout", stressTimeout), body("fairness", fairness),
                body("fairness_duplicates", fairnessDuplicates), body("recv_in_send", receiveInSend),
                body("batches", batches),
            ]
        }

    @Sendable private static func smoke(_ context: ConformanceContext, _ capacity: Int64) async throws {
        let chan = try await context.client().chan("smoke", capacity)
        #expect(try await chan.state().capacity == capacity)
        for element in [7, 8] as [UInt64] {
            try await chan.send(element)
            #expect(try await chan.tryReceive() == .element(element))
        }
        #expect(try await chan.tryReceive() == .wouldBlock)
        await #expect(throws: ConformanceFailure.timeout) {
            _ = try await chan.receive(.atMost(.milliseconds(2)))
        }
    }

    @Sendable private static func lenEmptyFull(_ context: ConformanceContext, _ capacity: Int64) async throws
    {
        let chan = try await context.client().chan("len", capacity)
        let most = capacity == -1 ? 50 : Int(capacity)
        for length in 0..<most {
            #expect(try await chan.state().length == length)
            #expect(try await chan.trySend(UInt64(length)))
        }
        #expect(try await chan.trySend(99) == (capacity == -1))
        #expect(try await chan.receive() == 0)
        #expect(try await chan.state().length == (capacity == -1 ? most : most - 1))
    }

    @Sendable private static func tryReceive(_ context: ConformanceContext, _ capacity: Int64) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("try", capacity), try await other.chan("try"))
        #expect(try await mine.tryReceive() == .wouldBlock)
        try await theirs.send(7)
        #expect(try await mine.tryReceive() == .element(7))
        try await theirs.close()
        #expect(try await mine.tryReceive() == .closed)
    }

    @Sendable private static func receiveTimeout(
        _ context: ConformanceContext, _ capacity: Int64
    ) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("recv", capacity), try await other.chan("recv"))
        await #expect(throws: ConformanceFailure.timeout) {
            _ = try await mine.receive(.atMost(.milliseconds(3)))
        }
        async let waiting = mine.receive(.atMost(.seconds(100)))
        try await context.until { try await theirs.state().receiveWaiters == 1 }
        try await theirs.send(7)
        #expect(try await waiting == 7)
        try await theirs.send(8)
        try await theirs.close()
        #expect(try await mine.receive(.atMost(.seconds(100))) == 8)
        #expect(try await mine.receive(.atMost(.seconds(100))) == nil)
    }

    @Sendable private static func sendTimeout(_ context: ConformanceContext, _ capacity: Int64) async throws {
        guard capacity > 0 else { return }
        let chan = try await context.client().chan("send", capacity)
        for element in 0..<UInt64(capacity) { try await chan.send(element, .atMost(.seconds(100))) }
        await #expect(throws: ConformanceFailure.timeout) {
            try await chan.send(99, .atMost(.milliseconds(3)))
        }
        async let waiting: Void = chan.send(100, .atMost(.seconds(100)))
        try await context.until { try await chan.state().sendWaiters == 1 }
        #expect(try await chan.receive() == 0)
        try await waiting
        for element in 1..<UInt64(capacity) { #expect(try await chan.receive() == element) }
        #expect(try await chan.receive() == 100)
    }

    @Sendable private static func afterDisconnect(
        _ context: ConformanceContext, _ capacity: Int64
    ) async throws {
        let chan = try await context.client().chan("after", capacity)
        try await chan.send(1)
        #expect(try await chan.close())
        await #expect(throws: ConformanceFailure.closed) { try await chan.send(2) }
        await #expect(throws: ConformanceFailure.closed) { try await chan.send(2, .never) }
        await #expect(throws: ConformanceFailure.closed) { try await chan.send(2, .atMost(.seconds(1))) }
        #expect(try await chan.receive() == 1)
        #expect(try await chan.receive() == nil)
        #expect(try await chan.receive(.atMost(.seconds(1))) == nil)
    }

    @Sendable private static func wakesReceiver(_ context: ConformanceContext, _ capacity: Int64) async throws
    {
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("wake", capacity), try await other.chan("wake"))
        async let waiting = mine.receive()
        try await context.until { try await theirs.state().receiveWaiters == 1 }
        try await theirs.close()
        #expect(try await waiting == nil)
    }

    @Sendable private static func wakesSender(_ context: ConformanceContext, _ capacity: Int64) async throws {
        guard capacity > 0 else { return }
        let (one, other) = (try await context.client(), try await context.client())
        let (mine, theirs) = (try await one.chan("wake", capacity), try await other.chan("wake"))
        for element in 0..<UInt64(capacity) { try await mine.send(element) }
        try await withThrowingTaskGroup(of: ConformanceFailure?.self) { group in
            group.addTask {
                do {
                    try await mine.send(99)
                    return nil
                } catch let failure as ConformanceFailure {
                    return failure
                }
            }
            try await context.until { try await theirs.state().sendWaiters == 1 }
            try await theirs.close()
            #expect(try await group.next() == .closed)
        }
        #expect(try await mine.state().length == Int(capacity))
    }

    @Sendable private static func spsc(_ context: ConformanceContext, _ capacity: Int64) async throws {
        try await stream(context, capacity, tasks: 1, count: 500)
    }

    @Sendable private static func mpmc(_ context: ConformanceContext, _ capacity: Int64) async throws {
        try await stream(context, capacity, tasks: 4, count: 150)
    }

    /// As many receivers as senders share everything, without loss or repetition.
    static func stream(
        _ context: ConformanceContext, _ capacity: Int64, tasks: Int, count: Int
    ) async throws {
        let count = UInt64(context.times(count))
        let chan = try await context.client().chan("stream", capacity)
        let tally = Tally()
        var all: [@Sendable (any ConformanceClient) async throws -> Void] = []
        for sender in 0..<UInt64(tasks) {
            all.append { client in
                let chan = try await client.chan("stream")
                for element in 0..<count { try await chan.send(sender * count + element) }
            }
            all.append { client in
                let chan = try await client.chan("stream")
                var mine: [UInt64] = []
                for _ in 0..<count {
                    if let element = try await chan.receive() { mine.append(element) }
                }
                if tasks == 1 { #expect(mine == mine.sorted()) }
                await tally.note(mine)
            }
        }
        try await context.together(all)
        #expect(await tally.elements.sorted() == Array(0..<UInt64(tasks) * count))
        #expect(try await chan.tryReceive() == .wouldBlock)
    }

    @Sendable private static func stressOneshot(_ context: ConformanceContext, _ capacity: Int64) async throws
    {
        let (one, other) = (try await context.client(), try await context.client())
        for round in 0..<context.times(150) {
            let (mine, theirs) = (
                try await one.chan("shot-\(round)", capacity), try await other.chan("shot-\(round)")
            )
            async let received = mine.receive()
            try await theirs.send(UInt64(round))
            #expect(try await received == UInt64(round))
        }
    }

    /// Timeouts on both sides, and still nothing is lost or doubled.
    @Sendable private static func stressTimeout(_ context: ConformanceContext, _ capacity: Int64) async throws
    {
        let count = UInt64(context.times(60))
        let holder = try await context.client()
        _ = try await holder.chan("st", capacity)
        let tally = Tally()
        try await context.together([
            { client in
                let chan = try await client.chan("st")
                for element in 0..<count {
                    var sent = false
                    while !sent {
                        do {
                            try await chan.send(element, .atMost(.microseconds(300)))
                            sent = true
                        } catch ConformanceFailure.timeout {}
                    }
                }
                try await chan.close()
            },
            { client in
                let chan = try await client.chan("st")
                while true {
                    do {
                        guard let element = try await chan.receive(.atMost(.microseconds(300))) else {
                            return
                        }
                        await tally.note(element)
                    } catch ConformanceFailure.timeout {}
                }
            },
        ])
        #expect(await tally.elements == Array(0..<count))
    }

    @Sendable private static func fairness(_ context: ConformanceContext, _ capacity: Int64) async throws {
        let count = max(200, context.times(1000))
        let client = try await context.client()
        let chans = try await (0..<2).asyncMap { try await client.chan("fair-\($0)", capacity) }
        var wins = [0, 0]
        for _ in 0..<count {
            for chan in chans where try await chan.state().length == 0 { try await chan.send(1) }
            if case .received(_, let index) = try await client.select(chans.map { .receive($0.id) }, .forever)
            {
                wins[index] += 1
            }
        }
        #expect(wins.allSatisfy { $0 >= count / 4 }, "\(wins)")
    }

    @Sendable private static func fairnessDuplicates(
        _ context: ConformanceContext, _ capacity: Int64
    ) async throws {
        let count = max(400, context.times(1000))
        let client = try await context.client()
        let chan = try await client.chan("fair-dup", capacity)
        var wins = [Int](repeating: 0, count: 5)
        for _ in 0..<count {
            try await chan.send(1)
            let cases = [ConformanceCase](repeating: .receive(chan.id), count: 5)
            if case .received(_, let index) = try await client.select(cases, .forever) { wins[index] += 1 }
        }
        #expect(wins.allSatisfy { $0 >= count / 5 / 2 }, "\(wins)")
    }

    /// The value of a send case is there before the select begins, whatever it took to get it (S1).
    @Sendable private static func receiveInSend(_ context: ConformanceContext, _ capacity: Int64) async throws
    {
        let client = try await context.client()
        let chan = try await client.chan("ris", capacity)
        try await chan.send(3)
        let selection = try await client.select([.send(try await chan.receive() ?? 0, chan.id)], .forever)
        #expect(selection == .sent(by: 0))
        #expect(try await chan.receive() == 3)
    }

    /// Batches keep their order and their prefix (24).
    @Sendable private static func batches(_ context: ConformanceContext, _ capacity: Int64) async throws {
        let holder = try await context.client()
        let chan = try await holder.chan("batch", capacity)
        let tally = Tally()
        try await context.together([
            { client in
                let chan = try await client.chan("batch")
                for start in stride(from: 0, to: 60, by: 6) as StrideTo<UInt64> {
                    let (accepted, failure) = await client.send(
                        contentsOf: Array(start..<start + 6), on: chan.id, .forever)
                    #expect(accepted == 6)
                    #expect(failure == nil)
                }
                try await chan.close()
            },
            { client in
                let chan = try await client.chan("batch")
                do {
                    while true {
                        await tally.note(try await client.receive(upTo: 4, from: chan.id, .forever))
                    }
                } catch ConformanceFailure.closed {}
            },
        ])
        #expect(await tally.elements == Array(0..<60))
        let after = await holder.send(contentsOf: [1, 2], on: chan.id, .never)
        #expect(after.accepted == 0)
        #expect(after.failure == .closed)
    }
}
