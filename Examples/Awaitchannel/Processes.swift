// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels

/// The examples with every task a process of its own: this program again, with the task's name.
///
/// It is about the same channels of a daemon, under a name of this run; the first process keeps them until the end, so that
/// it does not matter which process is late.
struct Processes {
    private let client: ChandClient
    private let run: String

    static func run(_ example: Example, _ unit: Duration?) throws {
        try go {
            let client = try await ChandClient.connect(name: "awaitchannel")
            try await Processes(client: client, run: "\(ThisProcess.pid)").perform(example, unit)
            await client.close()
        }.result()
    }

    private func perform(_ example: Example, _ unit: Duration?) async throws {
        switch example {
        case .future:
            let channel: Chan<Int> = try await self.channel("future")
            try await wait(for: [start("send"), start("receive")])
            await channel.release()
        case .sieve:
            var edges: [Chan<Int>] = [try await edge(0)]
            var tasks = [try start("generate")]
            let primes = try await Sieve.primes(from: edges[0]) { _, prime in
                let next = try await edge(edges.count)
                tasks.append(try start("filter", "\(edges.count)", "\(prime)"))
                edges.append(next)
                return next
            }
            try await wait(for: tasks)
            Sieve.show(primes)
        case .simple:
            let channel: Chan<String> = try await self.channel("simple")
            let pause = milliseconds(unit ?? Simple.pause)
            let consumers = try Simple.consumers.map { try start("consume", $0, pause) }
            try await wait(for: try Simple.producers.map { try start("produce", $0) })
            try await channel.close()
            try await wait(for: consumers)
            print("closed")
        case .misc:
            let channel: Chan<Int> = try await self.channel("misc")
            let receivers = try Misc.receivers.map { try start("take", $0) }
            try await wait(for: receivers + [start("count"), start("iterate"), start("select")])
            await channel.release()
        case .blocking:
            let unit = milliseconds(unit ?? Blocking.unit)
            try await wait(for: [start("one-by-one", unit)])
            try await wait(for: [start("at-once", unit)])
        }
    }

    /// One task, in its own process.
    static func runTask(_ arguments: [String]) throws {
        guard arguments.count >= 2 else { throw Wrong(arguments) }
        let client = try go { try await ChandClient.connect(name: "awaitchannel \(arguments[1])") }.result()
        let processes = Processes(client: client, run: arguments[0])
        if arguments[1] == "receive" {
            // The one that waits without being async.
            try Future.got(go { try await processes.channel("future") }.result())
        } else {
            try go { try await processes.run(task: arguments[1], Array(arguments.dropFirst(2))) }.result()
        }
        try go { await client.close() }.result()
    }

    private func run(task: String, _ arguments: [String]) async throws {
        let first = arguments.first ?? ""
        let number = Int(first) ?? 0
        switch (task, arguments.count) {
        case ("send", 0): try await Future.send(channel("future"))
        case ("generate", 0): try await Sieve.generate(into: edge(0))
        case ("filter", 2):
            try await Sieve.filter(edge(number - 1), by: Int(arguments[1]) ?? 1, into: edge(number))
        case ("consume", 2):
            try await Simple.consume(channel("simple"), as: first, .milliseconds(Int(arguments[1]) ?? 0))
        case ("produce", 1): try await Simple.produce(into: channel("simple"), as: first)
        case ("count", 0): try await Misc.produce(into: channel("misc"))
        case ("iterate", 0): try await Misc.iterate(channel("misc"))
        case ("take", 1): try await Misc.receive(from: channel("misc"), as: first)
        case ("select", 0): try await Misc.selects(channel("rendezvous"), channel("sized", capacity: 1))
        case ("one-by-one", 1): try await Blocking.oneByOne(.milliseconds(number))
        case ("at-once", 1): try await Blocking.atOnce(.milliseconds(number))
        default: throw Wrong([task] + arguments)
        }
    }

    private func channel<Element: ChanElement>(
        _ name: String, capacity: Int = 0
    ) async throws -> Chan<Element> {
        try await client.channel("awaitchannel/\(run)/\(name)", capacity: capacity)
    }

    private func edge(_ number: Int) async throws -> Chan<Int> { try await channel("edge-\(number)") }

    private func start(_ task: String, _ arguments: String...) throws -> ChildProcess {
        try ChildProcess.spawn(ThisProcess.executablePath(), arguments: ["task", run, task] + arguments)
    }

    private func wait(for tasks: [ChildProcess]) async throws {
        for task in tasks {
            guard try await runBlocking({ try task.wait() }).isSuccess else { throw Wrong(["\(task.pid)"]) }
        }
    }

    private func milliseconds(_ duration: Duration) -> String { "\(Int(duration / .milliseconds(1)))" }
}

/// A task that there is not, or that failed.
private struct Wrong: Error {
    let what: [String]
    init(_ what: [String]) { self.what = what }
}
