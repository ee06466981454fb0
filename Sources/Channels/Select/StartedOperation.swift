// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// An operation that goes on while nobody waits for it; see ``SelectSet``.
protocol StartedOperation: AnyObject, Sendable {
    /// Begins it before it returns, so that it has its place (rule 23).
    ///
    /// `whenOver` is called once, on any thread; nobody listens any more where it was dropped.
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
        case underWay
        case over(Result<ReceivedBatch, any Error>)
        case finished
    }

    private let channel: RemoteChannel<Element>
    private let operation: HeldReceive
    private let state = Lock(State.underWay)

    init(_ channel: RemoteChannel<Element>) {
        self.channel = channel
        operation = HeldReceive(channel)
    }

    func start(whenOver: @escaping @Sendable () -> Void) {
        operation.whenOver = { [self] outcome in
            let result = received(outcome)
            let isDropped = state.withLock { state in
                if case .finished = state { return true }
                state = .over(result)
                return false
            }
            if !isDropped { return whenOver() }
            if case .success(let batch) = result { channel.loop.giveBackRest(of: batch) }
        }
        channel.loop.begin(operation)
    }

    private func received(_ outcome: Result<Int, any Error>) -> Result<ReceivedBatch, any Error> {
        switch outcome {
        case .failure(let error): return .failure(error)
        case .success:
            guard let batch = operation.batch else { return .failure(endedAtOnce(channel)) }
            return .success(batch)
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
        case .underWay: operation.cancel()
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

/// A send inside the process.
final class StartedNearSend<Element: Sendable>: StartedOperation {
    private let channel: LocalChannel<Element>
    private let element: Element
    private let operation: LocalOperation

    init(_ element: Element, to channel: LocalChannel<Element>) {
        self.channel = channel
        self.element = element
        operation = LocalOperation(channel.space, timeout: WireTimeout.never)
    }

    func start(whenOver: @escaping @Sendable () -> Void) {
        operation.start(
            { [channel, element, operation] state, request in
                guard channel.isUsable(&state, request) else { return }
                var chain = MessageChain()
                channel.append(element, to: &chain, &state)
                channel.send(chain, for: operation, as: request, .commit, &state)
            },
            whenOver: { _ in whenOver() })
    }

    func claim<ID>() -> SelectSet<ID>.Outcome {
        do {
            _ = try channel.accepted(operation)
            return .sent
        } catch {
            return .failed(error)
        }
    }

    func drop() { operation.cancel() }
}

/// A send to a daemon's channel.
final class StartedFarSend<Element: Sendable>: StartedOperation {
    private let channel: RemoteChannel<Element>
    private let element: Element
    private let operation: SendOperation
    private let ending = Lock<Result<Int, any Error>?>(nil)

    init(_ element: Element, to channel: RemoteChannel<Element>) {
        self.channel = channel
        self.element = element
        operation = channel.sending(timeout: WireTimeout.never, acceptedBefore: 0, confirm: .commit)
    }

    func start(whenOver: @escaping @Sendable () -> Void) {
        operation.whenOver = { [ending] outcome in
            ending.withLock { $0 = outcome }
            whenOver()
        }
        channel.begin(operation, sending: element)
    }

    func claim<ID>() -> SelectSet<ID>.Outcome {
        guard let outcome = ending.withLock({ $0 }) else {
            preconditionFailure("an operation that is not over is claimed")
        }
        switch outcome {
        case .success(let count): return count > 0 ? .sent : .failed(endedAtOnce(channel))
        case .failure(let error): return .failed(error)
        }
    }

    func drop() { operation.cancel() }
}

/// The error for a daemon that ends an operation without a limit of time as if it were a try.
private func endedAtOnce(_ channel: RemoteHandle) -> ChandError {
    Connection.malformed(
        WireFault(.malformed, "an operation without a limit of time ended for lack of it")
    ).about(channel: channel.name)
}
