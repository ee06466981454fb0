// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// How a connection begins and ends.
extension Connection {
    /// Connects and sends HELLO; blocks this thread while the daemon's backlog is full.
    func connect(_ operation: ConnectOperation) {
        guard case .idle = state, !operation.isCancelled else { return operation.fail(CancellationError()) }
        let budget = operation.timeout
        gracePeriod = operation.gracePeriod
        socketPath = operation.path
        let attempt = Result<Void, SystemError> { () throws(SystemError) in
            attach(try UnixSocket.connect(path: operation.path, timeoutMilliseconds: budget / 1_000_000 + 1))
        }
        if case .failure(let error) = attempt {
            let reason = ConnectFailure.error(error, path: operation.path, origin: operation.origin)
            state = .over(reason)
            return operation.fail(reason)
        }
        state = .greeting(operation)
        phaseDeadline = now &+ budget
        append(Hello(clientName: operation.name).encoded())
    }

    /// The daemon has accepted the session.
    func welcomed(_ welcome: Welcome) throws(WireFault) {
        guard case .greeting(let operation) = state else {
            throw WireFault(.outOfState, "a second WELCOME")
        }
        guard welcome.version == WireLimits.version else {
            throw WireFault(.version, "WELCOME with version \(welcome.version)")
        }
        state = .open
        phaseDeadline = .max
        operation.succeed(welcome)
    }

    /// The task that waits for the connection was cancelled.
    func giveUp(_ operation: ConnectOperation) {
        operation.isCancelled = true
        guard case .greeting(let waiting) = state, waiting === operation else { return }
        state = .over(Self.closed)
        operation.fail(CancellationError())
    }

    /// Ends the session in order: withdraws what waits, and leaves when all of it is answered.
    func close(_ operation: CloseOperation) {
        switch state {
        case .open: break
        case .idle, .greeting, .over: return operation.succeed()
        case .withdrawing, .leaving: return closers.append(operation)
        }
        closers.append(operation)
        state = .withdrawing
        phaseDeadline = now &+ Self.closePeriod
        ledger.write(to: &output.bytes)
        for (id, waiting) in operations.abandonAll() {
            if waiting.isWithdrawable { append(SimpleFrame.cancel(request: id)) }
            finish(waiting, with: Self.closed)
        }
        leaveIfReady()
    }

    /// Says LEAVE when the last operation is answered.
    func leaveIfReady() {
        guard case .withdrawing = state, operations.count == 0 else { return }
        state = .leaving
        ledger.write(to: &output.bytes)
        append(SimpleFrame.leave())
    }

    /// The daemon sends nothing more.
    func ended() {
        switch state {
        case .greeting(let operation):
            let reason =
                goodbye.map { DaemonFailure.refusal($0, socket: socketPath) }
                ?? DaemonFailure.lost(nil, socket: socketPath)
            state = .over(reason)
            operation.fail(reason)
        case .withdrawing, .leaving:
            lose(Self.closed)
        case .open:
            lose(DaemonFailure.lost(goodbye, socket: socketPath))
        case .idle, .over:
            break
        }
    }

    /// Connecting or closing has taken too long.
    func phaseIsOverdue() {
        phaseDeadline = .max
        switch state {
        case .greeting(let operation):
            let reason = ConnectFailure.silent(path: socketPath)
            state = .over(reason)
            operation.fail(reason)
        case .withdrawing, .leaving:
            lose(Self.closed)
        case .idle, .open, .over:
            break
        }
    }

    /// The connection is over: everything under way fails, and everything later at once.
    func lose(_ reason: ChandError) {
        let before = state
        switch before {
        case .over: return
        case .withdrawing, .leaving: state = .over(Self.closed)
        case .idle, .greeting, .open: state = .over(reason)
        }
        phaseDeadline = .max
        ledger.removeAll()
        output.dropAll { _ in }
        if case .greeting(let operation) = before { operation.fail(reason) }
        for operation in operations.loseAll() { finish(operation, with: reason) }
        for closer in closers { closer.succeed() }
        closers = []
    }

    /// Ends the connection without waiting, because nobody is left to wait.
    func abort() {
        if case .open = state {
            ledger.write(to: &output.bytes)
            append(SimpleFrame.leave())
            flush()
        }
        lose(Self.closed)
    }

    static let closed = ChandError(.clientClosed, "the client was closed")
}
