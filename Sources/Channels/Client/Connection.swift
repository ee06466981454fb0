// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// One connection to a daemon: everything here belongs to the client's loop thread.
///
/// Invariants:
/// - frames are written in the order in which operations began; what is known of deliveries is written before
///   the next frame, so the daemon never answers a request without knowing what was settled before it;
/// - an operation is begun, answered and failed at most once; once the connection is over, none is under way;
/// - the socket is open exactly while the state is neither `idle`, `over` nor between two attempts, or until the
///   loop has stopped watching it;
/// - while the state is `open`, every handle that is to be opened again is one of this session, released, or gone;
/// - operations are held only while the daemon is sought.
final class Connection {
    /// Where the connection stands.
    enum State {
        /// Nobody has asked for a connection yet.
        case idle
        /// HELLO is on its way.
        case greeting(ConnectOperation)
        /// Operations may begin.
        case open
        /// The connection was lost, and the daemon is sought; operations that begin are held.
        case reconnecting(Reconnecting.Attempt)
        /// No operation may begin; waiting for the answers of those that are being withdrawn.
        case withdrawing
        /// LEAVE is on its way; waiting for the daemon to end the session.
        case leaving
        /// Nothing will ever happen any more; later operations fail with this.
        case over(ChandError)
    }

    /// How long the daemon has to answer a CANCEL (rule 10), in nanoseconds.
    var gracePeriod: UInt64 = 5_000_000_000
    /// The daemon's own clock decides about timeouts, so ours waits a little longer before it interferes.
    static let deadlineSlack: UInt64 = 10_000_000

    /// What other threads may know.
    let session: ClientSession
    // Not checked for overlapping accesses at run time, as what every operation touches on the one thread that has it all.
    @exclusivity(unchecked) var state = State.idle
    var reconnecting = Reconnecting()
    @exclusivity(unchecked) var held = HeldOperations()
    var socketPath = ""
    var goodbye: Goodbye?
    /// Who waits for the end of a connection that is being closed.
    var closers: [CloseOperation] = []
    /// What is to be written, and what that refers to.
    @exclusivity(unchecked) var output = WriteQueue()
    @exclusivity(unchecked) var operations = OutstandingOperations<Operation>()
    @exclusivity(unchecked) var ledger = SettlementLedger()
    /// Batches of which consumers on this thread have taken messages that the ledger does not know yet.
    @exclusivity(unchecked) private var handedOver: [ReceivedBatch] = []
    @exclusivity(unchecked) var reader = FrameReader()
    /// Whether a codec is writing into the output, which nobody else may touch meanwhile.
    @exclusivity(unchecked) private(set) var isEncoding = false
    /// One chunk holds what a busy turn writes, so that the same warm memory serves every turn.
    private let pool = BufferPool(chunkBytes: 256 << 10, maxSpare: 1)
    @exclusivity(unchecked) private var socket: OwnedDescriptor?
    let origin = ProcessMark()
    private var outputBlocked = false

    /// The time at which this turn began; operations count from it.
    @exclusivity(unchecked) private(set) var now: UInt64 = 0
    /// Time that has passed while everything readable had been read: what the grace period counts (rule 10).
    @exclusivity(unchecked) private(set) var graceTime: UInt64 = 0
    private var countedUntil: UInt64 = 0
    private var everythingRead = true
    /// When connecting or closing has taken too long.
    var phaseDeadline: UInt64 = .max
    /// Looking for what is due walks the whole table, so it is not done more often than this allows.
    private var nextSearch: UInt64 = 0
    private static let searchInterval: UInt64 = 2_000_000

    /// Whether the calling thread does everything, one operation after the other: it may block in a read.
    let isDriven: Bool
    /// Whether something that the daemon must know at once has not been written; kept only where it is driven, since a
    /// loop writes everything at the end of its turn.
    @exclusivity(unchecked) var isUrgent = false

    #if Logging || Metrics
        /// What happened since observers were told last.
        var counts = ClientCounts()
        var toldUnderWay = 0
    #endif

    init(session: ClientSession, isDriven: Bool) {
        self.session = session
        self.isDriven = isDriven
    }

    // MARK: - Operations

    /// Begins an operation, or fails or holds it where that can't be.
    func begin(_ operation: Operation) {
        if admits(operation) { start(operation) }
    }

    /// Begins an operation that is known to be allowed.
    func start(_ operation: Operation) {
        prepareOutput()
        let id = operations.begin(operation, deadline: deadline(operation.timeout))
        operation.phase.begin(as: id)
        operation.write(request: id, to: self)
    }

    /// Begins a send whose messages are encoded straight into the output.
    func begin(_ operation: SendOperation, _ encode: (inout MessageWriter) throws -> Void) {
        if case .reconnecting = state {
            do { try operation.prepare(encode) } catch { return operation.fail(error) }
        }
        guard admits(operation) else { return }
        prepareOutput()
        let start = output.bytes.count
        var writer = MessageWriter(appendingTo: exchange(&output.bytes, with: GrowableBytes()))
        isEncoding = true
        let result = Result { try encode(&writer) }
        isEncoding = false
        output.bytes = writer.finish()
        // A codec may have forked.
        guard origin.isHere else {
            output.bytes.removeLast(output.bytes.count - start)
            return operation.fail(ChandError.forked)
        }
        if case .failure(let error) = result {
            output.bytes.removeLast(output.bytes.count - start)
            return operation.fail(error)
        }
        let id = operations.begin(operation, deadline: deadline(operation.timeout))
        operation.phase.begin(as: id)
        output.bytes.patch(id, at: start + SendOperation.requestOffset)
    }

    /// Asks the daemon to withdraw an operation, or keeps it from beginning.
    func cancel(_ operation: Operation) {
        if operation.isHeld {
            operation.isHeld = false
            held.noteCancelled()
            return finish(operation, with: CancellationError())
        }
        guard let id = operation.phase.cancel() else { return }
        if origin.isHere {
            withdraw(id, operation)
        } else if case .awaited = operations.end(id) {
            // Its own answer would come to the parent.
            finish(operation, with: CancellationError())
        }
    }

    private func withdraw(_ id: UInt64, _ operation: Operation) {
        guard operations.withdraw(id, graceEnd: graceTime &+ gracePeriod) else { return }
        if operation.isWithdrawable { append(SimpleFrame.cancel(request: id)) }
    }

    private func admits(_ operation: Operation) -> Bool {
        guard origin.isHere else {
            operation.fail(ChandError.forked)
            return false
        }
        guard operation.phase.mayBegin() else {
            operation.fail(CancellationError())
            return false
        }
        if let obstacle = operation.obstacle() {
            operation.fail(obstacle)
            return false
        }
        switch state {
        case .open:
            guard let pin = operation.pin else { return true }
            if pin.allows(session.number) {
                pin.set(session.number)
                return true
            }
            operation.fail(SessionPin.lost)
        case .reconnecting:
            hold(operation)
        case .over(let error):
            operation.fail(error)
        case .idle, .greeting, .withdrawing, .leaving:
            operation.fail(Self.closed)
        }
        return false
    }

    private func deadline(_ timeout: Int64) -> UInt64 {
        guard timeout >= 0 else { return .max }
        let (instant, wrapped) = now.addingReportingOverflow(UInt64(timeout) &+ Self.deadlineSlack)
        return wrapped ? .max : instant
    }

    /// Writes what is known of deliveries, as is due before every request, into memory that is kept warm.
    func prepareOutput() {
        if output.bytes.capacity == 0 { output.bytes.reserve(1, pool: pool) }
        if !handedOver.isEmpty { settleHandedOver() }
        ledger.write(to: &output.bytes)
    }

    /// Notes that a consumer on this thread took messages: what it takes until the next request, or until all tasks have had
    /// their turn, is settled at once then.
    func noteHandedOver(of batch: ReceivedBatch) {
        if batch.isListed { return }
        batch.isListed = true
        handedOver.append(batch)
    }

    /// Has the ledger know what consumers on this thread have taken, and lets their batches go; what goes with those may leave
    /// commands.
    func settleHandedOver() {
        while let batch = handedOver.popLast() {
            batch.isListed = false
            batch.settle(on: self)
        }
    }

    /// Appends a whole frame.
    func append(_ frame: [UInt8]) {
        frame.withUnsafeBytes { output.bytes.append($0) }
    }

    /// Closes a handle that nobody holds any more, without waiting for the answer.
    func abandonHandle(_ number: UInt32) {
        switch state {
        case .open, .reconnecting(.rejoining): break
        default: return
        }
        prepareOutput()
        let id = operations.beginUnawaited()
        append(SimpleFrame.handle(.closeHandle, request: id, handle: number))
    }

    /// Says what becomes of a delivery that does not decode.
    func giveUp(_ delivery: UInt64, of handle: RemoteHandle) {
        guard let target = handle.undecodable.deadLetter else {
            return ledger.note(.returnedSeen, handle: handle.number, first: delivery, count: 1)
        }
        guard case .open = state else { return }
        prepareOutput()
        append(DeadLetter(handle: handle.number, delivery: delivery, target: target).encoded())
    }

    /// Notes what becomes of deliveries, if they are the present session's.
    func finish(
        _ fate: SettlementLedger.Fate, handle: UInt32, delivery: UInt64, count: UInt32, session: UInt64
    ) {
        guard session == self.session.number else { return }
        ledger.note(fate, handle: handle, first: delivery, count: count)
    }

    // MARK: - Time

    /// Says what time it is; everything in this turn counts from here.
    func startTurn(now: UInt64) {
        self.now = now
    }

    /// Ends the reading of a turn: counts the grace time, and acts on what is due.
    func finishReading() {
        let passed = now &- countedUntil
        // A process that was stopped finds much time gone at once; it gets several turns to read all the same.
        if everythingRead, countedUntil != 0 { graceTime &+= min(passed, gracePeriod / 8) }
        countedUntil = now
        if now >= phaseDeadline { phaseIsOverdue() }
        if now >= held.nextDeadline { expireHeld() }
        guard now >= nextSearch, now >= operations.nextDeadline || graceTime >= operations.nextGraceEnd else {
            return
        }
        nextSearch = now &+ Self.searchInterval
        for due in operations.expire(now: now, grace: graceTime, gracePeriod: gracePeriod) {
            switch due {
            case .withdraw(let id):
                guard let operation = operations.context(id) else { continue }
                operation.isLate = true
                if operation.isWithdrawable { append(SimpleFrame.cancel(request: id)) }
            case .abandon(let operation):
                finish(operation, with: Self.noAnswer)
            }
        }
    }

    /// In how many nanoseconds something will be due; nil for never.
    var nextWakeUp: UInt64? {
        let search = operations.nextDeadline == .max ? .max : max(operations.nextDeadline, nextSearch)
        let instant = min(search, phaseDeadline, held.nextDeadline)
        var wait = instant == .max ? UInt64.max : (instant > now ? instant - now : 0)
        if operations.nextGraceEnd != .max { wait = min(wait, gracePeriod / 16) }
        return wait == .max ? nil : wait
    }

    private static let noAnswer = ChandError(
        .outcomeUnknown,
        "the daemon does not answer; whether the operation took effect is unknown")

    /// Tells a caller that nothing more will come.
    func finish(_ operation: Operation, with error: any Error) {
        operation.phase.end()
        operation.fail(error)
    }

    // MARK: - The socket

    /// The socket to watch, -1 for none.
    var descriptor: Int32 {
        switch state {
        case .idle, .over, .reconnecting(.pausing): -1
        case .greeting, .open, .withdrawing, .leaving, .reconnecting: socket?.raw ?? -1
        }
    }

    /// What the socket is to be watched for.
    var interest: Interest { outputBlocked ? [.read, .write] : .read }

    /// Takes over a connected socket.
    func attach(_ descriptor: consuming OwnedDescriptor) {
        socket = consume descriptor
        outputBlocked = false
    }

    /// Closes the socket of a connection that is over; the loop watches it no longer.
    func closeIfOver() {
        switch state {
        case .over, .reconnecting(.pausing): socket = nil
        default: break
        }
    }

    /// Whether a flush would write.
    var hasOutput: Bool { !output.isEmpty || !ledger.isEmpty || !handedOver.isEmpty }

    /// Whether so much waits to be written that it is better written before more is added.
    var hasMuchOutput: Bool { !outputBlocked && output.bytes.count > 192 << 10 }

    /// Writes what there is to write, as far as the socket takes it.
    func flush() {
        guard origin.isHere else { return leaveToParent() }
        guard hasOutput, let descriptor = socket?.raw, descriptor == self.descriptor else { return }
        prepareOutput()
        if outputBlocked { return }
        while true {
            switch output.flush(to: descriptor, pool: pool, release: { _ in }) {
            case .done: return
            case .more: continue
            case .wouldBlock:
                outputBlocked = true
                return
            case .failed:
                // The daemon may have said why before it closed: what it wrote can still be read. Where it has not closed, as
                // when the kernel lacks memory, a socket that blocks would be waited for.
                let readiness = try? Transfer.wait(descriptor, for: .read, until: 0)
                if readiness?.isEmpty == false { readAll() }
                return ended()
            }
        }
    }

    /// Reacts to what the socket is ready for.
    func ready(_ readiness: Readiness) {
        if readiness.contains(.write) {
            outputBlocked = false
            flush()
        }
        guard isDriven else { return readAll() }
        // A read would block where nothing is there to be read.
        if readiness.isSubset(of: .write) { everythingRead = true } else { readAll() }
    }

    /// Reads what there is, up to a bound that keeps tasks from waiting for long, and acts on every frame.
    private func readAll() {
        everythingRead = false
        // A second read would block a thread that has what it waits for.
        for _ in 0..<(isDriven ? 1 : 16) {
            // A codec may have forked: what comes is the parent's.
            guard let descriptor = socket?.raw, descriptor == self.descriptor, origin.isHere else { return }
            let room = reader.room()
            switch Transfer.read(descriptor, into: room) {
            case .bytes(let count):
                reader.received(count)
                dispatch()
                if count < room.count {
                    everythingRead = true
                    return
                }
            case .wouldBlock:
                everythingRead = true
                return
            case .endOfFile:
                return ended()
            case .failed(let errno):
                if goodbye == nil, case .open = state {
                    return ended(
                        ChandError(
                            .connectionLost,
                            "the connection to the daemon at \(socketPath) was lost: \(SystemError.text(errno))",
                            socket: socketPath, errno: errno))
                }
                return ended()
            }
        }
    }
}
