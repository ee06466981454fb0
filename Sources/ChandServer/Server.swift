// SPDX-License-Identifier: Apache-2.0

import ChanCore
public import ChanSystem
import ChanWire
public import ChandConfig
import Systemd

/// The daemon: an epoll loop on one thread around the broker.
///
/// A turn reads every ready connection once, runs its complete frames, lets time pass, and writes every
/// touched connection once. Nothing in a turn waits for a peer, and each connection's share of it is bounded.
public final class Server {
    var configuration: Configuration
    let source: ConfigurationSource
    let log: Log
    let poll: EventPoll
    var hub: Hub
    var connections = ConnectionTable()
    var doors: Doors
    /// Connections whose backlog goes on in the next turn.
    var backlogged: [Connection] = []
    /// Those being written to; empty between turns.
    private var writing = DirtyConnections()
    /// Connections that are ready to be read and have their turn later.
    var deferred: [Connection] = []
    var fairTurns: FairTurns
    /// How often users connect.
    var connectRate = RateLimiter()
    /// Connections whose process has exited, until what it wrote has been run.
    var dying: [Connection] = []
    /// So few that a turn stays short for those who are served next, in which each may have connected or died.
    var events = EventBuffer(capacity: 64)
    private let scratch: UnsafeMutableRawBufferPointer
    private var spin: Spin
    private let watchdogNanoseconds: UInt64?
    private var nextWatchdog = UInt64.max
    private var nextLogSummary: UInt64 = 0
    /// Reads the configuration anew, on a thread of its own.
    let reloader: Reloader
    /// Requests that wait for the reading that goes on, and for the one after it.
    var reloadRequests: (current: [ReloadRequest], next: [ReloadRequest]) = ([], [])
    var isReloading = false
    var reloadsAgain = false
    var reloadFailure = ""
    var status = StatusLine()
    private var idleSince: UInt64?
    let started = MonotonicClock.now()
    /// By when sessions have to be finished; nil while nobody asked the daemon to stop.
    var stopDeadline: UInt64?
    private var hasSignal = false
    /// Something was asked for that a turn has to do, whether or not anything comes.
    var hasNews = false
    /// Whether the loop has once had nothing to do for a moment.
    private var hasRested = false
    private static let restNanoseconds: UInt64 = 1_000_000

    /// Poll tokens above those of connections.
    enum Token {
        static let lifeline = UInt64.max
        static let signal = UInt64.max - 1
        static let reloaded = UInt64.max - 2
        static let firstDoor = UInt64.max - 1024
    }

    /// Binds the socket, or takes those that systemd passes, and gets everything ready to serve.
    ///
    /// - Throws: `ServerError` that says what is wrong with the socket or the machine.
    public init(
        configuration: Configuration, source: ConfigurationSource = .none, log: Log,
        checksInvariants: Bool = false
    ) throws(ServerError) {
        self.configuration = configuration
        self.source = source
        self.log = log
        let limits = configuration.limits
        hub = Hub(
            limits: BrokerLimits(limits), spaces: configuration.brokerSpaces,
            maxMessageBytes: limits.messageBytes, framesPerTurn: configuration.loop.turnFrames,
            outputHighWatermark: limits.outputHighWatermark,
            inspectionsPerSecond: limits.inspectionsPerSecond,
            seed: SystemRandomNumberGenerator.seed(), instance: SystemRandomNumberGenerator.seed(),
            checksInvariants: checksInvariants)
        fairTurns = FairTurns(frames: configuration.loop.turnFrames, bytes: configuration.loop.turnBytes)
        spin = Spin(limit: configuration.loop.spin)
        let watchdog = Notifier.watchdogInterval.map { $0.nanoseconds / 2 }
        watchdogNanoseconds = watchdog
        do throws(SystemError) {
            poll = try EventPoll()
            reloader = try Reloader(source)
            doors = try Doors(configuration)
            try poll.add(reloader.descriptor, token: Token.reloaded, interest: .read)
            try doors.watch(poll)
        } catch {
            throw ServerError(error)
        }
        // Last, since nobody would free it where something before fails.
        scratch = .allocate(byteCount: configuration.loop.turnBytes, alignment: 16)
    }

    deinit {
        scratch.deallocate()
    }

    /// The version of daemon and tools.
    public static var version: String { Hub.version }

    /// The paths that the daemon listens on, for the log.
    public var listening: [String] { doors.paths }

    /// Serves until something asks for the end, then stops in order.
    ///
    /// SIGHUP reads the configuration anew; a second signal to end cuts the orderly stop short.
    /// - Parameter lifeline: a descriptor whose end means the same as a signal; -1 for none.
    public func run(signals: borrowing SignalSource, lifeline: Int32 = -1) throws(ServerError) {
        do throws(SystemError) {
            try poll.add(signals.descriptor, token: Token.signal, interest: .read)
            try begin(lifeline: lifeline)
            while try turn(lifeline: lifeline) {
                guard hasSignal else { continue }
                hasSignal = false
                while let arrival = try signals.next() {
                    if arrival.signal == .hangup { reload(for: nil) } else { requestStop() }
                }
            }
            end()
        } catch {
            throw ServerError(error)
        }
    }

    private func begin(lifeline: Int32) throws(SystemError) {
        if lifeline >= 0 { try poll.add(lifeline, token: Token.lifeline, interest: .read) }
        if watchdogNanoseconds != nil { nextWatchdog = 0 }
        declareChannels()
        Notifier.ready(status: "serving")
        log.info("serving on \(listening.joined(separator: ", "))", event: .serving)
    }

    /// One turn of the loop; false once there is nothing left to do.
    private func turn(lifeline: Int32) throws(SystemError) -> Bool {
        try wait()
        let now = MonotonicClock.now()
        hub.arrive(at: now)
        fairTurns.begin()
        if !deferred.isEmpty { serveDeferred() }
        for index in 0..<events.count {
            let event = events[index]
            switch event.token {
            case Token.lifeline:
                guard hasEnded(lifeline) else { break }
                unwatch(lifeline)
                if stopDeadline == nil { requestStop() }
            case Token.signal: hasSignal = true
            case Token.reloaded: finishReload()
            case Token.firstDoor...: acceptAll(doorToken: event.token, now: now)
            default: serve(event)
            }
        }
        if !dying.isEmpty { runDying() }
        resumeDelayed()
        if !backlogged.isEmpty { runBacklogs() }
        runControls()
        hub.advance(to: now)
        checkDeadlines(now: now)
        if stopDeadline != nil { releaseFinishedSessions() }
        hub.reportEvents(now: now)
        relieveMemory()
        writeDirty(now: now)
        try keepTime(now: now)
        return !isStopped(now: now)
    }

    /// Whether nothing can come from the descriptor any more; what comes is of no interest.
    private func hasEnded(_ descriptor: Int32) -> Bool {
        switch Transfer.read(descriptor, into: scratch) {
        case .bytes, .wouldBlock: false
        case .endOfFile, .failed: true
        }
    }

    // MARK: Waiting

    private func wait() throws(SystemError) {
        let now = MonotonicClock.now()
        let hasWork =
            !backlogged.isEmpty || !deferred.isEmpty || !dying.isEmpty || hub.mustSweep || hasNews
        hasNews = false
        guard !hasWork, hub.outbox.dirty.isEmpty else {
            try poll.wait(into: &events, timeoutNanoseconds: 0)
            return
        }
        // Two at a time: with more, min makes an array of them.
        var wake = min(hub.broker.nextDeadline ?? .max, min(connections.nextDeadline, nextWatchdog))
        wake = min(min(wake, hub.nextDelayed), min(hub.reportDue, doors.resumeAt))
        wake = min(wake, hub.sweepDue)
        wake = min(wake, min(status.due, stopDeadline ?? .max))
        if let idleSince { wake = min(wake, idleSince &+ configuration.daemon.idleExit.nanoseconds) }
        if !hasRested {
            try poll.wait(into: &events, timeoutNanoseconds: Self.restNanoseconds)
            if events.count > 0 { return }
            // Most of the program was needed to start only: parsing of arguments and configuration. Not before the
            // first rest, since who waits for the daemon to start would wait for the pages to come back.
            ThisProcess.releaseCleanPages()
            hasRested = true
            return
        }
        if try spin.wait(on: poll, into: &events, now: now, until: wake) { return }
        // The spin took time.
        let rested = wake == .max ? 0 : MonotonicClock.now()
        let timeout: UInt64? = wake == .max ? nil : wake > rested ? wake - rested : 0
        try poll.wait(into: &events, timeoutNanoseconds: timeout)
    }

    /// What is due by the clock: the watchdog, from this thread so that a stuck loop is noticed, the status, the
    /// log's summary of what it left out, and the end of an idle daemon.
    private func keepTime(now: UInt64) throws(SystemError) {
        if let watchdogNanoseconds, now >= nextWatchdog {
            Notifier.watchdog()
            nextWatchdog = now + watchdogNanoseconds
        }
        if now >= nextLogSummary {
            log.reportLeftOut(now: now)
            nextLogSummary = now + 60_000_000_000
        }
        if stopDeadline == nil {
            status.update(now: now, hadEvents: events.count > 0) { StatusLine.line(of: self) }
            try endIfIdle(now: now)
        }
    }

    /// Ends a daemon to which nothing is connected and in which nothing is stored, where that is configured.
    private func endIfIdle(now: UInt64) throws(SystemError) {
        let patience = configuration.daemon.idleExit
        guard patience > .zero, connections.count == 0, hub.broker.isBare else { return idleSince = nil }
        let since = idleSince ?? now
        idleSince = since
        guard now >= since &+ patience.nanoseconds else { return }
        // Who connected just now is served: systemd would start another daemon for him, but this one can as well.
        try poll.wait(into: &events, timeoutNanoseconds: 0)
        guard events.count == 0 else { return idleSince = nil }
        log.info(
            "nothing connected and nothing stored for \(Quantity.text(patience)): ending", event: .idleExit)
        requestStop()
    }

    // MARK: Reading

    private func serve(_ event: ReadyEvent) {
        guard let connection = connections[event.token] else { return }
        if event.token & ConnectionTable.processBit != 0 { return processEnded(connection) }
        // Of one that is told goodbye, only whether it can be written to matters, and whether it is gone.
        if event.writable || connection.state == .ended { hub.outbox.touch(connection) }
        // Of one whose frames wait nothing is read, and a poll would say at once and again that its peer is gone.
        if event.hangup, connection.delayedUntil != 0 { return processEnded(connection) }
        if event.readable || event.hangup || event.error { read(connection) }
    }

    /// Reads once, at most a turn's share, and runs what is complete; returns how many bytes there were.
    @discardableResult
    func read(_ connection: Connection) -> Int {
        // What was read before comes first; the socket keeps the rest.
        guard connection.mayRun, connection.backlog.isEmpty else { return 0 }
        guard fairTurns.hasTurn(connection.account) else {
            deferTurn(of: connection)
            return 0
        }
        let before = (frames: hub.framesRun, output: connection.output.count)
        do throws(WireFault) {
            let direct = connection.assembler.directTarget()
            let result =
                if let direct {
                    Transfer.read(connection.descriptor.raw, into: direct, then: scratch)
                } else {
                    Transfer.read(connection.descriptor.raw, into: scratch)
                }
            switch result {
            case .bytes(let count):
                let directly = min(direct?.count ?? 0, count)
                if directly > 0 { try hub.receivedDirectly(directly, from: connection) }
                let rest = UnsafeRawBufferPointer(rebasing: scratch[..<(count - directly)])
                if !rest.isEmpty {
                    try hub.receive(rest, from: connection) {
                        Identity(connection.credentials, configuration)
                    }
                }
                charge(connection, since: before, read: count)
                afterReading(connection)
                return count
            case .wouldBlock: break
            case .endOfFile, .failed: drop(connection, nil)
            }
        } catch {
            fault(error, connection)
        }
        return 0
    }

    /// Runs a turn's share of what connections sent faster than their frames had turns.
    private func runBacklogs() {
        let list = backlogged
        backlogged = []
        // Those who do not read go on when they have read: `throttle` puts them back.
        for connection in list where connection.state == .greeted && connection.mayRun {
            guard fairTurns.hasTurn(connection.account) else {
                backlogged.append(connection)
                continue
            }
            let before = (frames: hub.framesRun, output: connection.output.count)
            var bytes = GrowableBytes()
            swap(&bytes, &connection.backlog)
            do throws(WireFault) {
                try hub.receive(bytes.readable, from: connection) {
                    Identity(connection.credentials, configuration)
                }
                charge(connection, since: before, read: 0)
                afterReading(connection)
            } catch {
                fault(error, connection)
            }
        }
    }

    private func afterReading(_ connection: Connection) {
        hub.measure(connection)
        if !connection.backlog.isEmpty {
            backlogged.append(connection)
            // The mark may have fallen below what it has unread, and its socket be full: nothing is run then, and nothing
            // would be written. Only a write looks at who is to be throttled, and from when on he has to read.
            if connection.output.count > hub.outputMark { hub.outbox.touch(connection) }
        } else if !connection.interest.contains(.read) {
            // The last of a backlog need not have an answer, and only a write looks at what to watch.
            hub.outbox.touch(connection)
        }
        if connection.state == .greeted, hub.broker.completeConnection(connection.charge) {
            connections.forgetDeadline(of: connection)
            if PeerCredentials.processIsKept { watchProcess(of: connection) }
        }
    }

    private func fault(_ fault: WireFault, _ connection: Connection) {
        if fault.code == .done {
            drop(connection, Goodbye(.done, ""))
        } else {
            let credentials = connection.credentials
            log.limited(
                .warning, user: credentials.uid, reason: "session ended: \(fault.code)",
                now: MonotonicClock.now(),
                "session of pid \(credentials.pid), uid \(credentials.uid) ended: \(fault)",
                event: .sessionFault,
                fields: [.peerUid(credentials.uid), .peerPid(credentials.pid), .reason(fault.code)])
            drop(connection, Goodbye(fault.code, fault.text))
        }
    }

    /// Ends a session; its socket is closed after this turn's writes.
    func drop(_ connection: Connection, _ goodbye: Goodbye?) {
        guard connection.state != .ended else { return }
        hub.end(connection, goodbye)
        hub.outbox.touch(connection)
    }

    // MARK: Writing

    /// Writes every touched connection once; the one call of a turn, however many frames it has.
    private func writeDirty(now: UInt64) {
        // Swapped, so that both keep their memory.
        swap(&hub.outbox.dirty, &writing)
        writing.drain { connection in
            connection.isDirty = false
            write(connection, now: now)
        }
    }

    private func write(_ connection: Connection, now: UInt64) {
        connection.settlePendingSent(pool: hub.outbox.pool)
        if connection.state == .ended {
            if isDrained(connection) { return }
            // What the socket takes is what a peer gets that is told why: waiting on it would be its to prolong.
            // Only an orderly stop waits, and for all together.
            if stopDeadline == nil { close(connection) } else { setInterest(.write, of: connection) }
            return
        }
        let before = connection.output.count
        let result = connection.output.flush(to: connection.descriptor.raw, pool: hub.outbox.pool) {
            MessageBody.release(token: $0, to: hub.outbox.bodies)
        }
        switch result {
        case .done, .more, .wouldBlock:
            hub.measure(connection)
            if result == .more { hub.outbox.touch(connection) }
            throttle(connection, progressed: connection.output.count < before, now: now)
            watch(connection, writing: result == .wouldBlock)
        case .failed:
            drop(connection, nil)
        }
    }

    /// Backpressure: who does not read what he asked for is not read from either, and ends if that lasts.
    private func throttle(_ connection: Connection, progressed: Bool, now: UInt64) {
        let queued = connection.output.count
        // Most are written whole.
        guard queued > 0 || connection.isThrottled else { return }
        let mark = hub.outputMark
        if connection.isThrottled, connection.output.bytes.count > configuration.limits.outputHardLimit {
            slowReceiver(connection)
        } else if queued > mark {
            if !connection.isThrottled || progressed {
                connection.deadline = now &+ configuration.limits.writeDeadline.nanoseconds
                connection.hadGrace = false
                connections.watchDeadline(of: connection)
            }
            connection.isThrottled = true
        } else if queued <= min(configuration.limits.outputLowWatermark, mark), connection.isThrottled {
            connection.isThrottled = false
            connections.forgetDeadline(of: connection)
            if !connection.backlog.isEmpty { backlogged.append(connection) }
        }
    }

    func slowReceiver(
        _ connection: Connection, _ reason: String = "it does not read what it asked for"
    ) {
        let credentials = connection.credentials
        log.limited(
            .warning, user: credentials.uid, reason: "slow receiver", now: MonotonicClock.now(),
            "session of pid \(credentials.pid), uid \(credentials.uid) ended: \(reason)",
            event: .slowReceiver, fields: [.peerUid(credentials.uid), .peerPid(credentials.pid)])
        drop(connection, Goodbye(.slowReceiver, reason))
    }

    private func watch(_ connection: Connection, writing: Bool) {
        guard connection.state != .ended else { return }
        var interest: Interest = writing ? .write : []
        if connection.mayRun, connection.backlog.isEmpty, !connection.isDeferred { interest.insert(.read) }
        setInterest(interest, of: connection)
    }

    func setInterest(_ interest: Interest, of connection: Connection) {
        guard interest != connection.interest else { return }
        connection.interest = interest
        do throws(SystemError) {
            try poll.modify(connection.descriptor.raw, token: connection.token, interest: interest)
        } catch {
            systemFailed(error)
            drop(connection, nil)
        }
    }

    func close(_ connection: Connection) {
        connection.output.dropAll(pool: hub.outbox.pool) {
            MessageBody.release(token: $0, to: hub.outbox.bodies)
        }
        forgetProcess(of: connection)
        unwatch(connection.descriptor.raw)
        remove(connection)
        doors.resume(poll)
    }

    /// Watches a descriptor no longer.
    func unwatch(_ descriptor: Int32) {
        do throws(SystemError) { try poll.remove(descriptor) } catch { systemFailed(error) }
    }

    /// Takes a connection out of the table and of its user's account.
    func remove(_ connection: Connection) {
        if connections.remove(connection) { hub.broker.endConnection(connection.charge) }
    }

    /// The kernel refused something that only its own shortage explains.
    func systemFailed(_ error: SystemError) {
        log.limited(
            .error, user: 0, reason: "\(error.call)", now: MonotonicClock.now(), "\(error)",
            event: .systemFailed, fields: [.errno(error.errno), .reason(error.call)])
    }

    // MARK: Time

    /// How late the loop may be at most to blame a session for not having done anything.
    private static let latenessNanoseconds: UInt64 = 100_000_000
    /// How much longer a session has otherwise: enough to look at what all of them did.
    private static let graceNanoseconds: UInt64 = 1_000_000_000

    private func checkDeadlines(now: UInt64) {
        if now >= doors.resumeAt { doors.resume(poll) }
        guard now >= connections.nextDeadline else { return }
        // This process stood still: what they did meanwhile has not been looked at.
        let wasAway = now - connections.nextDeadline > Self.latenessNanoseconds
        for connection in connections.overdue(now: now) {
            if wasAway, !connection.hadGrace {
                connection.hadGrace = true
                connection.deadline = now &+ Self.graceNanoseconds
                connections.watchDeadline(of: connection)
            } else if connection.state == .connected {
                drop(connection, Goodbye(.handshakeTimeout, "no HELLO came in time"))
            } else {
                slowReceiver(connection)
            }
        }
    }
}
