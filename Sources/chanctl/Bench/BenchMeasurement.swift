// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc
import Synchronization

/// What one repetition found.
struct BenchResult {
    var rate: Double
    var megabytes: Double
    /// Of all processes, for a message or round trip, in microseconds.
    var processor: Double
    var p50: Double
    var p99: Double
    var longest: Double
    /// What other processes used of the machine, in percent.
    var disturbance: Double
}

/// One repetition of a case: a daemon that runs, and processes for the roles that start and stop together.
final class BenchMeasurement {
    private let job: BenchCase
    private let daemon: Int32
    private let board: BenchBoard
    private var processes: [ChildProcess] = []

    static let patienceMilliseconds: UInt64 = 20_000

    /// Starts the processes.
    init(
        _ job: BenchCase, socket: String, daemon: Int32, clients: [Int], repetition: Int
    ) throws {
        self.job = job
        self.daemon = daemon
        let file = try Descriptor.memoryFile(name: "chanctl-bench")
        board = try BenchBoard(mapping: file.raw)
        var environment = ThisProcess.environment()
        environment["CHAND_SOCKET"] = socket
        let program = try ThisProcess.executablePath()
        let kinds: [(BenchRole.Kind, Int)] =
            job.workload == .latency
            ? [(.pong, 1), (.ping, 0)]
            : (0..<job.consumers).map { (.consumer, $0) } + (0..<job.producers).map { (.producer, $0) }
        for (kind, number) in kinds {
            let role = BenchRole(kind, number, of: job, tag: "\(repetition)", processors: clients)
            processes.append(
                try ChildProcess.spawn(
                    program, arguments: ["bench", "--role", role.argument], environment: environment,
                    stdout: .null, passing: [file.raw]))
        }
    }

    deinit {
        for process in processes { try? process.kill(.kill) }
        for process in processes { _ = try? process.wait() }
        board.unmap()
    }

    /// Measures for some time, after some to warm up, and makes sure that everything came, once, and right.
    func run(warmUp: Double, seconds: Double) throws -> BenchResult {
        try wait("the processes are not ready") { [self] in
            board.ready.pointee.load(ordering: .sequentiallyConsistent) == UInt64(processes.count)
        }
        board.go.pointee.store(1, ordering: .sequentiallyConsistent)
        try pass(warmUp)

        let (used, busy, count, began) = try (
            processorTime(), BenchMachine.busyMicroseconds(), board.total(board.got).messages,
            MonotonicClock.now()
        )
        board.measuring.pointee.store(1, ordering: .sequentiallyConsistent)
        try pass(seconds)
        // On a machine that has no time for it a message may take longer than that.
        try wait("nothing arrived") { [self] in board.total(board.got).messages > count }
        board.measuring.pointee.store(0, ordering: .sequentiallyConsistent)
        let messages = Double(board.total(board.got).messages - count)
        let nanoseconds = Double(MonotonicClock.now() - began)
        let processor = try processorTime() - used
        let others = max(0, try BenchMachine.busyMicroseconds() - busy - processor)

        board.stop.pointee.store(1, ordering: .sequentiallyConsistent)
        try verify()
        return BenchResult(
            rate: messages * 1e9 / nanoseconds, megabytes: messages * 1e3 * Double(job.payload) / nanoseconds,
            processor: processor / messages, p50: board.percentile(0.5), p99: board.percentile(0.99),
            longest: board.longestMicroseconds,
            disturbance: others / (nanoseconds / 1e3) * 100 / Double(ThisProcess.onlineProcessors))
    }

    /// Everything that was sent has to come, nothing twice, nothing else.
    private func verify() throws {
        let senders = job.workload == .latency ? 1 : job.producers
        do {
            try wait("not everything came") { [self] in
                let sent = board.total(board.sent)
                return sent.done >= senders && sent.messages <= board.total(board.got).messages
            }
        } catch let fault as BenchFault where board.failure == nil {
            let (sent, got) = (board.total(board.sent).messages, board.total(board.got).messages)
            throw BenchFault("\(fault): \(got) of \(sent) messages")
        }
        // Room for one that comes twice to show itself.
        usleep(5000)
        let (sent, got) = (board.total(board.sent), board.total(board.got))
        guard sent.messages == got.messages, sent.marks == got.marks else {
            throw BenchFault("\(got.messages) messages came of \(sent.messages), or others than were sent")
        }
    }

    private func processorTime() throws -> Double {
        try ([daemon] + processes.map(\.pid)).reduce(0) {
            $0 + (try BenchMachine.processorMicroseconds(of: $1))
        }
    }

    private func supervise() throws {
        if let failure = board.failure { throw BenchFault(failure) }
        for process in processes where try process.wait(timeoutMilliseconds: 0) != nil {
            throw BenchFault(board.failure ?? "a process ended by itself")
        }
    }

    private func pass(_ seconds: Double) throws {
        let end = MonotonicClock.now() + UInt64(seconds * 1e9)
        while MonotonicClock.now() < end {
            usleep(20_000)
            try supervise()
        }
    }

    private func wait(_ complaint: String, until condition: () -> Bool) throws {
        let deadline = MonotonicClock.deadline(milliseconds: Self.patienceMilliseconds)
        while !condition() {
            try supervise()
            guard MonotonicClock.now() < deadline else { throw BenchFault(complaint) }
            usleep(500)
        }
    }
}
