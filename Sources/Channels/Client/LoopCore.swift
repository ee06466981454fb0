// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// The loop of a client's thread: runs jobs, then writes once, then waits, then reads.
///
/// Unchecked, because its members are of three kinds: constants and what is behind the lock, for any thread;
/// what is set before the thread starts; and what only the loop's thread touches once it runs, or, where there is none,
/// the thread that has the blocking client.
final class LoopCore: @unchecked Sendable {
    /// What other threads ask for.
    enum Command {
        case connect(ConnectOperation)
        case giveUp(ConnectOperation)
        case close(CloseOperation)
        case begin(Operation)
        case cancel(Operation)
        case settle(ReceivedBatch)
        case settleAtOnce(ReceivedBatch, UnsafeContinuation<Void, Never>)
        case giveBackRest(ReceivedBatch)
        case abandonHandle(UInt32, session: UInt64)
        case finish(SettlementLedger.Fate, handle: UInt32, delivery: UInt64, count: UInt32, session: UInt64)
    }

    private struct Shared {
        var jobs: [UnownedJob] = []
        var commands: [Command] = []
        var sleeping = false
        var stopping = false
        var isEmpty: Bool { jobs.isEmpty && commands.isEmpty && !stopping }
    }

    /// Jobs run between two looks at the socket, so that tasks that never wait can't starve it.
    private static let jobsPerTurn = 1024
    private static let wakeToken: UInt64 = 0
    private static let socketToken: UInt64 = 1

    private let shared = Lock(Shared())
    private let wakeUp: WakeUp
    private let poll: EventPoll
    private let origin = ProcessMark()
    /// Jobs for a forked child that has this thread: the other lock may have been another thread's when it was forked.
    private let childJobs = ConditionLock<[UnownedJob]>([])

    /// Set before the thread runs anything of others.
    private var thread: ThreadToken?
    private var executor: UnownedTaskExecutor?

    // From here on the loop's thread only.

    let connection: Connection
    @exclusivity(unchecked) private var jobs = JobQueue()
    /// Commands from the loop's own thread that must not interrupt what it does.
    @exclusivity(unchecked) private var deferred: [Command] = []
    /// What was taken from other threads last; swapped with theirs, so that both keep their memory.
    @exclusivity(unchecked) private var takenJobs: [UnownedJob] = []
    @exclusivity(unchecked) private var takenCommands: [Command] = []
    /// A job has forked, which goes on in the child.
    private var forkedInJob = false
    @exclusivity(unchecked) private var events = EventBuffer(capacity: 4)
    @exclusivity(unchecked) private var busy: BusyNotice
    @exclusivity(unchecked) private var watched: Int32 = -1
    @exclusivity(unchecked) private var interest: Interest = []

    /// - Parameter isDriven: whether there is no thread, and whoever calls does its work.
    init(session: ClientSession, _ busy: BusyNotice, isDriven: Bool = false) throws(SystemError) {
        connection = Connection(session: session, isDriven: isDriven)
        self.busy = busy
        wakeUp = try WakeUp()
        poll = try EventPoll()
        try poll.add(wakeUp.descriptor, token: Self.wakeToken, interest: .read)
    }

    /// Starts the thread and returns when it knows itself.
    func start(executor: UnownedTaskExecutor) throws(SystemError) {
        self.executor = executor
        let started = ConditionLock(false)
        _ = try NativeThread.start(name: "chand-client") {
            self.thread = ThreadToken.current
            started.withLock { $0 = true }
            started.signal()
            self.run()
        }
        started.wait { $0 ? () : nil }
    }

    /// Whether the calling thread is the loop's.
    var isCurrent: Bool { ThreadToken.current == thread }

    /// Runs a job soon; from any thread.
    func enqueue(_ job: UnownedJob) {
        if isCurrent {
            jobs.append(job)
        } else if origin.isHere {
            share { $0.jobs.append(job) }
        } else {
            childJobs.withLock { $0.append(job) }
            childJobs.signal()
        }
    }

    /// Hands a command to the loop; from any thread, in order for each.
    func submit(_ command: Command) {
        if isCurrent {
            deferred.append(command)
        } else {
            share { $0.commands.append(command) }
        }
    }

    /// Ends the thread once it has run what there is to run.
    func stop() {
        share { $0.stopping = true }
    }

    private func share(_ change: (inout Shared) -> Void) {
        let wake = shared.withLock { shared in
            change(&shared)
            defer { shared.sleeping = false }
            return shared.sleeping
        }
        if wake { wakeUp.signal() }
    }

    // MARK: - The thread

    private func run() {
        connection.startTurn(now: MonotonicClock.now())
        // What runs here may fork, and then this is the child's only thread; observers and codecs may too.
        while origin.isHere, takeShared() || !jobs.isEmpty || !deferred.isEmpty {
            runJobs()
            guard origin.isHere else { break }
            // First, since a handle may go with what was taken, and leave the command that closes it. In any state: what was taken
            // has the handle, which has the loop.
            connection.settleHandedOver()
            runDeferred()
            connection.flush()
            if !deferred.isEmpty {
                runDeferred()
                connection.flush()
            }
            updateWatch()
            let spent = MonotonicClock.now() &- connection.now
            let wasLong = busy.turnEnds(after: spent, of: connection.reconnecting.name)
            #if Logging || Metrics
                if wasLong { connection.session.observers.tell(.loopBlocked(spent)) }
                connection.reportTurn()
            #else
                _ = wasLong
            #endif
            guard origin.isHere else { break }
            wait()
        }
        guard origin.isHere else {
            if !forkedInJob {
                // A codec or an observer forked: all that was to be done is done in the parent.
                while jobs.popFirst() != nil {}
                deferred = []
            }
            return runInChild()
        }
        connection.abort()
        updateWatch()
    }

    /// Goes on in a forked child, for the task that forked and what it starts: all that they ask of the client fails.
    ///
    /// The poll, the wake-up and the socket are the parent's as well, and are not touched. It never returns: with its only
    /// thread the process would end.
    private func runInChild() {
        guard let executor else { return }
        connection.leaveToParent()
        while true {
            runDeferred()
            if let job = jobs.popFirst() {
                job.runSynchronously(on: executor)
            } else if let job = childJobs.wait(for: { $0.isEmpty ? nil : $0.removeFirst() }) {
                jobs.append(job)
            }
        }
    }

    /// Takes what other threads have shared; false when the loop is to end.
    func takeShared() -> Bool {
        let (stopping, isEmpty) = shared.withLock { shared in
            shared.sleeping = false
            if shared.jobs.isEmpty, shared.commands.isEmpty { return (shared.stopping, true) }
            swap(&shared.jobs, &takenJobs)
            swap(&shared.commands, &takenCommands)
            return (shared.stopping, false)
        }
        if isEmpty { return !stopping }
        for job in takenJobs { jobs.append(job) }
        takenJobs.removeAll(keepingCapacity: true)
        for command in takenCommands { run(command) }
        takenCommands.removeAll(keepingCapacity: true)
        return !stopping
    }

    private func runJobs() {
        guard let executor else { return }
        var budget = Self.jobsPerTurn
        while budget > 0, !connection.hasMuchOutput, let job = jobs.popFirst() {
            let waiting = jobs.count
            let commands = deferred.count
            job.runSynchronously(on: executor)
            budget -= 1
            guard origin.isHere else {
                // What was to be done before the fork is done in the parent.
                for _ in 0..<waiting { _ = jobs.popFirst() }
                deferred.removeFirst(commands)
                forkedInJob = true
                return
            }
        }
    }

    private func runDeferred() {
        while !deferred.isEmpty {
            let commands = deferred
            deferred.removeAll(keepingCapacity: true)
            for command in commands { run(command) }
        }
    }

    private func run(_ command: Command) {
        switch command {
        case .connect(let operation):
            connection.connect(operation)
            // That may have waited for the daemon, which is not the tasks' fault.
            connection.startTurn(now: MonotonicClock.now())
        case .giveUp(let operation): connection.giveUp(operation)
        case .close(let operation): connection.close(operation)
        case .begin(let operation): connection.begin(operation)
        case .cancel(let operation): connection.cancel(operation)
        case .settle(let batch): batch.settleReported(on: connection)
        case .settleAtOnce(let batch, let continuation):
            batch.settle(on: connection)
            connection.flush()
            continuation.resume()
        case .giveBackRest(let batch): batch.giveBackRest(on: connection)
        case .abandonHandle(let number, let session):
            if session == connection.session.number { connection.abandonHandle(number) }
        case .finish(let fate, let handle, let delivery, let count, let session):
            connection.finish(fate, handle: handle, delivery: delivery, count: count, session: session)
        }
    }

    /// Sleeps until there is something to do, and does what the socket has.
    private func wait() {
        let busy = !jobs.isEmpty || !deferred.isEmpty || !goToSleep()
        let limit = busy ? 0 : connection.nextWakeUp
        do {
            try poll.wait(into: &events, timeoutNanoseconds: limit)
        } catch {
            connection.lose(ChandError(.connectionLost, "\(error)", errno: error.errno))
        }
        connection.startTurn(now: MonotonicClock.now())
        for index in 0..<events.count {
            let event = events[index]
            if event.token == Self.wakeToken {
                wakeUp.drain()
            } else {
                connection.ready(event.readiness)
            }
        }
        connection.finishReading()
    }

    /// From now on others wake the loop; false if they have left something already.
    private func goToSleep() -> Bool {
        shared.withLock { shared in
            shared.sleeping = shared.isEmpty
            return shared.sleeping
        }
    }

    /// Watches the connection's socket for what it waits for, and closes it when the connection is over.
    private func updateWatch() {
        let descriptor = connection.descriptor
        if watched != descriptor {
            if watched >= 0 { try? poll.remove(watched) }
            watched = descriptor
            interest = []
        }
        // Not before it is watched no longer, see `EventPoll`.
        if watched < 0 { connection.closeIfOver() }
        guard watched >= 0, interest != connection.interest else { return }
        do {
            if interest.isEmpty {
                try poll.add(watched, token: Self.socketToken, interest: connection.interest)
            } else {
                try poll.modify(watched, token: Self.socketToken, interest: connection.interest)
            }
            interest = connection.interest
        } catch {
            connection.lose(ChandError(.connectionLost, "\(error)", errno: error.errno))
        }
    }
}
