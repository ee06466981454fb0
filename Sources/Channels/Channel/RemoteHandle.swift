// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire
import Synchronization

/// A handle on a channel of a daemon, whatever its elements; closed when the last channel value with it goes.
///
/// A handle that is to be opened again (``ChannelOptions/rejoin``) gets another number, and perhaps another generation,
/// in each session; one that isn't is of no use in another session.
///
/// Unchecked only because it has a subclass: everything in it is constant, atomic or behind a lock.
@usableFromInline
class RemoteHandle: @unchecked Sendable {
    let loop: ClientLoop
    /// The absolute name.
    final let name: String
    let role: ChannelRole
    /// What becomes of messages that do not decode.
    final let undecodable: UndecodableMessages
    /// How it is to be opened in another session.
    private let reopening: OpenRequest?
    private let life: Lock<Life>
    private let numberBits: Atomic<UInt32>
    private let sessionBits: Atomic<UInt64>
    /// Sends that no caller awaits.
    final let pipeline: SendPipeline
    /// Set when somebody has released the handle.
    ///
    /// From then on no operation may name it, since the daemon may use its number again. What it delivered
    /// before can still be settled.
    private let releasedFlag = Atomic<Bool>(false)
    /// Set when the daemon has taken its receive role away; it gets none in later sessions either.
    private let stoppedFlag = Atomic<Bool>(false)
    /// The delivery that passed the handle, if one did: what it names depends on that.
    private let offer: ChannelOffer?

    private struct Life {
        let generation: UInt64
        let wasCreated: Bool
        let instance: UInt64
        /// Why it could not be opened again.
        var failure: ChandError?

        init(_ opened: Opened, instance: UInt64) {
            generation = opened.generation
            wasCreated = opened.created
            self.instance = instance
        }
    }

    /// Made by the loop, when the daemon has opened it, or by whoever decodes the message that passes it.
    ///
    /// - Parameters:
    ///   - session: the one in which the daemon said its number.
    ///   - offer: what passes it.
    init(
        loop: ClientLoop, opened: Opened, role: ChannelRole, reopening: OpenRequest? = nil, session: UInt64,
        offer: ChannelOffer? = nil, undecodable: UndecodableMessages = .giveBack
    ) {
        self.undecodable = undecodable
        self.loop = loop
        self.offer = offer
        name = opened.name
        self.role = role
        self.reopening = reopening
        let daemon = loop.session.daemon
        life = Lock(Life(opened, instance: daemon?.instance ?? 0))
        numberBits = Atomic(opened.handle)
        sessionBits = Atomic(session)
        pipeline = SendPipeline(maxWaiting: daemon?.limits.maxWaitingOperations ?? 1)
    }

    deinit {
        // A forked child takes no lock that another thread of the parent may have had.
        guard !isReleased, loop.isHere else { return }
        // Whatever was sent later and waits for room would fail with the handle, so it is closed behind that.
        pipeline.end(asking: { loop.beginUnawaited(asking()) }, then: closing)
    }

    func letGo() { closing() }

    /// What closes the handle as it is now, without holding it.
    private var closing: @Sendable () -> Void {
        return { [loop, offer, number, session] in
            if let offer { offer.letGo(number) } else { loop.abandonHandle(number, session: session) }
        }
    }

    /// Closes the handle without waiting for the answer.
    final func abandon() {
        if markReleased() { letGo() }
    }

    /// Its number in the session that it is of.
    final var number: UInt32 { numberBits.load(ordering: .relaxed) }
    /// The session that it is of.
    private var session: UInt64 { sessionBits.load(ordering: .relaxed) }
    /// Whether somebody has released it.
    final var isReleased: Bool { releasedFlag.load(ordering: .acquiring) }
    final var limits: PresentLimits { loop.session.limits }

    final var generation: UInt64 { life.withLock { $0.generation } }
    final var wasCreated: Bool { life.withLock { $0.wasCreated } }
    final var identity: ChannelIdentity {
        // Who was passed an unnamed channel knows the beginning of its name only; its life is one of a kind.
        life.withLock {
            ChannelIdentity(
                instance: $0.instance, name: name.hasPrefix("$") ? "$" : name, generation: $0.generation)
        }
    }

    /// Why an operation can't use the handle; on the loop.
    final func obstacle() -> ChandError? {
        if isReleased {
            return ChandError(.handleClosed, "the channel was released before", channel: name)
        }
        if session == loop.session.number { return offer?.obstacle(for: name) }
        if reopening != nil { return life.withLock { $0.failure } }
        return ChandError(
            .channelGone,
            "the connection was lost since the channel was opened; open it again, or with the option rejoin",
            channel: name)
    }

    // MARK: - Other sessions, on the loop

    /// What to ask for in order to open it in the present session; nil where nobody wants that.
    final var requestToReopen: OpenRequest? {
        guard !isReleased, life.withLock({ $0.failure }) == nil, var request = reopening else { return nil }
        if stoppedFlag.load(ordering: .relaxed) { request.role.remove(.receive) }
        return request
    }

    /// The daemon has taken its receive role away: a handle that had no other is of no use in another session.
    private func wasStopped() {
        stoppedFlag.store(true, ordering: .relaxed)
        guard !role.contains(.send) else { return }
        isGone(
            ChandError(
                .handleClosed, "the channel was stopped before the connection was lost", channel: name))
    }

    /// The daemon has opened it in the present session.
    final func rejoin(as opened: Opened) {
        let instance = loop.session.daemon?.instance ?? 0
        life.withLock { $0 = Life(opened, instance: instance) }
        numberBits.store(opened.handle, ordering: .relaxed)
        sessionBits.store(loop.session.number, ordering: .relaxed)
    }

    /// It could not be opened again, and will not be.
    final func isGone(_ error: ChandError) {
        life.withLock { $0.failure = error }
    }

    /// Decodes a message into memory for one element of the channel's type.
    func decode(_ message: MessageBytes, into target: UnsafeMutableRawPointer) throws {
        preconditionFailure("a handle whose elements nobody knows receives nothing")
    }

    /// Decodes a message into a value of the channel's element type.
    func value(of message: MessageBytes) throws -> any Sendable {
        preconditionFailure("a handle whose elements nobody knows receives nothing")
    }

    /// Marks the handle as released; true for the one caller who is to close it.
    final func markReleased() -> Bool {
        !releasedFlag.exchange(true, ordering: .acquiringAndReleasing)
    }
}

/// What can be asked about a handle without its elements.
extension RemoteHandle {
    /// Puts back what was set aside; how many, 65535 for more.
    final func restore() async throws -> Int {
        try await loop.request(
            channel: name, obstacle: { [self] in obstacle() },
            encode: { [name] in SimpleFrame.name(.restore, request: $0, name: name) },
            decode: { frame throws(WireFault) in
                try frame.expect(.done)
                return Int(frame.header.field)
            })
    }

    /// Closes the handle and returns when the daemon has.
    final func release() async {
        if loop.isDriven { return abandon() }
        guard let request = releasing() else { return }
        do {
            try await request.result()
        } catch let error as ChandError where error.code == .outcomeUnknown {
            // The daemon was asked, and by now the number may be another handle's.
        } catch {
            // It was not asked where the task was cancelled, or the connection not ready in time; otherwise the handle is
            // gone with its session, and nothing is said.
            letGo()
        }
    }

    /// Makes the request that closes the handle; nil where there is nothing to be asked.
    final func releasing() -> RequestOperation<Void>? {
        guard markReleased() else { return nil }
        if let offer, !offer.isSettled {
            offer.letGo(number)
            return nil
        }
        return RequestOperation(
            loop, channel: name,
            obstacle: { self.session == self.loop.session.number ? nil : SessionPin.lost },
            encode: { SimpleFrame.handle(.closeHandle, request: $0, handle: self.number) },
            decode: { frame throws(WireFault) in try frame.expect(.done) })
    }

    /// Makes a request that only has an answer, before which the daemon says what it kept.
    final func asking() -> RequestOperation<Void> {
        RequestOperation(
            loop, channel: name, encode: { WireWriter(.ping, request: $0).finish() },
            decode: { frame throws(WireFault) in try frame.expect(.pong) })
    }

    /// Makes the request that gives up receiving.
    final func stopping() -> RequestOperation<Void> {
        RequestOperation(
            loop, channel: name, obstacle: obstacle,
            encode: { SimpleFrame.handle(.stop, request: $0, handle: self.number) },
            decode: { frame throws(WireFault) in
                try frame.expect(.done)
                self.wasStopped()
            })
    }

    /// Makes the request that closes the channel; its answer says whether this call did.
    final func closing(_ reason: CloseReason) throws -> RequestOperation<Bool> {
        guard reason.text.utf8.count <= WireLimits.maxTextBytes else {
            throw ChandError(
                .invalidArgument, "the reason's text is over \(WireLimits.maxTextBytes) bytes", channel: name)
        }
        return RequestOperation(
            loop, channel: name, obstacle: obstacle,
            encode: {
                SimpleFrame.close(request: $0, handle: self.number, reason: reason.code, text: reason.text)
            },
            decode: { frame throws(WireFault) in
                try frame.expect(.done)
                return frame.header.field == 1
            })
    }

    /// Makes the request for the channel's state.
    final func inspecting() -> RequestOperation<ChannelStatus> {
        RequestOperation(
            loop, channel: name, obstacle: obstacle,
            encode: { InspectRequest.handle(self.number).encoded(request: $0) },
            decode: ChannelStatus.init(answer:))
    }
}
