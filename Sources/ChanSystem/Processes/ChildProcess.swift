// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// How a process ended.
public enum ExitStatus: Sendable, Hashable {
    /// It exited with this code.
    case exited(Int32)
    /// This signal ended it.
    case signalled(Signal)

    /// Whether it exited with code 0.
    public var isSuccess: Bool { self == .exited(0) }

    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signalled(Signal(rawValue: signal))
    }
}

/// A process that this one has started.
///
/// Nothing ends it by itself; whoever starts it waits for it.
public final class ChildProcess: Sendable {
    /// What a child's descriptor is.
    public enum Stream: Sendable {
        /// The same as ours.
        case inherit
        /// `/dev/null`.
        case null
        /// A copy of this descriptor of ours.
        case descriptor(Int32)
    }

    /// Its number; after the process was waited for, it may be another's.
    public let pid: Int32
    private let descriptor: OwnedDescriptor
    private let status = Lock<ExitStatus?>(nil)

    private init(pid: Int32, descriptor: consuming OwnedDescriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// A descriptor that is readable once the process has ended.
    public var processDescriptor: Int32 { descriptor.raw }

    /// Starts a program.
    ///
    /// The child gets its standard streams, the passed descriptors as 3, 4 and so on, and no others; it has no signals
    /// blocked.
    /// - Parameters:
    ///   - path: the file; there is no search in `PATH`.
    ///   - arguments: without the program's name.
    ///   - environment: ours if `nil`.
    ///   - group: the process group that it joins, 0 for a new one that it leads; ours if `nil`.
    /// - Throws: what prevented the start, also if the file is not there or not a program.
    public static func spawn(
        _ path: String, arguments: [String] = [], environment: [String: String]? = nil,
        stdin: Stream = .null, stdout: Stream = .inherit, stderr: Stream = .inherit,
        passing descriptors: [Int32] = [], directory: String? = nil, group: Int32? = nil
    ) throws(SystemError) -> ChildProcess {
        let streams: [Stream] = [stdin, stdout, stderr] + descriptors.map { .descriptor($0) }
        let entries: [[UInt8]]? = environment.map { all in all.map { Array("\($0.key)=\($0.value)".utf8) } }
        return try start(
            [Array(path.utf8)] + arguments.map { Array($0.utf8) },
            environment: entries ?? ThisProcess.environmentEntries(), streams: streams, directory: directory,
            group: group)
    }

    /// The same with a path and arguments that need be no text, in our environment as it is but for some changes.
    ///
    /// - Parameter changes: variables that the child gets in place of ours, or besides.
    public static func spawn(
        program path: [UInt8], words: [[UInt8]], changing changes: [String: String] = [:],
        stdin: Stream = .null, stdout: Stream = .inherit, stderr: Stream = .inherit, group: Int32? = nil
    ) throws(SystemError) -> ChildProcess {
        try start(
            [path] + words, environment: ThisProcess.environmentEntries(changing: changes),
            streams: [stdin, stdout, stderr], directory: nil, group: group)
    }

    /// A descriptor that is readable once a process has ended, whoever has started it.
    ///
    /// - Throws: `ESRCH` where there is no such process; `ENOSYS` where the kernel is older than Linux 5.3.
    public static func descriptor(of pid: Int32) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try checked(.pidfdOpen) { chan_pidfd_open(pid) })
    }

    /// How a child ended that was started in whatever way, and `nil` while it runs; it can still be waited for.
    ///
    /// - Throws: `ECHILD` where it is no child of this process, or was waited for.
    public static func status(of pid: Int32) throws(SystemError) -> ExitStatus? {
        var code: Int32 = 0
        var signal: Int32 = 0
        guard try checked(.waitid, body: { chan_child_has_ended(pid, &code, &signal) }) == 1 else {
            return nil
        }
        return signal == 0 ? .exited(code) : .signalled(Signal(rawValue: signal))
    }

    /// Blocks until the process has ended, and says how; again and again the same.
    @discardableResult
    public func wait() throws(SystemError) -> ExitStatus {
        while true {
            if let status = try wait(until: nil) { return status }
        }
    }

    /// Blocks until the process has ended or the time is over; `nil` in that case.
    public func wait(timeoutMilliseconds: UInt64) throws(SystemError) -> ExitStatus? {
        try wait(until: MonotonicClock.deadline(milliseconds: timeoutMilliseconds))
    }

    /// Sends a signal; nothing happens if the process has ended.
    public func kill(_ signal: Signal) throws(SystemError) {
        // By descriptor: the number may be another process's by now.
        let result = retrying(.pidfdSendSignal) { chan_pidfd_send_signal(descriptor.raw, signal.rawValue) }
        guard result == -1, chan_errno() != SystemError.noSuchProcess else { return }
        throw SystemError(errno: chan_errno(), call: .pidfdSendSignal)
    }

    private func wait(until deadline: UInt64?) throws(SystemError) -> ExitStatus? {
        if let known = status.withLock({ $0 }) { return known }
        guard try !Transfer.wait(descriptor.raw, for: .read, until: deadline).isEmpty else { return nil }
        // Under the lock, so that of several waiters one reaps and the others see what it found.
        return try status.withLock { known throws(SystemError) -> ExitStatus? in
            if let known { return known }
            var raw: Int32 = 0
            if try checked(.waitpid, body: { waitpid(pid, &raw, WNOHANG) }) == pid {
                known = ExitStatus(waitStatus: raw)
            }
            return known
        }
    }

    /// Starts what the first of the words names, with all of them as its arguments.
    private static func start(
        _ words: [[UInt8]], environment: [[UInt8]], streams: [Stream], directory: String?, group: Int32?
    ) throws(SystemError) -> ChildProcess {
        let path = String(decoding: words[0], as: UTF8.self)
        let sources = try SpawnSources(streams)
        let pid = try start(
            path, words, environment: environment, sources: sources, directory: directory, group: group)
        do throws(SystemError) {
            return ChildProcess(pid: pid, descriptor: try Self.descriptor(of: pid))
        } catch {
            // Without the descriptor nobody could wait for it: rather no process than one nobody knows of.
            _ = Glibc.kill(pid, SIGKILL)
            _ = Glibc.waitpid(pid, nil, 0)
            throw SystemError(errno: error.errno, call: .pidfdOpen, subject: path)
        }
    }

    private static func start(
        _ path: String, _ words: [[UInt8]], environment: [[UInt8]], sources: borrowing SpawnSources,
        directory: String?, group: Int32?
    ) throws(SystemError) -> Int32 {
        let arguments = CStrings(words)
        let environment = CStrings(environment)
        let file = arguments.pointers[0]
        var pid: Int32 = -1
        let numbers = sources.numbers
        // The status is an error number, not errno; only a forced failure comes as -1.
        let status = once(.posixSpawn) {
            chan_spawn(
                &pid, file, arguments.pointers, environment.pointers, numbers, Int32(numbers.count),
                directory, group ?? -1)
        }
        if status == 0 { return pid }
        throw SystemError(errno: status == -1 ? chan_errno() : status, call: .posixSpawn, subject: path)
    }
}

/// Copies of the descriptors a child gets, above all numbers it will have.
///
/// Otherwise putting one in its place could overwrite another that is still to be put in its own.
private struct SpawnSources: ~Copyable {
    private(set) var numbers: [Int32] = []

    init(_ streams: [ChildProcess.Stream]) throws(SystemError) {
        for (index, stream) in streams.enumerated() {
            switch stream {
            case .null: numbers.append(-1)
            case .inherit: numbers.append(try Self.copy(Int32(index), above: streams.count))
            case .descriptor(let fd): numbers.append(try Self.copy(fd, above: streams.count))
            }
        }
    }

    deinit { for number in numbers where number >= 0 { Descriptor.close(number) } }

    private static func copy(_ fd: Int32, above count: Int) throws(SystemError) -> Int32 {
        try checked(.dup, "descriptor \(fd)") { chan_duplicate(fd, Int32(count)) }
    }
}

/// A NULL-terminated list of C strings, as execve takes it.
private struct CStrings: ~Copyable {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [[UInt8]]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            let copy = (string + [0]).withUnsafeBytes {
                $0.assumingMemoryBound(to: CChar.self).baseAddress.flatMap(strdup)
            }
            (pointers + index).initialize(to: copy)
        }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
