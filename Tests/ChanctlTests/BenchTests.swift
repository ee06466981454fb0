// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Testing
import chanctl

/// chanctl bench: every workload passes and verifies messages, and its figures are of the peers' form.
@Suite(.serialized) struct BenchTests {
    private static func bench(_ arguments: [String], daemon: String? = nil) throws -> Outcome {
        var environment = DaemonUnderTest.environment()
        if let daemon { environment["CHAND_BINARY"] = daemon }
        return try CtlProcess(["bench"] + arguments, input: [], environment: environment).finish()
    }

    /// What Tests/Peers/bench.c says of a figure.
    static let keys: Set = ["system", "workload", "payload", "depth", "metric", "value"]
    static let keysOfTimes: Set = ["min", "max", "reps", "cpus", "placement", "other_cpu_pct"]

    static let latency: Set = [
        "rtt_us_p50", "rtt_us_p99", "rtt_us_max", "roundtrips_per_s", "cpu_us_per_roundtrip",
    ]
    static let rates: Set = ["msgs_per_s", "mb_per_s", "cpu_us_per_msg"]
    static let memory: Set = [
        "server_rss_idle", "bytes_per_connection", "bytes_per_queue", "bytes_per_message",
    ]

    /// A workload's letter, and what its figures are of.
    struct Expected: Sendable, CustomStringConvertible {
        let letter: String
        let metrics: Set<String>
        let depths: Set<Int>
        let systems: Int

        init(_ letter: String, _ metrics: Set<String>, _ depths: Set<Int>, systems: Int = 1) {
            self.letter = letter
            self.metrics = metrics
            self.depths = depths
            self.systems = systems
        }

        var description: String { letter }
    }

    @Test(arguments: [
        Expected("L", latency, [1], systems: 4), Expected("T", rates, [0, 1, 1024], systems: 2),
        Expected("S", rates, [1], systems: 5), Expected("W", rates, [1, 512]),
        Expected("F", rates, [0, 1, 1024]), Expected("X", rates, [0, 1, 512]), Expected("M", memory, [1]),
    ])
    func figuresAreOfThePeersForm(_ expected: Expected) throws {
        let letter = expected.letter
        let short = letter == "M" ? [] : ["--seconds", "50ms"]
        let outcome = try Self.bench([letter, "--quick", "--payload", "64", "--json"] + short)
        #expect(outcome.code == 0 && outcome.complaint.isEmpty, "\(outcome.complaint)")
        let figures = try outcome.lines.map { try Outcome.object(Array($0.utf8), #_sourceLocation) }
        for figure in figures {
            let keys = letter == "M" ? Self.keys : Self.keys.union(Self.keysOfTimes)
            #expect(Set(figure.keys) == keys.union(["version"]))
            #expect(figure["workload"] as? String == letter && figure["payload"] as? Int == 64)
            let value = try #require(figure["value"] as? Double)
            #expect(letter == "M" || value > 0)
        }
        #expect(Set(figures.compactMap { $0["metric"] as? String }) == expected.metrics)
        #expect(Set(figures.compactMap { $0["depth"] as? Int }) == expected.depths)
        let names = Set(figures.compactMap { $0["system"] as? String })
        let canSplit = try ThisProcess.processors().count > 1
        let hasSpin = letter == "L" || letter == "S"
        #expect(names.contains("chand") && names.count == expected.systems - (hasSpin && !canSplit ? 1 : 0))
        guard hasSpin else { return }
        let placements = Set(figures.compactMap { $0["placement"] as? String })
        #expect(placements == (canSplit ? ["free", "split", "one"] : ["free", "one"]))
        #expect(figures.allSatisfy { ($0["placement"] as? String == "one") == ($0["cpus"] as? Int == 1) })
    }

    @Test func peopleSeeARowForEach() throws {
        let outcome = try Self.bench(["fan", "--quick", "--seconds", "50ms", "--producers", "2"])
        #expect(outcome.code == 0 && outcome.lines.count == 4, "\(outcome.complaint)")
        #expect(outcome.lines.first?.hasPrefix("SYSTEM") == true)
        #expect(outcome.lines.dropFirst().allSatisfy { $0.contains("fan") && $0.contains("free") })
    }

    @Test(arguments: [
        (["lurk"], "latency"), (["fan", "--payload", "8"], "24 to 1MiB"),
        (["fan", "--producers", "17"], "1 to 16"), (["sync", "--consumers", "2"], "of fan"),
        (["many", "--runs", "2"], "nothing to many"), (["fan", "--runs", "0"], "1 to 99"),
        (["sync", "--seconds", "0"], "10ms to 1h"), (["sync", "--seconds", "61m"], "10ms to 1h"),
        (["--role", "x"], "no role"),
    ])
    func wrongUsageIsSaid(arguments: [String], hint: String) throws {
        let outcome = try Self.bench(arguments)
        #expect(outcome.code == 2 && outcome.output.isEmpty)
        #expect(outcome.complaint.contains(hint), "\(outcome.complaint)")
    }

    @Test func aMeasurementThatFailsIsNone() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-bench")
        defer { try? Files.removeTree(directory) }
        let wrapper = "\(directory)/chand"
        let script = """
            #!/bin/sh
            exec '\(try BuiltProgram.path("chand"))' "$@" --set limits.message_bytes=1KiB
            """
        try BuiltProgram.write(script: script, to: wrapper)
        let outcome = try Self.bench(["lease", "--quick", "--payload", "2KiB", "--json"], daemon: wrapper)
        #expect(outcome.code == 1 && outcome.output.isEmpty)
        let error = try outcome.error()
        #expect(error["code"] as? String == "benchmark")
        #expect((error["message"] as? String)?.contains("chand lease, payload 2048, depth 1") == true)
        #expect(try Self.bench(["lease", "--quick"], daemon: "/bin/false").code == 3)
    }

    // MARK: - What is verified

    @Test func aMessageIsWhatWasSent() throws {
        let codec = BenchCodec(payload: 256)
        let sent = BenchMessage(sequence: 70_000, producer: 5)
        let bytes = Array(try codec.message(for: sent))
        #expect(bytes.count == 256)
        #expect(try codec.decode(MessageBytes(bytes)) == sent)
        #expect(throws: BenchFault.self) { try codec.decode(MessageBytes(bytes.dropLast())) }
        // Number, producer, length, tail, and a word that this number's check looks at.
        for place in [0, 8, 12, 16, 255] {
            var wrong = bytes
            wrong[place] ^= 0x40
            #expect(throws: BenchFault.self, "byte \(place)") { try codec.decode(MessageBytes(wrong)) }
        }
    }

    @Test func orderIsVerified() throws {
        let first = (0..<3).map { BenchMessage(sequence: $0, producer: 1) }
        var alone = BenchArrivals(isAlone: true)
        try alone.take(first[0])
        try alone.take(BenchMessage(sequence: 0, producer: 2))
        #expect(throws: BenchFault.self) { try alone.take(first[0]) }
        #expect(throws: BenchFault.self) { try alone.take(first[2]) }
        try alone.take(first[1])
        var shared = BenchArrivals(isAlone: false)
        try shared.take(first[0])
        try shared.take(first[2])
        #expect(throws: BenchFault.self) { try shared.take(first[1]) }
    }
}
