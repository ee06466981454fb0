// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem

/// Measures what this machine makes of the daemon and the library.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract:
            "Measures latency, throughput and memory with a daemon of its own, and verifies every message.",
        usage: """
            chanctl bench [WORKLOAD ...] [--payload SIZE] [--capacity N] [--producers N] [--consumers N] \
            [--runs N] [--seconds DURATION] [--quick] [--json]
            """,
        discussion: """
            WORKLOAD is one or more of these; all where none is named:

            latency   L: round trips between two processes, through two channels.
            throughput   T: one producer, one consumer; 64 B, 1 KiB, 64 KiB and 1 MiB.
            sync   S: each send waited for before the next.
            lease   W: each message said to be done by its receiver.
            fan   F: four producers and four consumers of one channel.
            select   X: one consumer that selects over eight channels.
            many   M: the daemon's memory, idle and for a session, a channel with a message, and a message.

            Producers and consumers are processes of their own. Number, order and content of all messages are verified; where \
            anything is wrong the reason is said and the exit code is 1. Latency and sync are measured with the processes \
            wherever the kernel likes (free), with the daemon on one processor and the clients on another (split), and with \
            all on one (one).

            DEPTH says how: 1 is one by one, 0 one send a message with several under way, more is so many gathered. SYSTEM says with what: \
            chand is the fastest way (tasks, and a consumer that reads ahead), -rendezvous has a channel without a buffer, \
            -tasks has 64 tasks that each wait for their send, -receipt waits for the receiver's receipt, -blocking has \
            blocking clients, -nospin a daemon with loop.spin = 0.

            CPU is what all processes used for a message, the daemon's included, in microseconds.

            With --json: an object a line with system, workload, payload, depth, metric, value (the median of the \
            repetitions), min, max, reps, cpus, placement, and other_cpu_pct (what other processes used of the machine), \
            in the form that the benchmarks of other systems in the sources (Tests/Peers) have. \
            The daemon's program is found as by run.
            """)

    @Argument(
        help: ArgumentHelp("What to measure.", valueName: "WORKLOAD"),
        completion: .list(BenchWorkload.allCases.map(\.word)), transform: Self.workload)
    var workloads: [BenchWorkload] = []

    @Option(help: ArgumentHelp("Only messages of this size.", valueName: "SIZE"), transform: Self.payload)
    var payload: Int?

    @Option(
        help: ArgumentHelp("The capacity of channels with a buffer.", valueName: "N"),
        transform: { try Self.number($0, 1...65_536) })
    var capacity: Int?

    @Option(
        help: ArgumentHelp("How many producers fan has (4).", valueName: "N"),
        transform: { try Self.number($0, 1...BenchBoard.mostRoles) })
    var producers: Int?

    @Option(
        help: ArgumentHelp("How many consumers fan has (4).", valueName: "N"),
        transform: { try Self.number($0, 1...BenchBoard.mostRoles) })
    var consumers: Int?

    @Option(
        help: ArgumentHelp("How often each is repeated (3).", valueName: "N"),
        transform: { try Self.number($0, 1...99) })
    var runs: Int?

    @Option(
        help: ArgumentHelp("How long each repetition is, 10ms to 1h (600ms).", valueName: "DURATION"),
        transform: Self.window)
    var seconds: Duration?

    @Flag(help: "One short repetition of each, to see that it works.")
    var quick = false

    @Flag(help: "Write results, and errors on standard error, as JSON with a version.")
    var json = false

    /// What this process is to be for another one that measures.
    @Option(help: .hidden)
    var role: String?

    private static func workload(_ text: String) throws -> BenchWorkload {
        if let workload = BenchWorkload(text: text) { return workload }
        throw ValidationError(Usage.choice(text, "workload", BenchWorkload.allCases.map(\.word)))
    }

    private static func window(_ text: String) throws -> Duration {
        let window = try Quantities.duration(text)
        guard (.milliseconds(10)...(.seconds(3600))).contains(window) else {
            throw ValidationError("\"\(text)\" is no time to measure for; it is one from 10ms to 1h")
        }
        return window
    }

    private static func payload(_ text: String) throws -> Int {
        let bytes = try Quantities.size(text)
        guard (BenchCodec.leastBytes...1 << 20).contains(bytes) else {
            throw ValidationError("\"\(text)\" is no size of messages to measure; it is one from 24 to 1MiB")
        }
        return bytes
    }

    private static func number(_ text: String, _ range: ClosedRange<Int>) throws -> Int {
        if let number = Int(text), range.contains(number) { return number }
        throw ValidationError("\"\(text)\" is no number from \(range.lowerBound) to \(range.upperBound)")
    }

    func validate() throws {
        guard !workloads.isEmpty else { return }
        if producers != nil || consumers != nil, !workloads.contains(.fan) {
            throw ValidationError("--producers and --consumers are of fan; add that workload")
        }
        if capacity != nil || runs != nil || seconds != nil, Set(workloads) == [.many] {
            throw ValidationError(
                "--capacity, --runs and --seconds are nothing to many; name another workload")
        }
    }

    func run() throws {
        if let role {
            guard let role = BenchRole(argument: role) else { throw Failure.usage("no role: \(role)") }
            try BenchProcess.run(role)
        }
        let processors = try ThisProcess.processors()
        let plan = BenchPlan(
            workloads: workloads.isEmpty ? BenchWorkload.allCases : workloads, payload: payload,
            capacity: capacity, producers: producers ?? 4, consumers: consumers ?? 4,
            canSplit: processors.count > 1)
        let window = seconds.map(Quantities.seconds) ?? (quick ? 0.1 : 0.6)
        let runner = BenchRunner(
            program: try ProgramSearch.daemon(), processors: processors,
            repetitions: runs ?? (quick ? 1 : 3), warmUp: min(0.15, window / 4), window: window,
            isQuick: quick)
        // The flag, which the root command has as well and takes for its own.
        let report = BenchReport(json: Invocation.ofThisProcess.wantsJSON)
        try Output.write { output in
            try report.begin(&output)
            for job in plan.cases {
                do {
                    try report.write(job, try runner.measure(job), &output)
                } catch let fault as BenchFault {
                    throw Failure("benchmark", "\(job.title): \(fault)", exit: .failed)
                }
                // Each as soon as it is known: it takes minutes.
                try output.flush()
            }
        }
    }
}
