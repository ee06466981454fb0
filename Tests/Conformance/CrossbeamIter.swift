// SPDX-License-Identifier: Apache-2.0

import Testing

/// What crossbeam-channel's tests of iteration check, and of iteration that ends by itself.
extension ConformanceBody {
    static let crossbeamIter = [
        ConformanceBody("crossbeam iter: nested_recv_iter (G20)", nestedReceive),
        ConformanceBody("crossbeam iter: recv_iter_break", breakOff),
        ConformanceBody("crossbeam iter: recv_try_iter", tryIterate),
        ConformanceBody("crossbeam iter: recv_into_iter_owned", owned),
        ConformanceBody("iter: several loops share a channel and all end (G20)", shared),
    ]

    @Sendable private static func nestedReceive(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let (chan, total) = (try await client.chan("nested", -1), try await client.chan("total", -1))
        try await context.together([
            { client in
                let chan = try await client.chan("nested")
                var sum: UInt64 = 0
                try await chan.forEach { sum += $0 }
                try await client.chan("total").send(sum)
            },
            { _ in
                for element in [3, 1, 2] as [UInt64] { try await chan.send(element) }
                try await chan.close()
            },
        ])
        #expect(try await total.receive() == 6)
    }

    @Sendable private static func breakOff(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let (chan, count) = (try await client.chan("break", -1), try await client.chan("break-count", -1))
        async let counted: Void = {
            var seen: UInt64 = 0
            while let element = try await chan.receive() {
                if seen >= 3 { break }
                seen += element
            }
            try await count.send(seen)
        }()
        for _ in 0..<3 { try await chan.send(2) }
        try await counted
        #expect(try await count.receive() == 4)
        // The loop that broke off has no receive under way.
        #expect(try await chan.state().receiveWaiters == 0)
    }

    @Sendable private static func tryIterate(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let (request, response) = (try await client.chan("req", 1), try await client.chan("res", -1))
        async let answered: UInt64 = {
            var count: UInt64 = 0
            while count < 6 {
                while case .element(let element) = try await response.tryReceive() { count += element }
                _ = try await request.trySend(1)
                await Task.yield()
            }
            return count
        }()
        for _ in 0..<3 where try await request.receive() != nil { try await response.send(2) }
        #expect(try await answered == 6)
    }

    @Sendable private static func owned(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let chan = try await client.chan("owned", -1)
        try await chan.send(1)
        try await chan.send(2)
        try await chan.close()
        #expect(try await chan.collect() == [1, 2])
        #expect(try await chan.collect() == [])
    }

    @Sendable private static func shared(_ context: ConformanceContext) async throws {
        let count = UInt64(context.times(200))
        let holder = try await context.client()
        _ = try await holder.chan("shared", 2)
        let tally = Tally()
        let consumer: @Sendable (any ConformanceClient) async throws -> Void = { client in
            await tally.note(try await client.chan("shared").collect())
        }
        try await context.together([
            consumer, consumer, consumer, consumer,
            { client in
                let chan = try await client.chan("shared")
                for element in 0..<count { try await chan.send(element) }
                try await chan.close()
            },
        ])
        #expect(await tally.elements.sorted() == Array(0..<count))
    }
}
