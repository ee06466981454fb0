// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// The sends of one handle that no caller awaits (rule 24): how many are under way, what failed first, who waits.
///
/// Any number of tasks may use it; the loop reports the ends.
final class SendPipeline: Sendable {
    private struct Flush {
        /// The last send that it concerns.
        let last: UInt64
        /// How many of those are under way.
        var left: Int
        let waiter: Waiter
    }

    /// A task that waits, and what was found out before it did.
    ///
    /// Unchecked: touched only with the lock held.
    private final class Waiter: @unchecked Sendable {
        var continuation: UnsafeContinuation<Void, any Error>?
        var isCancelled = false
    }

    private struct State {
        var lastIssued: UInt64 = 0
        var underWay = 0
        var bytes = 0
        /// What was begun since the last urgent one.
        var sinceUrgent = (count: 0, bytes: 0)
        var failure: (sequence: UInt64, error: any Error)?
        var flushes: [Flush] = []
        /// Who waits until less is under way.
        var waiting: [Waiter] = []
        /// Sends written whose outcomes the daemon may keep.
        var written: UInt64 = 0
        /// How many of those had been written when it was asked last.
        var writtenWhenAsked: UInt64 = 0
        /// Closes a handle that nobody holds any more, once nothing is under way.
        var close: (@Sendable () -> Void)?

        /// Whether the daemon may have kept something since it was asked last; who sees that asks.
        mutating func mustAsk() -> Bool {
            defer { writtenWhenAsked = written }
            return written != writtenWhenAsked
        }
    }

    private let state = Lock(State())
    /// Sends that may be under way; a daemon refuses what waits beyond its limit.
    private let maxSends: Int
    /// Bytes from which on further sends wait.
    private static let maxBytes = 256 << 10

    init(maxWaiting: Int) { maxSends = max(1, min(256, maxWaiting / 2)) }

    /// A send's place.
    struct Place {
        let number: UInt64
        /// Whether the daemon is to have it now and to answer, since enough is under way: half of what may be, so that the
        /// other half is made meanwhile.
        let isUrgent: Bool
    }

    /// Takes a place for one more send, and waits for one where too much is under way.
    ///
    /// - Parameter ask: has the daemon say what it kept, called where there is anything to wait for.
    /// - Throws: the first failure since the last flush; `CancellationError`.
    func enter(asking ask: () -> Void) async throws -> Place {
        while true {
            var waiting: (waiter: Waiter, mustAsk: Bool)?
            let place: Place? = try state.withLock { state throws(any Error) in
                if let failure = state.failure { throw failure.error }
                if state.underWay < maxSends, state.bytes < Self.maxBytes { return issue(&state) }
                let waiter = Waiter()
                state.waiting.append(waiter)
                // None of those under way need be urgent: of big ones that is known too late.
                waiting = (waiter, state.mustAsk())
                return nil
            }
            if let place { return place }
            guard let waiting else { preconditionFailure("who has no place waits") }
            if waiting.mustAsk { ask() }
            try await wait(waiting.waiter)
        }
    }

    private func issue(_ state: inout State) -> Place {
        state.lastIssued += 1
        state.underWay += 1
        state.sinceUrgent.count += 1
        // Of those that were answered meanwhile, with what else the daemon wrote, nothing is to be asked.
        let isUrgent =
            min(state.sinceUrgent.count, state.underWay) * 2 >= maxSends
            || min(state.sinceUrgent.bytes, state.bytes) * 2 >= Self.maxBytes
        if isUrgent { state.sinceUrgent = (0, 0) }
        return Place(number: state.lastIssued, isUrgent: isUrgent)
    }

    /// Waits until everything that was entered before has ended.
    ///
    /// - Parameter ask: has the daemon say what it kept, called where there is anything to wait for.
    /// - Throws: the first failure among it, which is forgotten then; `CancellationError`.
    func flush(asking ask: () -> Void) async throws {
        let waiter = Waiter()
        let (last, mustWait, mustAsk) = state.withLock { state in
            guard state.underWay > 0 else { return (state.lastIssued, false, false) }
            state.flushes.append(Flush(last: state.lastIssued, left: state.underWay, waiter: waiter))
            return (state.lastIssued, true, state.mustAsk())
        }
        if mustAsk { ask() }
        if mustWait { try await wait(waiter) }
        let failure = state.withLock { state in
            let failure = state.failure.flatMap { $0.sequence <= last ? $0.error : nil }
            if failure != nil { state.failure = nil }
            return failure
        }
        if let failure { throw failure }
    }

    private func wait(_ waiter: Waiter) async throws {
        try await suspend { (continuation: UnsafeContinuation<Void, any Error>) in
            let result: Result<Void, any Error>? = state.withLock { state in
                if waiter.isCancelled { return .failure(CancellationError()) }
                if !Self.isWaiting(waiter, state) { return .success(()) }
                waiter.continuation = continuation
                return nil
            }
            if let result { continuation.resume(with: result) }
        } onCancel: {
            let continuation = state.withLock { state in
                waiter.isCancelled = true
                state.waiting.removeAll { $0 === waiter }
                state.flushes.removeAll { $0.waiter === waiter }
                return waiter.continuation.take()
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    private static func isWaiting(_ waiter: Waiter, _ state: State) -> Bool {
        state.waiting.contains { $0 === waiter } || state.flushes.contains { $0.waiter === waiter }
    }

    /// Says how many bytes a send has, once it was begun.
    func add(bytes: Int) {
        state.withLock { state in
            state.bytes += bytes
            state.sinceUrgent.bytes += bytes
        }
    }

    /// A send whose outcome the daemon may keep was written.
    ///
    /// Not before: what asks could be written between, and be answered too early.
    /// - Returns: whether to ask the daemon for it: somebody waits, who may have asked before.
    func written() -> Bool {
        state.withLock { state in
            state.written += 1
            let isAwaited = !state.waiting.isEmpty || !state.flushes.isEmpty || state.close != nil
            return isAwaited && state.mustAsk()
        }
    }

    /// Closes the handle that nobody holds any more, at once or when everything under way has ended.
    ///
    /// - Parameters:
    ///   - ask: has the daemon say what it kept, called where there is anything to wait for.
    ///   - close: closes the handle.
    func end(asking ask: () -> Void, then close: @escaping @Sendable () -> Void) {
        let (isOver, mustAsk) = state.withLock { state in
            if state.underWay == 0 { return (true, false) }
            state.close = close
            return (false, state.mustAsk())
        }
        if isOver { close() } else if mustAsk { ask() }
    }

    /// A send has ended.
    func leave(_ number: UInt64, bytes: Int, error: (any Error)?) {
        let (ready, close) = state.withLock { state in
            state.underWay -= 1
            state.bytes -= bytes
            if let error, number < state.failure?.sequence ?? .max { state.failure = (number, error) }
            var ready: [UnsafeContinuation<Void, any Error>] = []
            for index in state.flushes.indices where number <= state.flushes[index].last {
                state.flushes[index].left -= 1
                if state.flushes[index].left == 0 {
                    ready += [state.flushes[index].waiter.continuation.take()].compactMap { $0 }
                }
            }
            state.flushes.removeAll { $0.left == 0 }
            // All look again: only as many go on as there is room for.
            ready += state.waiting.compactMap { $0.continuation.take() }
            state.waiting = []
            return (ready, state.underWay == 0 ? state.close.take() : nil)
        }
        for continuation in ready { continuation.resume() }
        close?()
    }
}

/// A send that no caller awaits; its end is reported to its handle's pipeline.
///
/// The daemon may keep its outcome until it is asked, which the end of the handle does: so it does not hold the handle once
/// it is written.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class PipelinedSend: SendOperation, @unchecked Sendable {
    private let place: SendPipeline.Place
    private let pipeline: SendPipeline
    /// Set where it failed before it began: the element does not encode, and the caller is told.
    private(set) var encodingError: ChandError?

    init(_ handle: RemoteHandle, _ place: SendPipeline.Place) {
        self.place = place
        pipeline = handle.pipeline
        super.init(handle, timeout: WireTimeout.never)
    }

    /// Whether its outcome may come later; what passes channels holds them until it is known.
    var mayBeKept: Bool { !place.isUrgent && passed.isEmpty }

    override var flags: UInt8 { mayBeKept ? SendRequest.laterFlag : 0 }

    override func write(request: UInt64, to connection: Connection) {
        super.write(request: request, to: connection)
        wasWritten()
    }

    /// Notes that the frame was written, where that was done as it was encoded; on the loop.
    func noteWritten() {
        if case .underWay = phase { wasWritten() }
    }

    private func wasWritten() {
        if mayBeKept, pipeline.written() { loop.beginUnawaited(handle.asking()) }
        letHandleGo()
    }

    override func sent() -> Bool {
        pipeline.leave(place.number, bytes: byteCount, error: nil)
        return true
    }

    override func failed(_ failure: Failed, on connection: Connection) {
        pipeline.leave(
            place.number, bytes: byteCount, error: DaemonFailure.error(failure, channel: channel))
    }

    override func fail(_ error: any Error) {
        guard let known = error as? ChandError else {
            return pipeline.leave(place.number, bytes: byteCount, error: error)
        }
        let failure = channel.map { known.about(channel: $0) } ?? known
        // These come in the call that encodes, which throws them; not what was encoded and is too large for a later session.
        let isOfTheCall = count == 0 && (known.code == .encoding || known.code == .messageTooLarge)
        if isOfTheCall { encodingError = failure }
        pipeline.leave(place.number, bytes: byteCount, error: isOfTheCall ? nil : failure)
    }
}

/// Sending without waiting for each.
extension Chan {
    /// Sends one element and does not wait for its commit: for streams of single elements.
    ///
    /// Elements are committed in the order in which they were sent, with those of ``send(_:confirm:timeout:)`` of the
    /// same handle. It suspends only while 256 such sends, or 256 KiB, are not answered. ``flush()`` waits for the
    /// commits; what nobody flushes is sent all the same, as long as the client is there.
    ///
    /// - Throws: ``ChandError`` with `encoding` or `messageTooLarge`, and nothing was sent; the first failure of an
    ///   earlier one, until ``flush()`` has thrown it; `CancellationError` where it had to wait.
    public func sendLater(_ element: Element) async throws {
        guard let remote = backend.remote else { return try await send(element) }
        guard remote.loop.isHere else { throw ChandError.forked.about(channel: remote.name) }
        let place = try await remote.pipeline.enter { remote.loop.begin(remote.asking()) }
        let operation = PipelinedSend(remote, place)
        remote.begin(operation, sending: element)
        if let error = operation.encodingError { throw error }
        remote.pipeline.add(bytes: operation.byteCount)
        guard remote.loop.core.isCurrent else { return }
        operation.noteWritten()
        if place.isUrgent { remote.loop.writeNow() }
    }

    /// Waits until everything that was sent later by this value and its copies is committed (rule 24).
    ///
    /// - Throws: the first failure since the last flush: ``ChannelClosed`` or ``ChandError``; what was sent after it
    ///   may have been committed. `CancellationError` ends the waiting, and no send.
    public func flush() async throws {
        guard let remote = backend.remote else { return }
        guard remote.loop.isHere else { throw ChandError.forked.about(channel: remote.name) }
        try await remote.pipeline.flush { remote.loop.begin(remote.asking()) }
    }
}
