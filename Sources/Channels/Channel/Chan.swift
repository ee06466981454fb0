// SPDX-License-Identifier: Apache-2.0

/// A channel of elements, as in Go, shared with other processes.
///
/// ```swift
/// let jobs = try await client.channel("jobs", capacity: 16, of: Job.self)
/// try await jobs.send(job)
/// for try await job in jobs { ... }
/// ```
///
/// A channel value is a handle: copies share it, and the last copy that goes closes the handle, not the
/// channel. It may be used by any number of tasks at a time.
///
/// **Waiting.** `send` and `receive` suspend the task until the daemon has committed them; no thread is
/// blocked. A `timeout` of zero or less is a try. The daemon's clock decides about timeouts; should it not
/// answer within 5 seconds after one, the operation fails with ``ChandError/Code/outcomeUnknown`` (rule 10).
///
/// **Cancellation.** Cancelling the task withdraws the operation. It ends in exactly one way (rule 22): with
/// its result, if it was committed first, or with `CancellationError` and without effect.
///
/// **Errors.** ``ChannelClosed`` where the channel is closed, ``ChandError`` for everything else.
public struct Chan<Element: Sendable>: Sendable, Hashable {
    @usableFromInline let backend: ChannelBackend<Element>

    init(_ backend: ChannelBackend<Element>) { self.backend = backend }

    /// Makes a channel inside the process, which needs no daemon and encodes nothing.
    ///
    /// It is gone when the last value of it is, with what is left in it.
    ///
    /// - Parameters:
    ///   - size: 0 for a rendezvous, more for a buffer of so many elements, -1 for an unbounded one.
    ///   - deadLetters: a channel of this process for elements whose attempts are used up (``LeaseTerms/attempts``). They are
    ///     set aside (``restore()``) where there is none, where it has no room or is closed, and where nobody holds it.
    public init(size: Int = 0, deadLetters: Chan? = nil) {
        precondition(size >= ChannelOptions.unboundedCapacity, "a channel of size \(size)")
        do {
            let store = ElementStore(.process, deadLetters: deadLetters?.near)
            backend = .near(try LocalChannel(store, capacity: size))
        } catch {
            preconditionFailure("a channel of size \(size) can't be made: \(error)")
        }
    }

    /// The absolute name, such as `/uid/1000/jobs` (rule 25).
    public var name: String { backend.name }
    /// The directions in which it was opened.
    public var role: ChannelRole { backend.role }
    /// Which life of the name this is: it never moves to another (rule 15), unless it is opened again after the
    /// connection was lost, as asked for by ``ChannelOptions/rejoin``.
    public var generation: UInt64 { backend.generation }
    /// Whether opening it created the channel.
    public var wasCreated: Bool { backend.wasCreated }

    /// Whether two values are of the same life of the same channel, however they were opened (rule G22).
    public static func == (left: Chan, right: Chan) -> Bool {
        left.backend.identity == right.backend.identity
    }

    /// Hashes the name, which stays when a value is opened again.
    public func hash(into hasher: inout Hasher) { hasher.combine(name) }

    // MARK: - Closing

    /// Closes the channel for all processes; nothing can be sent any more, what is in it can be received.
    ///
    /// Waits for the daemon's answer, which comes at once. Needs the send role (rule X14).
    ///
    /// - Parameter reason: what both sides are told.
    /// - Returns: whether this call closed it; closing twice is no error (rule 4).
    @discardableResult
    public func close(reason: CloseReason = CloseReason()) async throws -> Bool {
        switch backend {
        case .near(let channel): try channel.close(reason)
        case .far(let channel): try await channel.closing(reason).result()
        }
    }

    /// Gives up receiving with this value and its copies, and keeps sending (rule X14).
    ///
    /// Receives that wait fail with ``ChandError/Code/handleClosed``; messages that were received ahead go back. It stays so
    /// where the value is opened again (``ChannelOptions/rejoin``); one that only receives is not, and fails with that code.
    public func stop() async throws {
        switch backend {
        case .near(let channel): try channel.stop()
        case .far(let channel): try await channel.stopping().result()
        }
    }

    /// Gives the channel up: closes the handle that this value and its copies share.
    ///
    /// Operations under way fail with ``ChandError/Code/handleClosed``, and so do later ones. Returns when the
    /// daemon has done it, or the connection is lost; in a cancelled task it may return before, and the handle is
    /// closed all the same. Without it the handle is closed when the last copy goes.
    public func release() async {
        switch backend {
        case .near(let channel): channel.closeHandle()
        case .far(let channel): await channel.release()
        }
    }

    /// Puts back what was set aside, each at its place, with its attempts (rule 19): for the channel's owner and
    /// administrators.
    ///
    /// Waits for the daemon's answer, which comes at once.
    ///
    /// - Returns: how many messages that were; of a daemon's channel 65535 for more.
    @discardableResult
    public func restore() async throws -> Int {
        switch backend {
        case .near(let channel): try channel.restore()
        case .far(let channel): try await channel.restore()
        }
    }

    // MARK: - Looking

    /// The channel's state at one instant, without waiting for anything but the answer.
    public func status() async throws -> ChannelStatus {
        switch backend {
        case .near(let channel): try channel.status()
        case .far(let channel): try await channel.inspecting().result()
        }
    }

    /// The number of messages in the buffer: Go's `len` (rule 6).
    public var length: Int {
        get async throws { try await status().length }
    }

    /// How many messages the channel buffers: Go's `cap`.
    public var capacity: ChannelCapacity {
        get async throws { try await status().capacity }
    }

    /// Whether a send would end at once; stale as soon as it is known (rule 6).
    public func sendReady() async throws -> Bool {
        try await status().sendReady
    }

    /// Whether a receive would end at once, be it with *closed*; stale as soon as it is known (rule 6).
    public func receiveReady() async throws -> Bool {
        try await status().receiveReady
    }
}
