// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// The broker with the sessions' frames in and out, without a socket call: bytes go in by `receive`, the
/// connections' outputs hold what is to be written.
struct Hub: ~Copyable {
    var broker: Broker<MessageBody>
    var outbox = Outbox()
    private(set) var maxMessageBytes: Int
    private(set) var limits: BrokerLimits
    /// What administrators asked of the daemon itself, for its owner to do after the frames of this turn.
    var controls: [(connection: Connection, request: UInt64, control: Control)] = []
    /// Who is told of events.
    var monitors: [Monitor] = []
    /// Events are not reported before.
    var nextReport: UInt64 = 0
    /// What an administrator asks for.
    enum Control {
        case change(ControlRequest)
        case status
    }
    /// Drawn at each start (WELCOME): another one tells a client that all state is gone.
    let instance: UInt64
    /// Frames of one connection that are run in one turn.
    private(set) var framesPerTurn: Int
    /// Output of a connection from which on its frames wait: it is to read first what it asked for.
    private(set) var outputHighWatermark: Int
    /// Output that a session may leave unread while memory is short.
    private static let shortWatermark = 64 << 10
    /// Frames that were run since the start, and work that counts as so many.
    var framesRun = 0
    /// When channels that only messages list may be looked at again.
    private var nextSweep: UInt64 = 0
    /// Pages of lists, messages and measures that each user asks for.
    private var inspectionRate = RateLimiter()
    private var inspectionsPerSecond: Int
    /// Connections that are over that rate, until their time has come.
    private(set) var delayed: [Connection] = []
    /// The time that the owner told last.
    private var now: UInt64 = 0
    /// Frames between two looks at the output, whose answers it may exceed the mark by.
    private static let framesBetweenLooks = 8
    /// Whether the whole state is checked after every frame; for tests.
    let checksInvariants: Bool

    /// What a client must call itself to see in WELCOME what it talks to.
    static let daemonName = "chand/\(version)"
    /// The version of daemon and tools.
    static let version = "0.1.0"

    init(
        limits: BrokerLimits, spaces: [Space], maxMessageBytes: Int, framesPerTurn: Int,
        outputHighWatermark: Int, inspectionsPerSecond: Int, seed: UInt64, instance: UInt64,
        checksInvariants: Bool
    ) {
        self.inspectionsPerSecond = inspectionsPerSecond
        broker = Broker(seed: seed, limits: limits, spaces: spaces)
        self.limits = limits
        self.maxMessageBytes = maxMessageBytes
        self.framesPerTurn = framesPerTurn
        self.outputHighWatermark = outputHighWatermark
        self.instance = instance
        self.checksInvariants = checksInvariants
    }

    /// Frees what nobody took, as a leak checker expects even of a process that ends.
    deinit {
        broker.forEachBody { $0.release(to: outbox.bodies) }
    }

    /// Puts other limits and spaces in force; sessions that are there keep what WELCOME told them.
    mutating func reconfigure(
        limits: BrokerLimits, spaces: [Space], maxMessageBytes: Int, framesPerTurn: Int,
        outputHighWatermark: Int, inspectionsPerSecond: Int
    ) {
        self.inspectionsPerSecond = inspectionsPerSecond
        self.limits = limits
        self.maxMessageBytes = maxMessageBytes
        self.framesPerTurn = framesPerTurn
        self.outputHighWatermark = outputHighWatermark
        broker.reconfigure(limits: limits, spaces: spaces)
    }

    /// Makes the channels that the configuration declares; returns those that can't be made.
    mutating func declare(_ list: [DeclaredChannel]) -> [(name: String, failure: Failure)] {
        let failures = broker.declare(list, into: &outbox)
        broker.conclude(into: &outbox)
        return failures
    }

    /// The largest body of a frame after the handshake.
    private var maxBodyBytes: Int { maxMessageBytes + WireLimits.bodyOverheadBytes }

    /// What cuts a new connection's bytes into frames.
    func makeAssembler() -> FrameAssembler {
        FrameAssembler(maxBodyBytes: maxBodyBytes, firstBodyBytes: WireLimits.maxHandshakeBodyBytes)
    }

    /// Runs the frames that `bytes` complete; what exceeds the turn goes to the connection's backlog.
    mutating func receive(
        _ bytes: UnsafeRawBufferPointer, from connection: Connection, identity: () -> Identity
    ) throws(WireFault) {
        outbox.asking = ObjectIdentifier(connection)
        // The assembler is moved out while frames run: they may not touch it, and a class property under an
        // inout access would be checked at run time.
        var assembler = FrameAssembler(maxBodyBytes: 0)
        swap(&assembler, &connection.assembler)
        defer { swap(&assembler, &connection.assembler) }
        var taken = 0
        let start = framesRun
        while taken < bytes.count, framesRun &- start < framesPerTurn, connection.output.count <= outputMark,
            connection.mayRun
        {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[taken...])
            let left = framesPerTurn &- (framesRun &- start)
            // Of a user who asks for too much, each new connection would have as many pages for nothing as fit between two looks.
            let isInDebt = inspectionRate.debt(of: connection.credentials.uid, now: now) > 0
            let some = connection.state == .connected || isInDebt ? 1 : min(left, Self.framesBetweenLooks)
            taken += try assembler.feed(rest, frames: some) { frame throws(WireFault) in
                framesRun &+= 1
                if connection.state == .connected {
                    try greet(frame.header, frame.body, from: connection, identity: identity())
                } else {
                    try run(&frame, from: connection)
                }
                conclude()
            }
        }
        if taken < bytes.count {
            connection.backlog.append(UnsafeRawBufferPointer(rebasing: bytes[taken...]))
        }
    }

    /// Says that `count` bytes of a big frame were received straight into its storage.
    mutating func receivedDirectly(_ count: Int, from connection: Connection) throws(WireFault) {
        outbox.asking = ObjectIdentifier(connection)
        var assembler = FrameAssembler(maxBodyBytes: 0)
        swap(&assembler, &connection.assembler)
        defer { swap(&assembler, &connection.assembler) }
        try assembler.received(count) { frame throws(WireFault) in
            framesRun &+= 1
            try run(&frame, from: connection)
            conclude()
        }
    }

    /// Output of a connection from which on its frames wait now.
    var outputMark: Int {
        broker.isShortOfMemory ? min(Self.shortWatermark, outputHighWatermark) : outputHighWatermark
    }

    /// Tells the user's account what the connection holds now; to be called when that may have changed.
    mutating func measure(_ connection: Connection) {
        let held =
            connection.output.heldBytes + connection.backlog.capacity + connection.assembler.pendingBytes
        guard held != connection.heldBytes else { return }
        connection.heldBytes = held
        broker.setBuffers(held, of: connection.charge)
    }

    /// Counts a request for a page; who is over the rate has his next frames run later.
    mutating func countInspection(of connection: Connection) {
        guard !broker.isAdministrator(session: connection.session) else { return }
        let user = connection.credentials.uid
        inspectionRate.take(user, perSecond: inspectionsPerSecond, now: now)
        let debt = inspectionRate.debt(of: user, now: now)
        guard debt > 0 else { return }
        if connection.delayedUntil == 0 { delayed.append(connection) }
        connection.delayedUntil = now &+ debt
    }

    /// Connections whose frames may be run again.
    mutating func takeDelayed() -> [Connection] {
        guard !delayed.isEmpty, delayed.contains(where: { $0.delayedUntil <= now }) else { return [] }
        let due = delayed.filter { $0.delayedUntil <= now }
        delayed.removeAll { $0.delayedUntil <= now }
        for connection in due { connection.delayedUntil = 0 }
        return due
    }

    /// When the first of them may; `.max` for none.
    var nextDelayed: UInt64 { delayed.isEmpty ? .max : delayed.reduce(.max) { min($0, $1.delayedUntil) } }

    /// Tells the time at which what follows arrived.
    mutating func arrive(at now: UInt64) {
        self.now = now
        broker.arrive(at: now)
    }

    /// The first frame: agrees on a version and begins the session.
    private mutating func greet(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer, from connection: Connection,
        identity: Identity
    ) throws(WireFault) {
        guard header.type == .hello else {
            throw WireFault(.outOfState, "the first frame is not HELLO")
        }
        let hello = try Hello(reading: body)
        guard hello.minVersion <= WireLimits.version, hello.maxVersion >= WireLimits.version else {
            throw WireFault(
                .version,
                "this daemon speaks version \(WireLimits.version), the client "
                    + "\(hello.minVersion) to \(hello.maxVersion): update the older of the two")
        }
        let session = broker.beginSession(identity)
        connection.session = session
        connection.number = broker.sessionID(session)
        connection.since = WallClock.now()
        connection.features = hello.features.intersection(.known)
        connection.state = .greeted
        outbox.attach(connection, session: session)
        var welcome = Welcome(
            maxBodyBytes: UInt32(maxBodyBytes), instance: instance, session: connection.number,
            maxMessageBytes: UInt32(maxMessageBytes), maxSelectCases: UInt32(limits.selectCases),
            maxWaiters: UInt32(limits.waitersPerSession), maxHandles: UInt32(limits.handlesPerSession),
            uid: identity.uid, daemonName: Self.daemonName)
        welcome.features = connection.features
        outbox.append(welcome.encoded(), to: connection)
    }

    /// Ends the connection's session in the broker; GOODBYE is the last frame in its output.
    mutating func end(_ connection: Connection, _ goodbye: Goodbye?) {
        guard connection.state != .ended else { return }
        if connection.state == .greeted {
            endMonitors(of: connection)
            if goodbye?.code != .done, goodbye?.code != .shuttingDown {
                outbox.note(.died, session: connection.session)
            }
            outbox.detach(session: connection.session)
            broker.endSession(connection.session, into: &outbox)
        }
        connection.state = .ended
        if !delayed.isEmpty { delayed.removeAll { $0 === connection } }
        connection.backlog.removeAll()
        connection.backlog.release()
        if let goodbye { outbox.append(goodbye.encoded(), to: connection) }
        conclude()
    }

    /// Lets the broker's time pass, and ends the turn.
    mutating func advance(to now: UInt64) {
        broker.advance(to: now, into: &outbox)
        broker.conclude(into: &outbox)
        if mustSweep {
            let pause = UInt64(broker.sweep(into: &outbox)) &* Self.sweepPause
            // A few are no work worth a pause.
            if pause >= Self.leastSweepPause { nextSweep = now &+ pause }
        }
        broker.answerWaits(into: &outbox)
    }

    /// Whether the next turn looks for channels that only lost messages list: one chain of them may be as long as a user's quota,
    /// and he may ask for it with every turn, so such looks take a tenth of the time at most.
    var mustSweep: Bool { broker.needsSweep && now >= nextSweep }

    /// When that is to be done that had to be put off; `.max` for never.
    var sweepDue: UInt64 { broker.needsSweep ? nextSweep : .max }

    /// Nanoseconds without another look, for each channel or listing looked at: some ten times what that takes.
    private static let sweepPause: UInt64 = 5000
    private static let leastSweepPause: UInt64 = 1_000_000

    /// Ends an input of the broker.
    private mutating func conclude() {
        broker.conclude(into: &outbox)
        check()
    }

    /// Checks the whole state, where that is asked for.
    func check() {
        if checksInvariants { checkNow() }
    }

    func checkNow() {
        // A daemon in a state that should not be would do harm to all its users.
        do { try broker.checkInvariants() } catch { fatalError("chand's own bug: \(error)") }
    }
}
