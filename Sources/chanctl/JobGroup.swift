// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc

/// The commands that `exec` runs, in a process group of their own: what the terminal sends is not for them.
///
/// A shell, the keeper, leads the group. It reads from a pipe whose other end chanctl alone holds; so when chanctl
/// is killed in a way that it can't answer, the keeper ends the group with all that the commands have started.
final class JobGroup: Sendable {
    /// What a stop asks for, or passes on.
    static let signals: [Signal] = [.terminate, .interrupt, .user1, .user2]

    private struct State {
        var running: [Int32: (child: ChildProcess, waiter: UnsafeContinuation<ExitStatus, any Error>)] = [:]
        /// The signals that asked to stop.
        var stops: [Signal] = []
    }

    private static let script = "trap '' TERM INT USR1 USR2; echo; read -r _ || kill -9 0"
    private static let endMilliseconds: UInt64 = 5000

    private let keeper: ChildProcess
    private let lifeline: OwnedDescriptor
    private let poll: EventPoll
    private let signals: SignalSource
    private let state = Lock(State())

    /// Starts the keeper; the signals are those of this process.
    init(_ signals: consuming SignalSource) throws {
        let pipe = try Descriptor.pipe()
        let ready = try Descriptor.pipe()
        keeper = try ChildProcess.spawn(
            "/bin/sh", arguments: ["-c", Self.script, "chanctl-keeper"],
            stdin: .descriptor(pipe.reading.raw), stdout: .descriptor(ready.writing.raw), group: 0)
        let answer = try ready.reading.duplicate()
        _ = consume ready
        // From its first line on it stays where its group gets a signal.
        var byte: UInt8 = 0
        _ = withUnsafeMutableBytes(of: &byte) { Transfer.read(answer.raw, into: $0) }
        lifeline = pipe.writing
        poll = try EventPoll()
        try poll.add(signals.descriptor, token: 0, interest: .read)
        self.signals = signals
    }

    /// Begins to answer signals: the first one that asks to stop calls the body, the second ends what runs.
    func watch(stop: @escaping @Sendable () -> Void) throws {
        _ = try NativeThread.start(name: "chanctl-jobs") { [self] in
            do {
                try loop(stop)
            } catch {
                // Without this thread nobody would learn how a command ended: the keeper and the daemon do the rest.
                Complaint.say("\(error)")
                _exit(ExitStatusCode.failed.rawValue)
            }
        }
    }

    /// Runs a command to its end, in our environment but for some changes; what it has as standard input is nothing
    /// where that is nil.
    func run(
        _ program: [UInt8], _ words: [[UInt8]], input: [UInt8]?, changing changes: [String: String]
    ) async throws -> ExitStatus {
        let child = try start(program, words, input, changes)
        return try await withUnsafeThrowingContinuation { waiter in
            state.withLock { $0.running[child.pid] = (child, waiter) }
            do {
                try poll.add(child.processDescriptor, token: UInt64(child.pid), interest: .read)
            } catch {
                _ = state.withLock { $0.running.removeValue(forKey: child.pid) }
                try? child.kill(.kill)
                _ = try? child.wait()
                waiter.resume(throwing: error)
            }
        }
    }

    private func start(
        _ program: [UInt8], _ words: [[UInt8]], _ input: [UInt8]?, _ changes: [String: String]
    ) throws -> ChildProcess {
        guard let input else { return try start(program, words, .null, changes) }
        // A command need not read a file, and may read it twice.
        let file = try Descriptor.memoryFile(name: "message", input)
        return try start(program, words, .descriptor(file.raw), changes)
    }

    private func start(
        _ program: [UInt8], _ words: [[UInt8]], _ stdin: ChildProcess.Stream, _ changes: [String: String]
    ) throws -> ChildProcess {
        try state.withLock { state in
            // Under the lock: what is started is there when the group gets a signal, or is not started.
            guard state.stops.count < 2 else { throw CancellationError() }
            return try ChildProcess.spawn(
                program: program, words: words, changing: changes, stdin: stdin, group: keeper.pid)
        }
    }

    /// The signal that asked to stop first, if one did.
    var stopSignal: Signal? { state.withLock { $0.stops.first } }

    /// Lets the keeper go; what commands have left in the background goes on, as it does without `exec`.
    func end() {
        // It may have been killed, by the second signal's end say.
        try? Array("\n".utf8).withUnsafeBytes { try Transfer.writeAll(lifeline.raw, $0) }
        _ = try? keeper.wait()
    }

    // MARK: - The thread

    private func loop(_ stop: @Sendable () -> Void) throws {
        var events = EventBuffer(capacity: 64)
        var deadline: UInt64?
        while true {
            let left = deadline.map { $0 - min($0, MonotonicClock.now()) }
            try poll.wait(into: &events, timeoutNanoseconds: left)
            for index in 0..<events.count {
                guard events[index].token == 0 else {
                    try finish(Int32(truncatingIfNeeded: events[index].token))
                    continue
                }
                while let arrival = try signals.next() {
                    switch answer(arrival.signal, stop) {
                    case 0, 1: break
                    case 2: deadline = MonotonicClock.deadline(milliseconds: Self.endMilliseconds)
                    default: deadline = MonotonicClock.now()
                    }
                }
            }
            if let end = deadline, MonotonicClock.now() >= end {
                send(.kill)
                deadline = nil
            }
        }
    }

    /// Does what a signal asks for; returns how many have asked to stop, 0 for one that asks for something else.
    private func answer(_ signal: Signal, _ stop: @Sendable () -> Void) -> Int {
        guard signal == .terminate || signal == .interrupt else {
            send(signal)
            return 0
        }
        let (count, running) = state.withLock { state in
            state.stops.append(signal)
            return (state.stops.count, state.running.count)
        }
        if count == 1 {
            stop()
            if running > 0, Terminal.isTerminal(2) {
                Complaint.say(
                    "waits for \(running) running; once more ends them and gives their messages back")
            }
        }
        if count == 2 { send(.terminate) }
        return count
    }

    private func send(_ signal: Signal) { _ = Glibc.kill(-keeper.pid, signal.rawValue) }

    private func finish(_ pid: Int32) throws {
        guard let entry = state.withLock({ $0.running.removeValue(forKey: pid) }) else { return }
        try poll.remove(entry.child.processDescriptor)
        entry.waiter.resume(returning: try entry.child.wait())
    }
}
