// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// An operation that goes on while nobody waits for it; see ``SelectSet``.
protocol StartedOperation: AnyObject, Sendable {
    /// Begins it; `whenOver` is called once, on any thread, unless it is dropped.
    func start(whenOver: @escaping @Sendable () -> Void)
    /// Hands the result over; once, after it is over, and never after `drop`.
    func claim<ID>() -> SelectSet<ID>.Outcome
    /// Withdraws it, and gives back what it has received; in place of `claim`.
    func drop()
}

/// A receive inside the process: what it received stays in its channel's store until it is claimed.
final class StartedNearReceive<Element: Sendable>: StartedOperation {
    private let channel: LocalChannel<Element>
    private let operation: LocalLeaseReceive<Element>

    init(_ channel: LocalChannel<Element>) {
        self.channel = channel
        operation = LocalLeaseReceive(channel, timeout: WireTimeout.never)
    }

    func start(whenOver: @escaping @Sendable () -> Void) {
        operation.start(
            { [channel, operation] in channel.begin(operation, as: $1, upTo: 1, &$0) },
            whenOver: { _ in whenOver() })
    }

    func claim<ID>() -> SelectSet<ID>.Outcome {
        switch operation.outcome {
        case .done:
            channel.settle(operation.delivery)
            guard let element = operation.element else { preconditionFailure("nothing was received") }
            return .received(element)
        case .failed(let failure): return .failed(LocalFailure.error(failure, channel: channel.name))
        case .pending: preconditionFailure("an operation that is not over is claimed")
        }
    }

    func drop() {
        operation.cancel()
        if case .done = operation.outcome { channel.giveBack(operation.delivery, seen: false) }
    }
}

/// Receives one message and leaves it as it came: neither settled nor decoded.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
private final class HeldReceive: ReceiveOperation, @unchecked Sendable {
    /// What was received; the caller's once it is resumed.
    private(set) var batch: ReceivedBatch?

    init(_ handle: RemoteHandle) { super.init(handle, count: 1, timeout: WireTimeout.never) }

    override func take(
        _ received: Received, of frame: AnswerFrame, on connection: Connection
    ) throws(WireFault) {
        batch = try ReceivedBatch(received, of: frame, handle: handle, handedOver: .settled)
        resume(returning: 1)
    }
}

/// A receive from a daemon's channel: what it received is settled when it is claimed.
final class StartedFarReceive<Element: Sendable>: StartedOperation {
    private enum State {
        case underWay(Task<Void, Never>?)
        case over(Result<ReceivedBatch, any Error>)
        case finished
    }

    private let channel: RemoteChannel<Element>
    private let state = Lock(State.underWay(nil))

    init(_ channel: RemoteChannel<Element>) { self.channel = channel }

    func start(whenOver: @escaping @Sendable () -> Void) {
        let task = Task {
            let result: Result<ReceivedBatch, any Error>
            do {
                let operation = HeldReceive(channel)
                _ = try await operation.outcome()
                guard let batch = operation.batch else { preconditionFailure("nothing was received") }
                result = .success(batch)
            } catch {
                result = .failure(error)
            }
            let isDropped = state.withLock { state in
                if case .finished = state { return true }
                state = .over(result)
                return false
            }
            if !isDropped { return whenOver() }
            if case .success(let batch) = result { channel.loop.giveBackRest(of: batch) }
        }
        state.withLock { state in
            if case .underWay = state { state = .underWay(task) }
        }
    }

    func claim<ID>() -> SelectSet<ID>.Outcome {
        guard case .over(let result) = finish() else {
            preconditionFailure("an operation that is not over is claimed")
        }
        do {
            let batch = try result.get()
            if batch.isLost { return .failed(SessionPin.lost.about(channel: channel.name)) }
            let bytes = batch.takeNext()
            do {
                let element = try channel.codec.decode(bytes)
                batch.handedOver()
                channel.loop.settle(batch, writesNow: false)
                bytes.offer?.settle()
                return .received(element)
            } catch {
                bytes.offer?.withdraw()
                batch.couldNotDecodeLast()
                channel.loop.giveBackRest(of: batch)
                return .failed(channel.undecodableError(error))
            }
        } catch {
            return .failed(error)
        }
    }

    func drop() {
        switch finish() {
        case .underWay(let task): task?.cancel()
        case .over(.success(let batch)): channel.loop.giveBackRest(of: batch)
        case .over(.failure), .finished: break
        }
    }

    private func finish() -> State {
        state.withLock { state in
            defer { state = .finished }
            return state
        }
    }
}

/// A send, near or far, in a task of its own.
final class StartedSend: StartedOperation {
    private struct State {
        var task: Task<Void, Never>?
        var failure: (any Error)?
    }

    private let send: @Sendable () async throws -> Void
    private let state = Lock(State())

    init(_ send: @escaping @Sendable () async throws -> Void) { self.send = send }

    func start(whenOver: @escaping @Sendable () -> Void) {
        let task = Task {
            do {
                try await send()
            } catch {
                state.withLock { $0.failure = error }
            }
            whenOver()
        }
        state.withLock { $0.task = task }
    }

    func claim<ID>() -> SelectSet<ID>.Outcome {
        state.withLock { $0.failure.map { .failed($0) } ?? .sent }
    }

    func drop() { state.withLock { $0.task }?.cancel() }
}
