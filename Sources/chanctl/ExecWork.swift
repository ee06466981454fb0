// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels

/// What one `exec` does: workers that lease a message, run the command, and say what became of it.
///
/// A stop cancels the workers, which ends their waiting for messages. What they do with a message that they have is
/// in tasks of their own, which a stop does not touch.
struct ExecWork: Sendable {
    let channel: String
    let terms: LeaseTerms
    let parallel: Int
    /// nil: until the channel is closed.
    let count: Int?
    /// The command as it was given, and where it was found.
    let name: String
    let program: [UInt8]
    let words: [[UInt8]]
    let jobs: JobGroup
    let isJSON: Bool
    private let tally = Lock(Tally())

    private struct Tally {
        var begun = 0
        var done = 0
        var failed = 0
        var closed: ChannelClosed?
    }

    /// What became of a message.
    private enum Outcome: Sendable {
        case done
        /// Why it is not done, in words.
        case failed(String)
    }

    private static let firstPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(10)
    private static let placeholder = Array("{}".utf8)

    init(
        channel: String, terms: LeaseTerms, parallel: Int, count: Int?, name: String, program: [UInt8],
        words: [[UInt8]], jobs: JobGroup, isJSON: Bool
    ) {
        self.channel = channel
        self.terms = terms
        self.parallel = parallel
        self.count = count
        self.name = name
        self.program = program
        self.words = words
        self.jobs = jobs
        self.isJSON = isJSON
    }

    func run(_ client: ChandClient) async throws {
        let channel = try await client.channel(channel, of: MessageBytes.self, role: .receive)
        do {
            try await withThrowingTaskGroup { group in
                for _ in 0..<min(parallel, count ?? .max) {
                    group.addTask { try await client.run { try await work(channel, client) } }
                }
                // The first that fails cancels the others.
                while try await group.next() != nil {}
            }
        } catch {
            // An operator's stop, as of a service, is no failure; the interrupt key is one.
            guard error is CancellationError, jobs.stopSignal == .terminate else {
                // What ended the work says more than that the summary can't be written, too.
                try? summarize(channel.name)
                throw error
            }
        }
        try conclude(channel.name)
    }

    /// Writes what came of it all, where that is wanted.
    private func summarize(_ channel: String) throws {
        guard isJSON else { return }
        let tally = tally.withLock { $0 }
        try Output.write { output in
            try output.line(
                [
                    "version": .number(JSON.schemaVersion), "channel": .string(channel),
                    "done": .number(tally.done), "failed": .number(tally.failed),
                ] as JSON)
        }
    }

    private func conclude(_ channel: String) throws {
        try summarize(channel)
        let tally = tally.withLock { $0 }
        if tally.failed > 0 {
            throw Failure(
                "jobsFailed", "\(tally.failed) of \(tally.done + tally.failed) runs of \"\(name)\" failed",
                channel: channel, exit: .failed)
        }
        if let count, let closed = tally.closed, tally.begun < count { throw closed }
    }

    /// One worker.
    private func work(_ channel: Chan<MessageBytes>, _ client: ChandClient) async throws {
        while tally.withLock({ $0.begun < count ?? .max }) {
            tally.withLock { $0.begun += 1 }
            let lease: Lease<MessageBytes>
            do {
                lease = try await channel.lease(terms)
            } catch {
                tally.withLock { $0.begun -= 1 }
                guard let closed = error as? ChannelClosed else { throw error }
                return tally.withLock { $0.closed = closed }
            }
            let outcome = try await Task(executorPreference: client.executor) {
                try await serve(lease)
            }.value
            switch outcome {
            case .done: tally.withLock { $0.done += 1 }
            case .failed(let reason): try await giveBack(lease, reason, channel.name, client)
            }
        }
    }

    /// Runs the command for a message, and says that it is done.
    private func serve(_ lease: Lease<MessageBytes>) async throws -> Outcome {
        let outcome: Outcome
        do {
            outcome = try await holding(lease) { try await execute(lease) }
        } catch let error as SystemError where error.call == .posixSpawn {
            throw ProgramSearch.unusable(name, error)
        }
        guard case .done = outcome else { return outcome }
        do {
            try await lease.done()
        } catch let error as ChandError where error.code == .leaseExpired {
            return .failed("it took longer than chanctl could hold the message")
        }
        return .done
    }

    /// Renews a lease for as long as a body runs.
    private func holding<Result: Sendable>(
        _ lease: Lease<MessageBytes>, _ body: () async throws -> Result
    ) async throws -> Result {
        guard let time = terms.time else { return try await body() }
        let renewal = Task {
            while true {
                try await Task.sleep(for: time / 3)
                // One that is over by now, or a lost connection, is for the end to tell.
                try await lease.extend(by: time)
            }
        }
        defer { renewal.cancel() }
        return try await body()
    }

    private func execute(_ lease: Lease<MessageBytes>) async throws -> Outcome {
        let message = Array(lease.element)
        let isArgument = words.contains { $0.firstRange(of: Self.placeholder) != nil }
        if isArgument, message.contains(0) {
            return .failed("an argument can't have a NUL byte, as the message has")
        }
        let filled = isArgument ? words.map { $0.replacing(Self.placeholder, with: message) } : words
        let changes = ["CHAND_ATTEMPT": "\(lease.attempts + 1)"]
        do {
            let input = isArgument ? nil : message
            switch try await jobs.run(program, filled, input: input, changing: changes) {
            case .exited(0): return .done
            case .exited(let code): return .failed("exit code \(code)")
            case .signalled(let signal): return .failed("signal \(signal.rawValue)")
            }
        } catch is CancellationError {
            return .failed("chanctl was stopped before it began")
        } catch let error as SystemError where error.errno == SystemError.argumentsTooLong {
            return .failed("a message of \(message.count) bytes is too long for an argument")
        }
    }

    /// Gives a message back after a pause, unless it does not come back or chanctl stops.
    private func giveBack(
        _ lease: Lease<MessageBytes>, _ reason: String, _ channel: String, _ client: ChandClient
    ) async throws {
        tally.withLock { $0.failed += 1 }
        let attempt = lease.attempts + 1
        let isLast = attempt >= terms.attempts ?? .max
        let limit = terms.attempts.map { " of \($0)" } ?? ""
        let fate = isLast ? "ends its attempts" : "goes back"
        let failure = Failure(
            "jobFailed", "\(name): \(reason); the message \(fate), attempt \(attempt)\(limit)",
            channel: channel, exit: .failed)
        Complaint.line(isJSON ? failure.json.description : "chanctl: \(failure.message)")
        try await holding(lease) {
            let pause = min(Self.firstPause * (1 << min(lease.attempts, 7)), Self.longestPause)
            // A stop ends the pause.
            if !isLast { try? await Task.sleep(for: pause) }
        }
        try await Task(executorPreference: client.executor) {
            do {
                try await lease.giveBack()
            } catch let error as ChandError where error.code == .leaseExpired {
                // It went back by itself.
            }
        }.value
    }
}
