// SPDX-License-Identifier: Apache-2.0

import Testing

/// Go's programs that are tests: every filter is a task with a client of its own.
extension ConformanceBody {
    static let goPrograms = [
        ConformanceBody("Go sieve1: a prime sieve of rendezvous channels (G1 G12)") { context in
            try await sieve(context, capacity: 0)
        },
        ConformanceBody("Go sieve2: the same with buffers") { context in try await sieve(context, capacity: 3)
        },
        ConformanceBody("Go powser2: a tree of streams by request and reply", streams),
    ]

    private static func sieve(_ context: ConformanceContext, capacity: Int64) async throws {
        let count = min(max(3, context.times(40)), 40)
        let expected: [UInt64] = [
            2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
            101,
            103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173,
        ]
        let limit = expected[count - 1]
        let holder = try await context.client()
        for stage in 0...count { _ = try await holder.chan("sieve-\(capacity)-\(stage)", capacity) }
        let primes = Tally()
        var tasks: [@Sendable (any ConformanceClient) async throws -> Void] = [
            { client in
                let first = try await client.chan("sieve-\(capacity)-0")
                for number in 2...limit { try await first.send(number) }
                try await first.close()
            }
        ]
        for stage in 0..<count {
            tasks.append { client in
                let input = try await client.chan("sieve-\(capacity)-\(stage)")
                let output = try await client.chan("sieve-\(capacity)-\(stage + 1)")
                guard let prime = try await input.receive() else { return }
                await primes.note(prime)
                while let number = try await input.receive() {
                    if number % prime != 0 { try await output.send(number) }
                }
                try await output.close()
            }
        }
        try await context.together(tasks)
        #expect(await primes.elements.sorted() == Array(expected.prefix(count)))
    }

    /// As in powser: a consumer asks for each term on one channel and gets it on another; the product of two
    /// streams is computed by a third task that asks both.
    @Sendable private static func streams(_ context: ConformanceContext) async throws {
        let count = UInt64(min(context.times(12), 12))
        let holder = try await context.client()
        for name in ["one", "two", "product"] {
            _ = try await holder.chan("\(name)-ask", 0)
            _ = try await holder.chan("\(name)-term", 0)
        }
        // The terms of 1/(1-x) and of its derivative: 1 and n + 1.
        let serve:
            @Sendable (String, @escaping @Sendable (UInt64) -> UInt64) ->
                @Sendable (any ConformanceClient) async throws -> Void = { name, term in
                    { client in
                        let ask = try await client.chan("\(name)-ask")
                        let answer = try await client.chan("\(name)-term")
                        var index: UInt64 = 0
                        while try await ask.receive() != nil {
                            try await answer.send(term(index))
                            index += 1
                        }
                    }
                }
        let results = Tally()
        try await context.together([
            serve("one") { _ in 1 }, serve("two") { $0 + 1 },
            { client in
                let asks = try await ["one", "two"].asyncMap { try await client.chan("\($0)-ask") }
                let terms = try await ["one", "two"].asyncMap { try await client.chan("\($0)-term") }
                let (ask, answer) = (
                    try await client.chan("product-ask"), try await client.chan("product-term")
                )
                var known: [[UInt64]] = [[], []]
                while try await ask.receive() != nil {
                    // Both at once, in whatever order they come.
                    for chan in asks { try await chan.send(0) }
                    var cases = terms.map { ConformanceCase.receive($0.id) }
                    for _ in 0..<2 {
                        if case .received(let term?, let index) = try await client.select(cases, .forever) {
                            known[index].append(term)
                            cases[index] = .never
                        }
                    }
                    let last = known[0].count - 1
                    try await answer.send((0...last).reduce(0) { $0 + known[0][$1] * known[1][last - $1] })
                }
                for chan in asks { try await chan.close() }
            },
            { client in
                let (ask, answer) = (
                    try await client.chan("product-ask"), try await client.chan("product-term")
                )
                for _ in 0..<count {
                    try await ask.send(0)
                    await results.note(try await answer.receive() ?? 0)
                }
                try await ask.close()
            },
        ])
        // 1/(1-x)^3: the triangular numbers.
        #expect(await results.elements == (1...count).map { $0 * ($0 + 1) / 2 })
    }
}
