// SPDX-License-Identifier: Apache-2.0

import Testing

/// What Go's runtime/chan_test.go checks.
extension ConformanceBody {
    static let goRuntime = [
        ConformanceBody("Go TestChan: blocking, closing, order, sums (G1 G7 G8 G10 G12)") { context in
            for capacity in [0, 1, 7, 100] as [Int64] { try await testChan(context, capacity) }
        },
        ConformanceBody("Go TestNonblockRecvRace (G17)", nonblockRecvRace),
        ConformanceBody("Go TestNonblockSelectRace, 2 (G17 S15)", nonblockSelectRace),
        ConformanceBody("Go TestSelfSelect (S9)") { context in
            for capacity in [0, 10] as [Int64] { try await selfSelect(context, capacity) }
        },
        ConformanceBody("Go TestSelectStress (S6 S13)", selectStress),
        ConformanceBody("Go TestSelectFairness (S2)", selectFairness),
        ConformanceBody("Go TestPseudoRandomSend (S2 S8)", pseudoRandomSend),
        ConformanceBody("Go TestMultiConsumer (G12 G20)", multiConsumer),
        ConformanceBody("Go TestSelectDuplicateChannel (S8)", selectDuplicateChannel),
    ]

    private static func testChan(_ context: ConformanceContext, _ capacity: Int64) async throws {
        let client = try await context.client()
        // A receive from an empty channel waits until close, which wakes it.
        let empty = try await client.chan("empty-\(capacity)", capacity)
        async let blocked = empty.receive()
        try await context.until { try await empty.state().receiveWaiters == 1 }
        #expect(try await empty.tryReceive() == .wouldBlock)
        try await empty.close()
        #expect(try await blocked == nil)
        // A send to a full channel waits.
        let full = try await client.chan("full-\(capacity)", capacity)
        for element in 0..<UInt64(capacity) { try await full.send(element) }
        async let late: Void = full.send(UInt64(capacity))
        try await context.until { try await full.state().sendWaiters == 1 }
        #expect(try await full.trySend(99) == false)
        #expect(try await full.receive() == 0)
        try await late
        // What is in a closed channel comes first, then closed, again and again.
        let closed = try await client.chan("closed-\(capacity)", capacity)
        for element in 0..<UInt64(capacity) { try await closed.send(element) }
        try await closed.close()
        for element in 0..<UInt64(capacity) { #expect(try await closed.receive() == element) }
        for _ in 0..<3 {
            #expect(try await closed.receive() == nil)
            #expect(try await closed.tryReceive() == .closed)
        }
        try await sums(context, capacity)
    }

    /// Four senders, four receivers: each receiver sees each sender's elements ascend, and none is lost.
    private static func sums(_ context: ConformanceContext, _ capacity: Int64) async throws {
        let name = "sums-\(capacity)"
        let (senders, count) = (4, UInt64(context.times(200)))
        let holder = try await context.client()
        _ = try await holder.chan(name, capacity)
        let tally = Tally()
        var tasks: [@Sendable (any ConformanceClient) async throws -> Void] = []
        for sender in 0..<UInt64(senders) {
            tasks.append { client in
                let chan = try await client.chan(name)
                for element in 0..<count { try await chan.send(sender * 1_000_000 + element) }
            }
            tasks.append { client in
                let chan = try await client.chan(name)
                var last: [UInt64: UInt64] = [:]
                for _ in 0..<count {
                    guard let element = try await chan.receive() else { break }
                    let from = element / 1_000_000
                    if let before = last.updateValue(element, forKey: from) { #expect(before < element) }
                    await tally.note(element)
                }
            }
        }
        try await context.together(tasks)
        let elements = await tally.elements
        #expect(elements.count == senders * Int(count))
        #expect(Set(elements).count == elements.count)
    }

    @Sendable private static func nonblockRecvRace(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        for round in 0..<context.times(300) {
            let chan = try await client.chan("race-\(round)", 1)
            try await chan.send(1)
            async let first = chan.tryReceive()
            try await chan.close()
            let met = try await chan.receive()
            // It found the element or the closed channel: at no instant was there nothing. Only while the
            // element's delivery to the receive is unsettled, and could come back, a try blocks (rule 4).
            #expect(try await first != .wouldBlock || met == 1)
        }
    }

    @Sendable private static func nonblockSelectRace(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        for round in 0..<context.times(300) {
            let one = try await client.chan("one-\(round)", 1)
            let other = try await client.chan("other-\(round)", 1)
            try await one.send(1)
            async let tried = client.select([.receive(one.id), .receive(other.id)], .never)
            if round % 2 == 0 { try await other.send(1) } else { try await other.close() }
            _ = try await one.tryReceive()
            // First `one` was ready, then both, then `other`: never none.
            #expect(try await tried != .wouldBlock)
        }
    }

    private static func selfSelect(_ context: ConformanceContext, _ capacity: Int64) async throws {
        let count = context.times(300)
        let name = "self-\(capacity)"
        let holder = try await context.client()
        let held = try await holder.chan(name, capacity)
        let task: @Sendable (UInt64) -> @Sendable (any ConformanceClient) async throws -> Void = { mine in
            { client in
                let chan = try await client.chan(name)
                for _ in 0..<count {
                    let selection = try await client.select(
                        mine == 0
                            ? [.send(mine, chan.id), .receive(chan.id)]
                            : [.receive(chan.id), .send(mine, chan.id)], .forever)
                    if capacity == 0, case .received(let element, _) = selection {
                        #expect(element == 1 - mine, "a select met itself")
                    }
                }
            }
        }
        try await context.together([task(0), task(1)])
        #expect(try await held.state().sendWaiters == 0)
    }

    @Sendable private static func selectStress(_ context: ConformanceContext) async throws {
        let count = UInt64(context.times(100))
        let names = (0..<4).map { "stress-\($0)" }
        let capacities: [Int64] = [0, 0, 2, 3]
        let holder = try await context.client()
        for (name, capacity) in zip(names, capacities) { _ = try await holder.chan(name, capacity) }
        var tasks: [@Sendable (any ConformanceClient) async throws -> Void] = []
        for name in names {
            tasks.append { client in
                let chan = try await client.chan(name)
                for element in 0..<count { try await chan.send(element) }
            }
            tasks.append { client in
                let chan = try await client.chan(name)
                for _ in 0..<count { #expect(try await chan.receive() != nil) }
            }
        }
        // And one who sends on all by select, one who receives so; done channels become nil.
        for sends in [true, false] {
            tasks.append { client in
                var chans: [Chan] = []
                for name in names { chans.append(try await client.chan(name)) }
                var left = [UInt64](repeating: count, count: names.count)
                while left.contains(where: { $0 > 0 }) {
                    let cases = chans.indices.map { index -> ConformanceCase in
                        left[index] == 0
                            ? .never : sends ? .send(7, chans[index].id) : .receive(chans[index].id)
                    }
                    switch try await client.select(cases, .forever) {
                    case .sent(let index), .received(.some, let index): left[index] -= 1
                    case let other: Issue.record("\(other)")
                    }
                }
            }
        }
        try await context.together(tasks)
        for name in names { #expect(try await holder.chan(name).state().length == 0) }
    }

    @Sendable private static func selectFairness(_ context: ConformanceContext) async throws {
        let trials = context.times(2000)
        let client = try await context.client()
        let (one, other) = (try await client.chan("fair-1", 0), try await client.chan("fair-2", 0))
        try await one.close()
        try await other.close()
        var wins = [0, 0]
        for _ in 0..<trials {
            if case .received(nil, let index) = try await client.select(
                [.receive(one.id), .receive(other.id)], .forever)
            {
                wins[index] += 1
            }
        }
        // Five nines, as in Go.
        let margin = 4.4172 / (2 * Double(trials).squareRoot())
        let share = Double(wins[0]) / Double(trials)
        #expect(wins[0] + wins[1] == trials)
        #expect(abs(share - 0.5) <= margin, "\(wins)")
    }

    @Sendable private static func pseudoRandomSend(_ context: ConformanceContext) async throws {
        let trials = max(100, context.times(400))
        let client = try await context.client()
        let chan = try await client.chan("random", -1)
        var ones = 0
        for _ in 0..<trials {
            _ = try await client.select([.send(0, chan.id), .send(1, chan.id)], .forever)
            if try await chan.receive() == 1 { ones += 1 }
        }
        #expect(ones > trials / 10 && ones < trials * 9 / 10)
    }

    @Sendable private static func multiConsumer(_ context: ConformanceContext) async throws {
        let (workers, count) = (5, UInt64(context.times(500)))
        let holder = try await context.client()
        let (queue, results) = (try await holder.chan("queue", 23), try await holder.chan("results", 23))
        let primes: [UInt64] = [2, 3, 7, 11, 13, 17, 19, 23, 27, 31]
        let tally = Tally()
        let done = Tally()
        var tasks: [@Sendable (any ConformanceClient) async throws -> Void] = []
        for _ in 0..<workers {
            tasks.append { client in
                let (queue, results) = (try await client.chan("queue"), try await client.chan("results"))
                while let element = try await queue.receive() { try await results.send(element) }
                await done.add(1)
                if await done.sum == UInt64(workers) { try await results.close() }
            }
        }
        tasks.append { _ in
            for element in 0..<count { try await queue.send(primes[Int(element) % primes.count]) }
            try await queue.close()
        }
        tasks.append { _ in
            while let element = try await results.receive() { await tally.note(element) }
        }
        try await context.together(tasks)
        let expected = (0..<count).map { primes[Int($0) % primes.count] }
        #expect(await tally.elements.count == expected.count)
        #expect(await tally.elements.reduce(0, +) == expected.reduce(0, +))
    }

    @Sendable private static func selectDuplicateChannel(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let (one, other) = (try await client.chan("dup", 0), try await client.chan("dup-other", 0))
        async let selected = client.select(
            [.receive(one.id), .receive(one.id), .receive(other.id)], .forever)
        try await context.until { try await one.state().receiveWaiters == 2 }
        async let second = one.receive()
        try await context.until { try await one.state().receiveWaiters == 3 }
        try await other.send(1)
        #expect(try await selected == .received(1, by: 2))
        try await one.send(2)
        #expect(try await second == 2)
    }
}
