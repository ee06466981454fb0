// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// A signal of the operating system.
public struct Signal: RawRepresentable, Sendable, Hashable {
    /// Its number.
    public let rawValue: Int32
    /// Names a signal by its number.
    public init(rawValue: Int32) { self.rawValue = rawValue }
    /// Please end.
    public static let terminate = Signal(rawValue: SIGTERM)
    /// The user pressed the interrupt key.
    public static let interrupt = Signal(rawValue: SIGINT)
    /// The terminal is gone; for a daemon: read the configuration again.
    public static let hangup = Signal(rawValue: SIGHUP)
    /// The user pressed the quit key.
    public static let quit = Signal(rawValue: SIGQUIT)
    /// End at once; cannot be caught.
    public static let kill = Signal(rawValue: SIGKILL)
    /// Stop running; cannot be caught.
    public static let stop = Signal(rawValue: SIGSTOP)
    /// Go on running.
    public static let resume = Signal(rawValue: SIGCONT)
    /// The first of two for the program's own use.
    public static let user1 = Signal(rawValue: SIGUSR1)
    /// The second of two for the program's own use.
    public static let user2 = Signal(rawValue: SIGUSR2)
    /// The terminal's size has changed.
    public static let windowChanged = Signal(rawValue: SIGWINCH)
}

/// Signals as something to read instead of something that interrupts.
///
/// Make it before any other thread starts: threads inherit what is blocked, and a signal goes to any thread that does
/// not block it. Child processes started with ``ChildProcess`` begin with nothing blocked.
public struct SignalSource: ~Copyable, Sendable {
    /// One signal that arrived.
    public struct Arrival: Sendable, Hashable {
        /// Which.
        public let signal: Signal
        /// Whether the kernel sent it by itself, as for a key of the terminal.
        public let isFromKernel: Bool
        /// Who sent it; 0 for the kernel, and for a process that has no number in our namespace of processes.
        public let senderPid: Int32
        /// As which user.
        public let senderUid: UInt32
    }

    private let owner: OwnedDescriptor
    private let signals: [Int32]

    /// The descriptor to watch for reading.
    public var descriptor: Int32 { owner.raw }

    /// Blocks the signals in the calling thread and in those it starts, and collects them.
    public init(_ signals: [Signal]) throws(SystemError) {
        let numbers = signals.map(\.rawValue)
        try checked(.sigmask) { chan_signals_mask(numbers, Int32(numbers.count), 1) }
        let fd = retrying(.signalfd) { chan_signalfd(numbers, Int32(numbers.count)) }
        if fd == -1 {
            let number = chan_errno()
            _ = chan_signals_mask(numbers, Int32(numbers.count), 0)
            throw SystemError(errno: number, call: .signalfd)
        }
        owner = OwnedDescriptor(taking: fd)
        self.signals = numbers
    }

    /// The next signal that arrived, or `nil`; never blocks.
    public func next() throws(SystemError) -> Arrival? {
        var signal: Int32 = 0
        var isKernels: Int32 = 0
        var pid: Int32 = 0
        var uid: UInt32 = 0
        let result = retrying(.read) { chan_signalfd_next(owner.raw, &signal, &isKernels, &pid, &uid) }
        if result == 0 {
            return Arrival(
                signal: Signal(rawValue: signal), isFromKernel: isKernels != 0, senderPid: pid,
                senderUid: uid)
        }
        let number = chan_errno()
        if number == SystemError.wouldBlock { return nil }
        throw SystemError(errno: number, call: .read)
    }

    /// Unblocks the signals in the calling thread again, for programs that stop caring.
    public consuming func close() {
        _ = chan_signals_mask(signals, Int32(signals.count), 0)
    }

    /// Makes writes to closed pipes fail with `EPIPE` instead of ending the process.
    public static func ignoreBrokenPipes() throws(SystemError) {
        try checked(.sigmask) { chan_ignore_sigpipe() }
    }
}
