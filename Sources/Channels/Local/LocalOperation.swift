// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import Synchronization

/// An operation on channels of the process, from the call until its caller is told how it ended.
///
/// Unchecked: until it is over it is touched only with the space's lock held, and after that only by the one
/// who waits for it, whom `wake` tells.
@usableFromInline
class LocalOperation: @unchecked Sendable {
    /// How it stands.
    enum Outcome {
        case pending
        /// It took effect; how many messages that concerned.
        case done(Int)
        case failed(Failure)
    }

    /// What is known of it without the lock.
    private enum Standing {
        static let pending: UInt8 = 0
        /// Pending, and `continuation` is set.
        static let suspended: UInt8 = 1
        static let over: UInt8 = 2
    }

    final let space: LocalSpace
    /// Nanoseconds as on the wire: 0 is a try, below 0 for ever.
    final let timeout: Int64
    /// The messages that it sends.
    final var count = 1
    final private(set) var outcome = Outcome.pending
    private final let standing = Atomic<UInt8>(Standing.pending)
    /// The next one that is over, while that is being told.
    final var next: LocalOperation?
    /// Which case of a select it was.
    final var caseIndex = 0
    /// The first delivery's number.
    final var delivery: UInt64 = 0
    /// How often the message answered a receive before.
    final var attempts = 0
    /// Whether some caller may have seen the message before.
    final var isRedelivered = false
    /// What a close said, for one that waits for a channel's state.
    final var reason = Channels.CloseReason()
    /// Of the one who is suspended, from then until it is over.
    private final var continuation: UnsafeContinuation<Void, Never>?
    /// Whether somebody was suspended when it ended.
    private final var isAwaited = false
    /// Told instead of a task that waits.
    private final var whenOver: (@Sendable (LocalOperation) -> Void)?

    init(_ space: LocalSpace, timeout: Int64) {
        self.space = space
        self.timeout = timeout
    }

    // MARK: - With the lock held

    /// The request id under which the broker knows it: its own address, so no table is needed.
    ///
    /// The broker's reference is a strong one until the operation is over.
    fileprivate final var request: UInt64 {
        UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque()))
    }

    /// Gives the broker its reference.
    final func register() -> UInt64 {
        _ = Unmanaged.passRetained(self)
        return request
    }

    /// The operation that the broker knows under an id.
    static func registered(as request: UInt64) -> LocalOperation {
        guard let address = UnsafeRawPointer(bitPattern: UInt(request)) else {
            preconditionFailure("an effect for nobody")
        }
        return Unmanaged<LocalOperation>.fromOpaque(address).takeUnretainedValue()
    }

    /// Whether its outcome is known.
    final var isOver: Bool {
        if case .pending = outcome { false } else { true }
    }

    /// Whether its outcome is known, without the lock; what came with it can be read then.
    @usableFromInline final var isSeenOver: Bool { standing.load(ordering: .acquiring) == Standing.over }

    /// Notes the outcome and takes the broker's reference back.
    final func end(_ outcome: Outcome) {
        precondition(!isOver, "an operation ends twice")
        self.outcome = outcome
        // Whoever is not suspended by now will not be.
        isAwaited = standing.exchange(Standing.over, ordering: .acquiringAndReleasing) == Standing.suspended
        Unmanaged.passUnretained(self).release()
    }

    /// Ends it without the broker: nothing can be done in a forked child.
    final func refuse() {
        _ = register()
        end(.failed(Failure(.noSuchHandle)))
        wake()
    }

    /// Whether what it receives is settled when it is handed over.
    var settles: Bool { true }

    /// How long a lease lasts that it receives under; 0 for ever, and where it settles.
    var leaseNanoseconds: UInt64 { 0 }

    /// Takes an element that was delivered to it.
    func take(_ slot: UInt32, of store: LocalStore) {
        preconditionFailure("every kind of receive takes its own elements")
    }

    // MARK: - The one who waits

    /// Begins it, and waits until it is over.
    ///
    /// A task that is cancelled before does not begin.
    final func run(_ begin: (inout LocalSpace.State, UInt64) -> Void) async throws {
        if Task.isCancelled { throw CancellationError() }
        if !space.begin(self, begin) { await wait() }
    }

    /// Begins it; `whenOver` is called once, on any thread.
    final func start(
        _ begin: (inout LocalSpace.State, UInt64) -> Void,
        whenOver: @escaping @Sendable (LocalOperation) -> Void
    ) {
        self.whenOver = whenOver
        _ = space.begin(self, begin)
    }

    /// Suspends until it is over.
    @usableFromInline
    final func wait() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                self.continuation = continuation
                let (isSuspended, _) = standing.compareExchange(
                    expected: Standing.pending, desired: Standing.suspended, ordering: .acquiringAndReleasing)
                if !isSuspended { continuation.resume() }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Withdraws it unless it is over (rule 22).
    final func cancel() {
        space.perform { state in
            guard !isOver else { return }
            state.broker.cancel(session: space.session, request: request, into: &state.sink)
        }
    }

    /// Tells whoever waits; after it is over, without the lock.
    final func wake() {
        if isAwaited { continuation?.resume() }
        whenOver.take()?(self)
    }
}
