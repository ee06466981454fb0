// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Measures round trips.
struct Ping: Verb {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Measures how long the daemon takes to answer.",
        usage: "chanctl ping [-n COUNT] [--json]",
        discussion: """
            Sends one ping after the other and shows the percentiles of their round trips.

            With --json: an object with version (1), daemon (name and version), socket, count, and \
            min_seconds, p50_seconds, p90_seconds, p99_seconds and max_seconds.
            """)

    @OptionGroup var common: CommonOptions

    @Option(
        name: .customShort("n"), help: ArgumentHelp("How many pings.", valueName: "COUNT"),
        transform: Self.count)
    var count = 100

    private static func count(_ text: String) throws -> Int {
        if let count = Int(text), (1...1_000_000).contains(count) { return count }
        throw ValidationError("\"\(text)\" is no number of pings; it is one from 1 to 1000000")
    }

    func perform(_ client: ChandClient) async throws {
        let count = count
        let times = try await client.run {
            var times: [Duration] = []
            times.reserveCapacity(count)
            for _ in 0..<count {
                try Task.checkCancellation()
                times.append(try await client.ping())
            }
            return times.sorted()
        }
        let marks: [(name: String, time: Duration)] = [
            ("min", 0), ("p50", 50), ("p90", 90), ("p99", 99), ("max", 100),
        ]
        .map { ($0, times[Quantities.rank($1, of: times.count)]) }
        try Output.write { output in
            guard !common.json else { return try output.line(json(client, marks)) }
            let texts = marks.map { "\($0.name) \(Quantities.text($0.time))" }.joined(separator: "  ")
            let noun = count == 1 ? "round trip" : "round trips"
            try output.line("\(count) \(noun) to \(client.daemon.name) at \(client.socket): \(texts)")
        }
    }

    private func json(_ client: ChandClient, _ marks: [(name: String, time: Duration)]) -> JSON {
        var pairs: [(key: String, value: JSON)] = [
            ("version", .number(JSON.schemaVersion)), ("daemon", .string(client.daemon.name)),
            ("socket", .string(client.socket.path)), ("count", .number(count)),
        ]
        pairs += marks.map { ("\($0.name)_seconds", .real(Quantities.seconds($0.time))) }
        return .object(pairs)
    }
}
