// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// What a connection knows about getting another one.
struct Reconnecting {
    /// How far an attempt has got.
    enum Attempt {
        /// It is not time for the next one yet.
        case pausing
        /// HELLO is on its way.
        case greeting
        /// The daemon is there, and handles are opened again.
        case rejoining
    }

    private struct WeakHandle {
        weak var handle: RemoteHandle?
    }

    /// Nanoseconds that an operation waits for the daemon; nil where it is not sought.
    var waiting: UInt64?
    /// What the client calls itself.
    var name = ""
    /// Nanoseconds for the answers that a daemon gives at once.
    var handshakeTime: UInt64 = 0
    var backoff = Backoff()
    #if Logging || Metrics
        /// How often the daemon was sought since the connection was lost.
        var attempts = 0
    #endif
    /// Why there is no connection.
    var reason: ChandError?
    /// The instance that the lost session was with.
    var instance: UInt64 = 0
    /// Handles that are being opened again, and what became of the others.
    var pending = 0
    var channels: [RejoinedChannel] = []
    /// Handles that are to be opened again, in the order of their first opening.
    private var handles: [WeakHandle] = []
    private var nextCleaning = 64

    /// Notes a handle that is to be opened again.
    mutating func add(_ handle: RemoteHandle) {
        if handles.count >= nextCleaning {
            handles.removeAll { $0.handle == nil }
            nextCleaning = max(64, handles.count * 2)
        }
        handles.append(WeakHandle(handle: handle))
    }

    /// The handles to be opened again now.
    mutating func handlesToReopen() -> [(RemoteHandle, OpenRequest)] {
        handles.removeAll { $0.handle?.requestToReopen == nil }
        return handles.compactMap { entry in
            guard let handle = entry.handle, let request = handle.requestToReopen else { return nil }
            return (handle, request)
        }
    }
}

/// How a connection that was lost comes back.
extension Connection {
    /// Whether a daemon that said this, or nothing, may be asked again: only one that stops or is gone.
    var mayReconnect: Bool {
        guard reconnecting.waiting != nil else { return false }
        switch goodbye?.code {
        case .shuttingDown, .handshakeTimeout: return true
        default: return goodbye == nil
        }
    }

    /// The connection is lost: everything under way fails, and the daemon is sought.
    func interrupt(_ reason: ChandError) {
        switch state {
        case .open:
            session.end()
            reconnecting.reason = reason
            reconnecting.instance = session.daemon?.instance ?? 0
            state = .reconnecting(.pausing)
            session.publish(.disconnected(reason))
        case .reconnecting(.rejoining):
            // Handles that were opened again belong to the session that is over now.
            session.end()
            state = .reconnecting(.pausing)
        case .reconnecting(.greeting):
            state = .reconnecting(.pausing)
        case .reconnecting(.pausing), .idle, .greeting, .withdrawing, .leaving, .over:
            return
        }
        phaseDeadline = now &+ reconnecting.backoff.next()
        endSession(with: reason)
    }

    /// Connects again, if the daemon listens; never blocks.
    func tryToReconnect() {
        #if Logging || Metrics
            reconnecting.attempts += 1
        #endif
        do throws(SystemError) {
            try attach(UnixSocket.connect(path: socketPath, timeoutMilliseconds: 0))
            #if Logging || Metrics
                session.observers.tell(.attempt(reconnecting.attempts, failure: nil))
            #endif
        } catch {
            #if Logging || Metrics
                session.observers.tell(.attempt(reconnecting.attempts, failure: error))
            #endif
            phaseDeadline = now &+ reconnecting.backoff.next()
            return
        }
        goodbye = nil
        reader = FrameReader()
        state = .reconnecting(.greeting)
        phaseDeadline = now &+ reconnecting.handshakeTime
        append(Hello(features: .known, clientName: reconnecting.name).encoded())
    }

    /// The daemon is back: opens the handles that asked for it.
    func rejoin() {
        state = .reconnecting(.rejoining)
        phaseDeadline = now &+ reconnecting.handshakeTime
        reconnecting.channels = []
        let handles = reconnecting.handlesToReopen()
        reconnecting.pending = handles.count
        for (handle, request) in handles { start(RejoinOperation(handle, request)) }
        if handles.isEmpty { resume() }
    }

    /// One handle was opened again, or can't be.
    func rejoined(_ channel: RejoinedChannel) {
        reconnecting.channels.append(channel)
        reconnecting.pending -= 1
        if reconnecting.pending == 0 { resume() }
    }

    /// Everything is as it can be: goes on with what was begun meanwhile.
    private func resume() {
        guard let daemon = session.daemon else { preconditionFailure("connected to nobody") }
        state = .open
        phaseDeadline = .max
        reconnecting.backoff.reset()
        #if Logging || Metrics
            reconnecting.attempts = 0
        #endif
        session.publish(
            .reconnected(
                Reconnection(
                    daemon: daemon, isSameDaemon: daemon.instance == reconnecting.instance,
                    channels: reconnecting.channels)))
        for operation in held.takeAll(now: now) { begin(operation) }
    }

    /// Keeps an operation until the daemon is back, unless it belongs to a session that is over.
    func hold(_ operation: Operation) {
        if let pin = operation.pin, !pin.allows(session.number) { return operation.fail(SessionPin.lost) }
        if operation.isProbe {
            operation.phase.end()
            return operation.failed(Failed(.wouldBlock), on: self)
        }
        held.hold(operation, now: now, waiting: reconnecting.waiting ?? 0)
    }

    /// Tells those who have waited for too long.
    func expireHeld() {
        for due in held.expire(now: now) {
            switch due {
            case .timeout(let operation):
                operation.phase.end()
                operation.failed(Failed(.timeout), on: self)
            case .lost(let operation):
                finish(operation, with: stillAway)
            }
        }
    }

    private var stillAway: ChandError {
        let reason = reconnecting.reason.map { ": \($0)" } ?? ""
        return ChandError(
            .connectionLost,
            "the daemon at \(socketPath) did not come back in time, and the operation was not begun\(reason)",
            socket: socketPath)
    }
}
