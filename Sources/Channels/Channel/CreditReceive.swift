// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire
import Synchronization

/// A RECEIVE that stays, with up to a number of messages ahead, and the queue between it and one consumer (rule 21).
///
/// The loop puts in what comes; the consumer, on any thread, takes it out, waits where there is none, and drops the
/// whole when it has enough. What it did not take goes back unseen then, and so does what comes later.
///
/// Unchecked, as every operation; what consumer and loop share is behind the lock.
final class CreditReceive: Operation, @unchecked Sendable {
    private struct Queue {
        var batches: [ReceivedBatch] = []
        /// No more comes; with an error unless the channel is closed or it was one message by itself.
        var isOver = false
        var error: (any Error)?
        var isDropped = false
        var isWaitCancelled = false
        var waiter: UnsafeContinuation<ReceivedBatch?, any Error>?
    }

    private let handle: RemoteHandle
    private let count: UInt32
    private let lease: WireLease?
    private let queue = Lock(Queue())
    /// It failed: what is left in the consumer's hands is the channel's again.
    private let isBrokenFlag = Atomic<Bool>(false)

    init(_ handle: RemoteHandle, count: Int, lease: WireLease?) {
        self.handle = handle
        self.count = UInt32(clamping: min(max(count, 1), WireLimits.maxBatchMessages))
        self.lease = lease
        super.init(handle.loop, channel: handle.name)
    }

    // MARK: - The consumer

    /// Whether what was taken out and not handed over is lost to the consumer.
    var isBroken: Bool { isBrokenFlag.load(ordering: .acquiring) }

    /// Why it failed; nil while it has not.
    var error: (any Error)? { queue.withLock { $0.error } }

    /// Whether everything has come and been taken: another receive has to be begun for more.
    var isSpent: Bool { queue.withLock { $0.isOver && $0.error == nil && $0.batches.isEmpty } }

    /// Takes out what has come, and waits where nothing has; nil once the channel is closed and drained.
    ///
    /// - Throws: why the receive failed, or `CancellationError`.
    func next() async throws -> ReceivedBatch? {
        if let batch = queue.withLock({
            $0.error == nil && !$0.batches.isEmpty ? $0.batches.removeFirst() : nil
        }) {
            return batch
        }
        queue.withLock { $0.isWaitCancelled = false }
        return try await suspend {
            wait($0)
        } onCancel: {
            let waiter = queue.withLock {
                $0.isWaitCancelled = true
                return $0.waiter.take()
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func wait(_ continuation: UnsafeContinuation<ReceivedBatch?, any Error>) {
        let result: Result<ReceivedBatch?, any Error>? = queue.withLock { queue in
            if let error = queue.error { return .failure(error) }
            if !queue.batches.isEmpty { return .success(queue.batches.removeFirst()) }
            if queue.isOver { return .success(nil) }
            if queue.isWaitCancelled { return .failure(CancellationError()) }
            queue.waiter = continuation
            return nil
        }
        if let result { continuation.resume(with: result) }
    }

    /// Ends it for a consumer who wants no more: what has come and was not taken goes back.
    func drop() {
        let rest = queue.withLock { queue in
            queue.isDropped = true
            defer { queue.batches = [] }
            return queue.batches
        }
        cancel()
        for batch in rest { loop.giveBackRest(of: batch) }
    }

    // MARK: - The loop

    override func obstacle() -> ChandError? { handle.obstacle() }

    override func write(request: UInt64, to connection: Connection) {
        var receive = ReceiveRequest(
            handle: handle.number, count: count, timeout: WireTimeout.never, ahead: true)
        if let lease {
            receive.lease = lease
            return connection.append(receive.encodedLeased(request: request))
        }
        let size = FrameHeader.byteCount + ReceiveRequest.byteCount
        let target = connection.output.bytes.writable(atLeast: size)
        guard let base = target.baseAddress else { return }
        receive.write(to: base, request: request)
        connection.output.bytes.commit(size)
    }

    override func partlyAnswered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        try frame.expect(.received)
        try take(frame, isLast: false, on: connection)
    }

    override func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        try frame.expect(.received)
        try take(frame, isLast: true, on: connection)
    }

    private func take(_ frame: AnswerFrame, isLast: Bool, on connection: Connection) throws(WireFault) {
        let received = try Received(reading: frame.body)
        guard received.handle == handle.number, received.count <= count else {
            throw WireFault(
                .malformed, "RECEIVED with \(received.count) messages of handle \(received.handle)")
        }
        // Without a buffer it was a plain receive: its lease runs already, and its answer was an attempt.
        let batch = try ReceivedBatch(
            received, of: frame, handle: handle, handedOver: lease == nil ? .settled : .received)
        let (isDropped, waiter) = queue.withLock { queue in
            if isLast { queue.isOver = true }
            let waiter = queue.waiter.take()
            if waiter == nil, !queue.isDropped { queue.batches.append(batch) }
            return (queue.isDropped, waiter)
        }
        if let waiter {
            waiter.resume(returning: batch)
        } else if isDropped {
            batch.giveBackRest(on: connection)
        }
    }

    override func failed(_ failure: Failed, on connection: Connection) {
        let error = DaemonFailure.error(failure, channel: channel)
        end(with: error is ChannelClosed ? nil : error)
    }

    override func fail(_ error: any Error) {
        end(with: (error as? ChandError)?.about(channel: handle.name) ?? error)
    }

    private func end(with error: (any Error)?) {
        if error != nil { isBrokenFlag.store(true, ordering: .releasing) }
        let (rest, waiter) = queue.withLock { queue in
            queue.isOver = true
            queue.error = error
            let rest = error == nil ? [] : queue.batches
            if error != nil { queue.batches = [] }
            return (rest, queue.waiter.take())
        }
        for batch in rest { loop.giveBackRest(of: batch) }
        if let error { waiter?.resume(throwing: error) } else { waiter?.resume(returning: nil) }
    }
}
