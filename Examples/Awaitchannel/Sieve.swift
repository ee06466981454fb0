// SPDX-License-Identifier: Apache-2.0

import Channels

/// Every filter a task, every edge a rendezvous channel; it ends because every filter closes what it feeds.
enum Sieve {
    static func run() throws {
        let primes = try go {
            var primes: [Int] = []
            var source = generate(below: 300)
            while let prime = try await first(of: source) {
                primes.append(prime)
                source = filter(source, by: prime)
            }
            return primes
        }.result()
        print(primes.map(String.init).joined(separator: " "))
    }

    private static func generate(below limit: Int) -> Chan<Int>.Receiver {
        let output = Chan<Int>()
        go {
            for number in 2..<limit { try await output.send(number) }
            try await output.close()
        }
        return output.receiver
    }

    private static func filter(_ input: Chan<Int>.Receiver, by prime: Int) -> Chan<Int>.Receiver {
        let output = Chan<Int>()
        go {
            for try await number in input where number % prime != 0 { try await output.send(number) }
            try await output.close()
        }
        return output.receiver
    }

    private static func first(of source: Chan<Int>.Receiver) async throws -> Int? {
        for try await number in source { return number }
        return nil
    }
}
