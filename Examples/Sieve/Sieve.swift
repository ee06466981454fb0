// SPDX-License-Identifier: Apache-2.0

import Channels

/// The sieve inside one program: every filter a task, every edge a rendezvous channel.
@main
struct Sieve {
    static func main() async throws {
        let client = try await ChandClient.connect(name: "sieve")
        let primes = try await client.run { try await sieve(below: 300, on: client) }
        print(primes.map(String.init).joined(separator: " "))
        await client.close()
    }

    private static func sieve(below limit: Int, on client: ChandClient) async throws -> [Int] {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var input = try await client.channel("sieve/0", capacity: 0, of: Int.self)
            let generated = input
            group.addTask {
                for number in 2..<limit { try await generated.send(number) }
                _ = try await generated.close()
            }
            var primes: [Int] = []
            while let prime = try? await input.receive() {
                primes.append(prime)
                let source = input
                let output = try await client.channel("sieve/\(primes.count)", capacity: 0, of: Int.self)
                group.addTask {
                    for try await number in source where number % prime != 0 { try await output.send(number) }
                    _ = try await output.close()
                }
                input = output
            }
            try await group.waitForAll()
            return primes
        }
    }
}
