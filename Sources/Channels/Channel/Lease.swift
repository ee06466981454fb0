// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Synchronization

/// An element that is the caller's until it says what became of it (rule 19).
///
/// Say `done()` when the work is done. A lease that goes away without a word, or whose process dies, goes back
/// to its channel at once, marked as redelivered.
///
/// Unchecked only for the element's sake, which is `Sendable`; the rest is constant or atomic.
public final class Lease<Element: Sendable>: Sendable {
    /// What was received.
    public let element: Element
    /// How often the message was delivered before.
    public let attempts: Int
    /// Whether some caller may have seen it before (rule 18).
    public let isRedelivered: Bool
    let holder: any LeaseHolder
    /// The client's session that it was taken in; 0 inside the process.
    let session: UInt64
    let delivery: UInt64
    /// The channels that the message passes, if it does.
    let offer: ChannelOffer?
    let isFinished = Atomic<Bool>(false)

    init(
        _ element: Element, holder: any LeaseHolder, session: UInt64 = 0, delivery: UInt64, attempts: Int,
        isRedelivered: Bool, offer: ChannelOffer? = nil
    ) {
        self.offer = offer
        self.element = element
        self.holder = holder
        self.session = session
        self.delivery = delivery
        self.attempts = attempts
        self.isRedelivered = isRedelivered
    }

    deinit {
        if !isFinished.load(ordering: .relaxed) {
            offer?.withdraw()
            holder.finishLease(.returnedSeen, delivery, session: session)
        }
    }

    /// Says that the work is done; the message is gone then.
    ///
    /// Channels that it passed can be used from then on.
    ///
    /// - Throws: ``ChandError`` with `leaseExpired` if the lease's time ran out, in which case another receiver
    ///   has the message or will have it, or if the lease was finished before; another code if the connection
    ///   is gone. `CancellationError` where the task was cancelled before the daemon was asked: the lease is as it was.
    public func done() async throws {
        try await finish(.done)
        offer?.settle()
    }

    /// Says that the work is done, and waits for no answer: several times faster where much is done in a row.
    ///
    /// The daemon is told at the end of the turn, by a blocking client with its next request, for which a sender that waits
    /// for the settlement waits too (rule 20). Nobody says where the lease
    /// had expired or the connection is lost: another receiver gets the message then. Who must know says ``done()``, and so
    /// does who goes on to use channels that the message passed: they can be used only once the daemon has answered.
    ///
    /// - Throws: ``ChandError`` with `leaseExpired` if the lease was finished before.
    public func doneLater() throws {
        guard !isFinished.exchange(true, ordering: .acquiringAndReleasing) else { throw isOver }
        if let offer, let remote = holder as? RemoteHandle {
            remote.finishLease(delivery, session: session, settling: offer)
        } else {
            holder.finishLease(.settled, delivery, session: session)
        }
    }

    /// Gives the message back to its channel, for another attempt.
    ///
    /// - Throws: as ``done()``.
    public func giveBack() async throws {
        try await finish(.giveBack)
        offer?.withdraw()
    }

    /// Lets the lease last for `time` from now, or until it is finished where `time` is nil.
    ///
    /// - Throws: as ``done()``.
    public func extend(by time: Duration?) async throws {
        guard !isFinished.load(ordering: .acquiring) else { throw isOver }
        try await holder.change(
            .extend, lease: delivery, session: session, nanoseconds: WireTime.leaseNanoseconds(time))
    }

    private func finish(_ action: LeaseRequest.Action) async throws {
        guard !isFinished.exchange(true, ordering: .acquiringAndReleasing) else { throw isOver }
        do {
            try await holder.change(action, lease: delivery, session: session, nanoseconds: 0)
        } catch let error as CancellationError {
            // The daemon was not asked: it can be finished again, and goes back if it is not.
            isFinished.store(false, ordering: .releasing)
            throw error
        } catch {
            offer?.withdraw()
            throw error
        }
    }

    var isOver: ChandError {
        ChandError(.leaseExpired, "the lease was finished before", channel: holder.name)
    }
}

/// Whoever holds the deliveries of leases: a handle on a channel.
protocol LeaseHolder: AnyObject, Sendable {
    /// The channel's name.
    var name: String { get }
    /// Finishes a lease or makes it last.
    func change(
        _ action: LeaseRequest.Action, lease delivery: UInt64, session: UInt64, nanoseconds: UInt64
    ) async throws
    /// Finishes a lease without an answer: one that is done, or was dropped.
    func finishLease(_ fate: SettlementLedger.Fate, _ delivery: UInt64, session: UInt64)
}

/// A lease can be finished after its channel was released: the daemon keeps the number until then.
extension RemoteHandle: LeaseHolder {
    final func change(
        _ action: LeaseRequest.Action, lease delivery: UInt64, session: UInt64, nanoseconds: UInt64
    ) async throws {
        try await changing(action, lease: delivery, session: session, nanoseconds: nanoseconds).result()
    }

    /// Makes the request that finishes a lease or makes it last.
    ///
    /// - Parameter answered: what to do once the daemon has.
    final func changing(
        _ action: LeaseRequest.Action, lease delivery: UInt64, session: UInt64, nanoseconds: UInt64,
        answered: @escaping () -> Void = {}
    ) -> RequestOperation<Void> {
        let request = LeaseRequest(action, handle: number, delivery: delivery, nanoseconds: nanoseconds)
        return RequestOperation(
            loop, channel: name, pin: SessionPin(session), encode: { request.encoded(request: $0) },
            decode: { frame throws(WireFault) in
                try frame.expect(.done)
                answered()
            })
    }

    final func finishLease(_ fate: SettlementLedger.Fate, _ delivery: UInt64, session: UInt64) {
        loop.finish(fate, handle: number, delivery: delivery, session: session)
    }

    /// Finishes a lease that is done and whose message passes channels, without waiting for the answer.
    ///
    /// That there is one decides about the numbers of these channels: those of a lease that had expired may be other handles'
    /// by now.
    final func finishLease(_ delivery: UInt64, session: UInt64, settling offer: ChannelOffer) {
        loop.beginUnawaited(
            changing(.done, lease: delivery, session: session, nanoseconds: 0, answered: offer.settle))
    }
}

/// How leases of a channel are taken (rule 19).
public struct LeaseTerms: Hashable, Sendable {
    /// After what time a lease ends and its message goes back; nil for never.
    public var time: Duration?
    /// After how many attempts a message that comes back goes to the dead-letter channel; nil for no limit.
    public var attempts: Int?
    /// The name of the dead-letter channel of a daemon's channel, made if there is none; one inside the process has that of
    /// ``Chan/init(size:deadLetters:)``.
    ///
    /// Where it is nil, or refuses a message, that message is set aside in its own channel until an operator
    /// puts it back.
    public var deadLetter: String?

    /// Makes terms.
    public init(time: Duration? = nil, attempts: Int? = nil, deadLetter: String? = nil) {
        self.time = time
        self.attempts = attempts
        self.deadLetter = deadLetter
    }

    func wire(for channel: String) throws -> WireLease {
        if let attempts, attempts < 1 || attempts > Int(UInt16.max) {
            throw ChandError(.invalidArgument, "a limit of \(attempts) attempts", channel: channel)
        }
        return WireLease(
            nanoseconds: WireTime.leaseNanoseconds(time), attemptLimit: UInt16(attempts ?? 0),
            deadLetter: deadLetter ?? "")
    }
}

/// Receiving under leases.
extension Chan {
    /// Receives one element under a lease, and waits until there is one.
    ///
    /// - Parameters:
    ///   - terms: for how long, how often, and what then.
    ///   - timeout: how long to wait; for ever where it is nil.
    /// - Throws: as ``receive(timeout:)``.
    public func lease(_ terms: LeaseTerms = LeaseTerms(), timeout: Duration? = nil) async throws -> Lease<
        Element
    > {
        try await lease(terms, time: WireTime.nanoseconds(timeout))
    }

    fileprivate func lease(
        _ terms: LeaseTerms, time: Int64, _ pin: SessionPin? = nil
    ) async throws -> Lease<Element> {
        let lease =
            switch backend {
            case .near(let channel): try await channel.lease(terms, timeout: time)
            case .far(let channel): try await channel.lease(terms, timeout: time, pin: pin)
            }
        guard let lease else { throw wouldWait }
        return lease
    }

    /// The channel's elements under leases, one after the other, until the channel is closed and drained.
    ///
    /// - Parameters:
    ///   - terms: for how long, how often, and what then.
    ///   - readAhead: how many messages are on their way to this iterator at a time, as with ``readingAhead(_:)``; the
    ///     time of a lease and its attempt begin when it is handed over. 0 is none.
    public func leases(_ terms: LeaseTerms = LeaseTerms(), readAhead: Int = 0) -> Leases<Element> {
        Leases(channel: self, terms: terms, readAhead: readAhead)
    }
}

/// The elements of a channel under leases; see ``Chan/leases(_:readAhead:)``.
public struct Leases<Element: Sendable>: AsyncSequence, Sendable {
    let channel: Chan<Element>
    let terms: LeaseTerms
    let readAhead: Int

    /// Takes one lease at a time.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let leases: Leases<Element>
        private var ahead: ReadAhead<Element>?
        private let pin: SessionPin?

        init(_ leases: Leases<Element>) {
            self.leases = leases
            pin = leases.channel.backend.newPin
        }

        /// Waits for the next lease; nil once the channel is closed and drained.
        public mutating func next(
            isolation actor: (any Actor)? = #isolation
        ) async throws -> Lease<Element>? {
            if leases.readAhead > 0, let remote = leases.channel.backend.remote {
                let ahead =
                    try ahead
                    ?? ReadAhead(
                        remote, count: leases.readAhead, terms: leases.terms.wire(for: remote.name))
                self.ahead = ahead
                if ahead.quick.remaining == 0, try await !ahead.refill() { return nil }
                return try await ahead.takeLease()
            }
            do {
                return try await leases.channel.lease(leases.terms, time: WireTime.nanoseconds(nil), pin)
            } catch is ChannelClosed {
                return nil
            }
        }
    }

    /// Begins an iteration; several may go on at a time and share the messages.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
