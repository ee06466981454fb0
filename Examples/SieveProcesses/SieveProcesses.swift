// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels
import Glibc

/// A prime sieve in which every filter is a process of its own and every edge a rendezvous channel.
///
/// `sieve-processes N` prints the primes below N, then what it took. It starts itself again as the generator
/// and, for each prime that comes out of the last edge, as a filter that passes on what the prime doesn't divide.
@main
struct SieveProcesses {
    static func main() async {
        do {
            let arguments = CommandLine.arguments.dropFirst()
            switch arguments.first {
            case "generate": try await generate(Array(arguments.dropFirst()))
            case "filter": try await filter(Array(arguments.dropFirst()))
            default: try await sieve(below: arguments.first.flatMap { Int($0) } ?? 300)
            }
        } catch {
            say("sieve-processes: \(error)", to: 2)
            exit(1)
        }
    }

    /// Sends 2 to N-1 into the first edge.
    private static func generate(_ arguments: [String]) async throws {
        guard arguments.count == 2, let limit = Int(arguments[1]) else { throw WrongArguments() }
        let client = try await ChandClient.connect(name: "sieve generate")
        try await client.run {
            let output = try await edge(arguments[0], of: client, role: .send)
            for number in stride(from: 2, to: limit, by: 1) { try await output.send(number) }
            _ = try await output.close()
        }
        await client.close()
    }

    /// Passes on what its prime does not divide.
    private static func filter(_ arguments: [String]) async throws {
        guard arguments.count == 3, let prime = Int(arguments[2]) else { throw WrongArguments() }
        let client = try await ChandClient.connect(name: "sieve filter \(prime)")
        try await client.run {
            let input = try await edge(arguments[0], of: client, role: .receive)
            let output = try await edge(arguments[1], of: client, role: .send)
            for try await number in input where number % prime != 0 { try await output.send(number) }
            _ = try await output.close()
        }
        await client.close()
    }

    private static func sieve(below limit: Int) async throws {
        let began = MonotonicClock.now()
        let client = try await ChandClient.connect(name: "sieve")
        let prefix = "sieve/\(ThisProcess.pid)"
        var processes = [try start("generate", "\(prefix)/0", "\(limit)")]
        var edges = [try await edge("\(prefix)/0", of: client, role: .receive)]
        var primes: [Int] = []
        while let last = edges.last, let prime = try await first(of: last) {
            primes.append(prime)
            let next = "\(prefix)/\(edges.count)"
            // Held until the end, so that an edge outlives its sender's exit even if its receiver starts late.
            edges.append(try await edge(next, of: client, role: .receive))
            processes.append(try start("filter", "\(prefix)/\(edges.count - 2)", next, "\(prime)"))
        }
        say(primes.map(String.init).joined(separator: " "))
        var messages: UInt64 = 0
        for edge in edges { messages += try await edge.status().accepted }
        for process in processes {
            guard try process.wait().isSuccess else { throw FilterFailed() }
        }
        await client.close()
        let milliseconds = (MonotonicClock.now() - began) / 1_000_000
        let seconds = "\(milliseconds / 1000).\(String(1000 + milliseconds % 1000).dropFirst())"
        say("\(processes.count + 1) processes, \(messages) messages, \(seconds) seconds")
    }

    /// The next prime, nil once the edge is closed.
    private static func first(of edge: Chan<Int>) async throws -> Int? {
        do { return try await edge.receive() } catch is ChannelClosed { return nil }
    }

    /// An edge closes with its sender, so that a filter that is killed ends the sieve instead of stopping it.
    private static func edge(_ name: String, of client: ChandClient, role: ChannelRole) async throws -> Chan<
        Int
    > {
        try await client.channel(
            name, capacity: 0, of: Int.self, role: role, options: ChannelOptions(closeWithLastSender: true))
    }

    private static func start(_ arguments: String...) throws -> ChildProcess {
        try ChildProcess.spawn(ThisProcess.executablePath(), arguments: arguments)
    }

    private static func say(_ line: String, to descriptor: Int32 = 1) {
        // A reader that went away is no reason to fail.
        try? Array("\(line)\n".utf8).withUnsafeBytes { try Transfer.writeAll(descriptor, $0) }
    }
}

private struct WrongArguments: Error {}
private struct FilterFailed: Error {}
