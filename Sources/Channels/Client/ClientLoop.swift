// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// A client's thread, as the tasks see it: an executor that also takes operations.
///
/// It lives as long as a client, a channel or a task that prefers it; when the last of them goes, the thread
/// closes the connection and ends. The thread itself holds only the core, or it would never go.
final class ClientLoop: TaskExecutor, Sendable {
    /// The loop of the client whose `run` the current task is inside of.
    @TaskLocal static var current: ClientLoop?

    let core: LoopCore
    /// What is known of the present session.
    let session = ClientSession()
    /// The process that the connection belongs to; a forked child has no loop thread (rule X4).
    private let origin = ProcessMark()

    /// Whether there is no thread, and the caller of a ``ChandClient/Blocking`` does its work.
    let isDriven: Bool

    /// Starts a thread without a connection, unless the loop is to be driven.
    init(_ busy: BusyNotice, isDriven: Bool = false) throws(SystemError) {
        self.isDriven = isDriven
        core = try LoopCore(session: session, busy, isDriven: isDriven)
        if !isDriven { try core.start(executor: asUnownedTaskExecutor()) }
    }

    deinit {
        if isHere { core.stop() }
    }

    /// Whether this is the process that made the client.
    var isHere: Bool { origin.isHere }

    /// Runs a job of a task that prefers this executor.
    func enqueue(_ job: consuming ExecutorJob) {
        core.enqueue(UnownedJob(job))
    }

    /// Connects, which is the first thing asked of a loop.
    func connect(_ operation: ConnectOperation) { core.submit(.connect(operation)) }

    /// Says that the task that connects was cancelled.
    func giveUp(_ operation: ConnectOperation) { core.submit(.giveUp(operation)) }

    /// Ends the connection.
    func close(_ operation: CloseOperation) {
        if isHere { core.submit(.close(operation)) } else { operation.succeed() }
    }

    /// Begins an operation, on this thread if it is the loop's; but not in the midst of a codec, which writes the output.
    func begin(_ operation: Operation) {
        if core.isCurrent, !core.connection.isEncoding {
            core.connection.begin(operation)
        } else if isDriven {
            operation.fail(Self.driven)
        } else if isHere {
            core.submit(.begin(operation))
        } else {
            operation.fail(ChandError.forked)
        }
    }

    /// Begins an operation for which nobody waits, soon: whoever asks may be a codec, while the output is not to be touched.
    func beginUnawaited(_ operation: Operation) {
        if isHere { core.submit(.begin(operation)) }
    }

    /// Begins a send; `encode` writes the frame's messages straight into the output where that is possible.
    func begin(_ operation: SendOperation, _ encode: (inout MessageWriter) throws -> Void) {
        if core.isCurrent, !core.connection.isEncoding {
            core.connection.begin(operation, encode)
        } else if isDriven {
            operation.fail(Self.driven)
        } else if isHere {
            do {
                try operation.prepare(encode)
                core.submit(.begin(operation))
            } catch {
                operation.fail(error)
            }
        } else {
            operation.fail(ChandError.forked)
        }
    }

    /// Says that the task of an operation was cancelled.
    func cancel(_ operation: Operation) {
        // A codec may cancel a task, and then the output is not to be touched: it waits for the jobs' end.
        if core.isCurrent, !core.connection.isEncoding {
            core.connection.cancel(operation)
        } else if isHere {
            core.submit(.cancel(operation))
        }
    }

    /// Settles what the consumer of a batch has taken since the last time.
    ///
    /// - Parameter writesNow: whether the daemon is told at once, and not at the end of the turn.
    func settle(_ batch: ReceivedBatch, writesNow: Bool) {
        if core.isCurrent {
            core.connection.noteHandedOver(of: batch)
            if writesNow { writeNow() }
        } else if isHere {
            if batch.needsReport() { core.submit(.settle(batch)) }
        }
    }

    /// Writes what there is before the end of the turn; on the loop's thread.
    func writeNow() {
        if !core.connection.isEncoding { core.connection.flush() }
    }

    /// Settles as ``settle(_:writesNow:)``, and returns when that is written.
    func settleAtOnce(_ batch: ReceivedBatch) async {
        if core.isCurrent { return settle(batch, writesNow: true) }
        guard isHere else { return }
        await withUnsafeContinuation { core.submit(.settleAtOnce(batch, $0)) }
    }

    /// Gives back what nobody took of a batch; the batch is not used again.
    func giveBackRest(of batch: ReceivedBatch) {
        if core.isCurrent {
            batch.giveBackRest(on: core.connection)
        } else if isHere {
            core.submit(.giveBackRest(batch))
        }
    }

    /// Says what becomes of deliveries, as of a lease that is finished without waiting for an answer, if they are the present
    /// session's.
    func finish(
        _ fate: SettlementLedger.Fate, handle: UInt32, delivery: UInt64, count: UInt32 = 1, session: UInt64
    ) {
        if core.isCurrent {
            core.connection.finish(fate, handle: handle, delivery: delivery, count: count, session: session)
        } else if isHere {
            core.submit(.finish(fate, handle: handle, delivery: delivery, count: count, session: session))
        }
    }

    /// Closes a handle that nobody holds any more, if it is one of the present session.
    func abandonHandle(_ number: UInt32, session: UInt64) {
        if isHere { core.submit(.abandonHandle(number, session: session)) }
    }

    static let driven = ChandError(
        .invalidArgument, "the channel is a blocking client's, and no task can wait on it: use BlockingChan")
}
