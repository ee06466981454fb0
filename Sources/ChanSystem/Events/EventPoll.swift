// SPDX-License-Identifier: Apache-2.0

import CChanSystem

/// What a descriptor is watched for; hang-ups and errors are always reported.
public struct Interest: OptionSet, Sendable, Hashable {
    /// The bits.
    public let rawValue: UInt32
    /// Makes a set of its bits.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// There is something to read, or the peer sends nothing more.
    public static let read = Interest(rawValue: 1)
    /// There is room to write.
    public static let write = Interest(rawValue: 2)
}

/// What a descriptor is ready for.
@frozen
public struct Readiness: OptionSet, Sendable, Hashable {
    /// The bits.
    public let rawValue: UInt32
    /// Makes a set of its bits.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// There is something to read, or the end of it.
    public static let read = Readiness(rawValue: 1)
    /// There is room to write.
    public static let write = Readiness(rawValue: 2)
    /// Both directions are closed: the peer is gone.
    public static let hangup = Readiness(rawValue: 4)
    /// The descriptor has an error; a read or write will say which.
    public static let error = Readiness(rawValue: 8)
    /// The peer sends nothing more, though it may still read (half-close).
    ///
    /// Comes with interest in reading only.
    public static let peerClosed = Readiness(rawValue: 16)
}

/// One descriptor that is ready.
public struct ReadyEvent: Sendable {
    /// The token the descriptor was added with.
    public let token: UInt64
    /// What it is ready for.
    public let readiness: Readiness
    /// There is something to read, or the end of it.
    public var readable: Bool { readiness.contains(.read) }
    /// There is room to write.
    public var writable: Bool { readiness.contains(.write) }
    /// Both directions are closed.
    public var hangup: Bool { readiness.contains(.hangup) }
    /// The descriptor has an error.
    public var error: Bool { readiness.contains(.error) }
}

/// Room for the events of one wait, used again and again.
///
/// Unchecked for the pointer, which nobody else has: the value can't be copied.
public struct EventBuffer: ~Copyable, @unchecked Sendable {
    fileprivate let storage: UnsafeMutableBufferPointer<chan_event>
    /// How many events the last wait gave.
    public fileprivate(set) var count = 0

    /// Makes room for so many events a wait, at most 256.
    public init(capacity: Int = 256) {
        storage = .allocate(capacity: min(max(capacity, 1), 256))
        storage.initialize(repeating: chan_event())
    }

    deinit { storage.deallocate() }

    /// One event of the last wait.
    public subscript(index: Int) -> ReadyEvent {
        precondition(index >= 0 && index < count, "no such event")
        let event = storage[index]
        return ReadyEvent(token: event.token, readiness: Readiness(rawValue: event.flags))
    }
}

/// Waits for many descriptors at once: epoll, level-triggered.
///
/// A descriptor has to be removed before it is closed: another descriptor for the same file would keep it watched.
public struct EventPoll: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Makes a poll that watches nothing.
    public init() throws(SystemError) {
        descriptor = OwnedDescriptor(taking: try checked(.epollCreate) { chan_epoll_create() })
    }

    /// Watches a descriptor; its events carry the token.
    public func add(_ fd: Int32, token: UInt64, interest: Interest) throws(SystemError) {
        try checked(.epollCtl) { chan_epoll_add(descriptor.raw, fd, token, interest.rawValue) }
    }

    /// Changes what a descriptor is watched for; an empty interest leaves hang-ups and errors.
    public func modify(_ fd: Int32, token: UInt64, interest: Interest) throws(SystemError) {
        try checked(.epollCtl) { chan_epoll_modify(descriptor.raw, fd, token, interest.rawValue) }
    }

    /// Watches a descriptor no longer.
    public func remove(_ fd: Int32) throws(SystemError) {
        try checked(.epollCtl) { chan_epoll_remove(descriptor.raw, fd) }
    }

    /// Blocks until a descriptor is ready, or for so many nanoseconds; without a limit for ever, with 0 not at all.
    ///
    /// A signal ends the wait early with no event, so look at the clock rather than take that for the timeout.
    /// Where the kernel lacks `epoll_pwait2` the time is rounded up to milliseconds.
    public func wait(
        into events: inout EventBuffer, timeoutNanoseconds: UInt64?
    ) throws(SystemError) {
        let timeout = timeoutNanoseconds.map { Int64(clamping: $0) } ?? -1
        let storage = events.storage
        let count = once(.epollWait) {
            chan_epoll_wait(descriptor.raw, storage.baseAddress, Int32(storage.count), timeout)
        }
        events.count = max(Int(count), 0)
        guard count < 0 else { return }
        let number = chan_errno()
        if number != SystemError.interrupted { throw SystemError(errno: number, call: .epollWait) }
    }
}
