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
        reconnecting.waiting = operation.reconnect.waiting
        reconnecting.name = operation.name
        reconnecting.handshakeTime = max(budget, Self.leastHandshakeTime)
        let attempt = Result<Void, SystemError> { () throws(SystemError) in
            let socket = try UnixSocket.connect(
                path: operation.path, timeoutMilliseconds: budget / 1_000_000 + 1, nonBlocking: !isDriven)
            // It waits by reading, and in a write not at all, or no timeout would count there.
            if isDriven { try UnixSocket.setSendTimeout(socket.raw, microseconds: 1) }
            attach(socket)
        }
        if case .failure(let error) = attempt {
            let reason = ConnectFailure.error(error, path: operation.path, origin: operation.origin)
            state = .over(reason)
            return operation.fail(reason)
        }
        state = .greeting(operation)
        phaseDeadline = now &+ budget
        append(Hello(features: .known, clientName: operation.name).encoded())
    }

    /// The daemon has accepted the session.
    func welcomed(_ welcome: Welcome) throws(WireFault) {
        guard welcome.version == WireLimits.version else {
            throw WireFault(.version, "WELCOME with version \(welcome.version)")
        }
        let daemon = DaemonInfo(welcome)
        switch state {
        case .greeting(let operation):
            session.announced(daemon)
            state = .open
            phaseDeadline = .max
            session.publish(.connected(daemon))
            operation.succeed()
        case .reconnecting(.greeting):
            session.announced(daemon)
            rejoin()
        default:
            throw WireFault(.outOfState, "a second WELCOME")
        }
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
        case .reconnecting:
            lose(Self.closed)
            return operation.succeed()
        case .withdrawing, .leaving: return closers.append(operation)
        }
        closers.append(operation)
        state = .withdrawing
        phaseDeadline = now &+ gracePeriod
        prepareOutput()
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
        prepareOutput()
        append(SimpleFrame.leave())
    }

    /// The daemon sends nothing more; `reason` says why, where it is known.
    func ended(_ reason: ChandError? = nil) {
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
            let reason = reason ?? DaemonFailure.lost(goodbye, socket: socketPath)
            if mayReconnect { interrupt(reason) } else { lose(reason) }
        case .reconnecting(.pausing):
            break
        case .reconnecting:
            if mayReconnect {
                interrupt(DaemonFailure.lost(goodbye, socket: socketPath))
            } else if let goodbye {
                lose(DaemonFailure.refusal(goodbye, socket: socketPath))
            }
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
        case .reconnecting(.pausing):
            tryToReconnect()
        case .reconnecting:
            interrupt(ConnectFailure.silent(path: socketPath))
        case .idle, .open, .over:
            break
        }
    }

    /// The connection is over for good: everything under way fails, and everything later at once.
    func lose(_ reason: ChandError) {
        let before = state
        switch before {
        case .over: return
        case .withdrawing, .leaving: state = .over(Self.closed)
        case .idle, .greeting, .open, .reconnecting: state = .over(reason)
        }
        phaseDeadline = .max
        if case .greeting(let operation) = before { operation.fail(reason) }
        endSession(with: reason)
        for operation in held.takeAll(now: now) { finish(operation, with: reason) }
        // First, so that whoever has waited for the close finds that it was said.
        if case .over(let error) = state { session.publish(.closed(error)) }
        for closer in closers { closer.succeed() }
        closers = []
    }

    /// This is a forked child: everything that is begun fails here, and the socket, which is the parent's too, is left alone.
    ///
    /// What was begun before is the parent's and ends there only: a task that was resumed with an error here would do in two processes
    /// what it does then. Nothing is published either, as another thread of the parent may have had any lock.
    func leaveToParent() {
        if case .over = state { return }
        state = .over(.forked)
        phaseDeadline = .max
        ledger.removeAll()
        output.dropAll { _ in }
    }

    /// Forgets what belongs to the session, and tells who waits for the daemon's answers.
    func endSession(with reason: ChandError) {
        ledger.removeAll()
        output.dropAll { _ in }
        for operation in operations.loseAll() { finish(operation, with: reason) }
    }

    /// Ends the connection without waiting, because nobody is left to wait.
    func abort() {
        if case .open = state {
            prepareOutput()
            append(SimpleFrame.leave())
            flush()
        }
        lose(Self.closed)
    }

    /// Who connects with less patience gets it for the first time only.
    private static let leastHandshakeTime: UInt64 = 1_000_000_000

    static let closed = ChandError(.clientClosed, "the client was closed")
}
