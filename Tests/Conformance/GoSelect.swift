// SPDX-License-Identifier: Apache-2.0

import Testing

/// What Go's test/chan checks of select.
extension ConformanceBody {
    static let goSelect = [
        ConformanceBody("Go doubleselect: one case commits (S7 S12)", doubleSelect),
        ConformanceBody("Go select: nil channels turn cases off (S6)", turnedOff),
        ConformanceBody("Go select2: nothing is left behind (S14)", nothingLeft),
        ConformanceBody("Go select3: what blocks and what does not (S3 S4 S5 S10)", blocksOrNot),
        ConformanceBody("Go select4: a send that can proceed beside a receive that can't (S4)", onlyOneReady),
        ConformanceBody("Go select6: a losing occurrence is unlinked rightly (S8)", unlinked),
        ConformanceBody("Go select7: the value may be discarded, all nine ways (S16)", discarded),
        ConformanceBody("Go ken/chan: selects against selects (S13)", selectAgainstSelect),
        ConformanceBody("Go select: close wakes a waiting select (S11)", closeWakes),
        ConformanceBody("Go select: its timeout (10)", timesOut),
    ]

    @Sendable private static func doubleSelect(_ context: ConformanceContext) async throws {
        let count = UInt64(context.times(500))
        let holder = try await context.client()
        for index in 0..<4 { _ = try await holder.chan("ds-\(index)", 0) }
        let merged = try await holder.chan("ds-merged", 0)
        var tasks: [@Sendable (any ConformanceClient) async throws -> Void] = [
            { client in
                let chans = try await (0..<4).asyncMap { try await client.chan("ds-\($0)") }
                for element in 0..<count {
                    _ = try await client.select(chans.map { .send(element, $0.id) }, .forever)
                }
                for chan in chans { try await chan.close() }
            }
        ]
        let open = Tally()
        for index in 0..<4 {
            tasks.append { client in
                let chan = try await client.chan("ds-\(index)")
                let merged = try await client.chan("ds-merged")
                while let element = try await chan.receive() { try await merged.send(element) }
                await open.add(1)
                if await open.sum == 4 { try await merged.close() }
            }
        }
        let tally = Tally()
        tasks.append { _ in while let element = try await merged.receive() { await tally.note(element) } }
        try await context.together(tasks)
        let elements = await tally.elements
        #expect(elements.count == Int(count), "each number was sent by one case")
        #expect(Set(elements).count == elements.count)
    }

    @Sendable private static func turnedOff(_ context: ConformanceContext) async throws {
        let count = UInt64(context.times(100))
        let holder = try await context.client()
        _ = try await holder.chan("off", 0)
        let tally = Tally()
        let sender: @Sendable (any ConformanceClient) async throws -> Void = { client in
            let chan = try await client.chan("off")
            var left = count
            while left > 0 {
                // Two cases on the same channel of which one or the other is turned off.
                let cases: [ConformanceCase] =
                    left % 2 == 0 ? [.send(left, chan.id), .never] : [.never, .send(left, chan.id)]
                #expect(try await client.select(cases, .forever) == .sent(by: left % 2 == 0 ? 0 : 1))
                left -= 1
            }
        }
        let receiver: @Sendable (any ConformanceClient) async throws -> Void = { client in
            let chan = try await client.chan("off")
            for _ in 0..<2 * count { await tally.note(try await chan.receive() ?? 0) }
        }
        try await context.together([sender, sender, receiver])
        #expect(await tally.sum == 0)
        #expect(await tally.elements.reduce(0, +) == count * (count + 1))
    }

    @Sendable private static func nothingLeft(_ context: ConformanceContext) async throws {
        let count = UInt64(context.times(500))
        let holder = try await context.client()
        let (quiet, busy) = (try await holder.chan("quiet", 0), try await holder.chan("busy", 0))
        try await context.together([
            { client in
                let chan = try await client.chan("busy")
                for element in 0..<count { try await chan.send(element) }
            },
            { client in
                let (quiet, busy) = (try await client.chan("quiet"), try await client.chan("busy"))
                for element in 0..<count {
                    let selection = try await client.select(
                        [.receive(quiet.id), .receive(busy.id)], .forever)
                    #expect(selection == .received(element, by: 1))
                }
                #expect(try await quiet.state().receiveWaiters == 0)
            },
        ])
        #expect(try await quiet.state().receiveWaiters == 0)
        #expect(try await busy.state().receiveWaiters == 0)
    }

    @Sendable private static func blocksOrNot(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let zero = try await client.chan("b-zero", 0)
        let (empty, full) = (try await client.chan("b-empty", 1), try await client.chan("b-full", 1))
        let closed = try await client.chan("b-closed", 1)
        try await full.send(5)
        try await closed.close()
        let blocks: [[ConformanceCase]] = [
            [], [.never], [.never, .never], [.receive(zero.id)], [.send(1, zero.id)], [.receive(empty.id)],
            [.send(1, full.id)], [.receive(zero.id), .send(1, full.id), .never],
            [.send(1, zero.id), .receive(zero.id)],
        ]
        for cases in blocks {
            #expect(try await client.select(cases, .never) == .wouldBlock, "\(cases)")
            #expect(try await client.select(cases, .atMost(.milliseconds(1))) == .timeout, "\(cases)")
        }
        for wait in [ConformanceWait.never, .forever, .atMost(.seconds(100))] {
            #expect(try await client.select([.receive(full.id)], wait) == .received(5, by: 0))
            #expect(try await client.select([.never, .send(5, full.id)], wait) == .sent(by: 1))
            #expect(
                try await client.select([.receive(zero.id), .receive(closed.id)], wait)
                    == .received(nil, by: 1))
            #expect(try await client.select([.send(1, closed.id), .never], wait) == .sendFailed(by: 0))
        }
    }

    @Sendable private static func onlyOneReady(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let (one, other) = (try await client.chan("s4-1", 1), try await client.chan("s4-2", 0))
        #expect(try await client.select([.receive(other.id), .send(42, one.id)], .forever) == .sent(by: 1))
        #expect(
            try await client.select([.receive(one.id), .receive(other.id)], .forever)
                == .received(42, by: 0))
    }

    @Sendable private static func unlinked(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let (first, second) = (try await one.chan("s6-1", 0), try await one.chan("s6-2", 0))
        let theirs = try await other.chan("s6-1")
        // A plain receive waits behind a select with the same channel; the select is won elsewhere.
        async let selected = one.select([.receive(first.id), .receive(second.id)], .forever)
        try await context.until { try await first.state().receiveWaiters == 1 }
        async let plain = theirs.receive()
        try await context.until { try await first.state().receiveWaiters == 2 }
        try await second.send(1)
        #expect(try await selected == .received(1, by: 1))
        try await first.send(2)
        #expect(try await plain == 2)
    }

    @Sendable private static func discarded(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        for (index, wait) in [ConformanceWait.forever, .never, .atMost(.seconds(100))].enumerated() {
            let chan = try await client.chan("s7-\(index)", 3)
            for _ in 0..<3 { try await chan.send(1) }
            _ = try await client.select([.receive(chan.id)], wait)
            _ = try await client.select([.receive(chan.id), .never], wait)
            _ = try await client.select([.never, .receive(chan.id), .receive(chan.id)], wait)
            #expect(try await chan.state().length == 0)
        }
    }

    @Sendable private static func selectAgainstSelect(_ context: ConformanceContext) async throws {
        for width in [1, 2, 4, 8] {
            let count = UInt64(context.times(100))
            let holder = try await context.client()
            let names = (0..<width).map { "sas-\(width)-\($0)" }
            for name in names { _ = try await holder.chan(name, 0) }
            let tally = Tally()
            try await context.together([
                { client in
                    let chans = try await names.asyncMap { try await client.chan($0) }
                    for element in 0..<count {
                        _ = try await client.select(chans.map { .send(element, $0.id) }, .forever)
                    }
                },
                { client in
                    let chans = try await names.reversed().asyncMap { try await client.chan($0) }
                    for _ in 0..<count {
                        let selection = try await client.select(chans.map { .receive($0.id) }, .forever)
                        if case .received(let element?, _) = selection { await tally.note(element) }
                    }
                },
            ])
            #expect(await tally.elements == Array(0..<count))
        }
    }

    @Sendable private static func closeWakes(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        for index in 0..<3 {
            let chans = try await (0..<3).asyncMap { try await client.chan("cw-\(index)-\($0)", 0) }
            let cases: [ConformanceCase] = [
                .receive(chans[0].id), .send(1, chans[1].id), .receive(chans[2].id),
            ]
            async let selected = client.select(cases, .forever)
            try await context.until { try await chans[2].state().receiveWaiters == 1 }
            try await chans[index].close()
            #expect(try await selected == (index == 1 ? .sendFailed(by: 1) : .received(nil, by: index)))
        }
    }

    @Sendable private static func timesOut(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let chan = try await client.chan("to", 0)
        let clock = ContinuousClock()
        let start = clock.now
        let cases: [ConformanceCase] = [.receive(chan.id), .send(1, chan.id)]
        #expect(try await client.select(cases, .atMost(.milliseconds(20))) == .timeout)
        #expect(clock.now - start >= .milliseconds(20))
        #expect(try await chan.state().receiveWaiters == 0)
        await #expect(throws: ConformanceFailure.timeout) {
            _ = try await chan.receive(.atMost(.milliseconds(5)))
        }
        await #expect(throws: ConformanceFailure.timeout) {
            try await chan.send(1, .atMost(.milliseconds(5)))
        }
        #expect(try await chan.state().sendWaiters == 0)
    }
}
