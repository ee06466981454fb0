// SPDX-License-Identifier: Apache-2.0

import Channels

/// Every filter a task, every edge a rendezvous channel; it ends because every filter closes what it feeds.
enum Sieve {
    static func run() throws {
        let found = try go {
            let numbers = Chan<Int>()
            go { try await generate(into: numbers) }
            return try await primes(from: numbers) { input, prime in
                let output = Chan<Int>()
                go { try await filter(input, by: prime, into: output) }
                return output
            }
        }.result()
        show(found)
    }

    static func show(_ primes: [Int]) { print(primes.map(String.init).joined(separator: " ")) }

    static func generate(into output: Chan<Int>) async throws {
        for number in 2..<300 { try await output.send(number) }
        try await output.close()
    }

    static func filter(_ input: Chan<Int>, by prime: Int, into output: Chan<Int>) async throws {
        for try await number in input where number % prime != 0 { try await output.send(number) }
        try await output.close()
    }

    /// The first number of each edge is prime, and those that it does not divide are the next edge's.
    static func primes(
        from numbers: Chan<Int>, next: (_ input: Chan<Int>, _ prime: Int) async throws -> Chan<Int>
    ) async throws -> [Int] {
        var primes: [Int] = []
        var source = numbers
        while let prime = try await first(of: source) {
            primes.append(prime)
            source = try await next(source, prime)
        }
        return primes
    }

    private static func first(of source: Chan<Int>) async throws -> Int? {
        for try await number in source { return number }
        return nil
    }
}
