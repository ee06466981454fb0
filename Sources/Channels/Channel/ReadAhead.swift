// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// What one iterator has received ahead: the messages in its hands, with the codec of their channel.
///
/// What every message takes is inlined where the element's type is known; all else is `MessagesAhead`'s.
@usableFromInline
struct ReadAhead<Element: Sendable> {
    private let channel: RemoteChannel<Element>
    private let messages: MessagesAhead
    /// Both once more: what is done with them for every message would retain and release them.
    @usableFromInline let quick: Quick

    @usableFromInline
    struct Quick {
        @usableFromInline let channel: Unmanaged<RemoteChannel<Element>>
        @usableFromInline let messages: Unmanaged<MessagesAhead>

        init(_ channel: RemoteChannel<Element>, _ messages: MessagesAhead) {
            self.channel = .passUnretained(channel)
            self.messages = .passUnretained(messages)
        }

        /// How many messages can be taken without waiting.
        @inlinable var remaining: Int { messages._withUnsafeGuaranteedRef { $0.remaining } }

        /// Decodes and settles the next message; there must be one.
        ///
        /// - Throws: `CancellationError`, why the receive failed, or ``ChandError/Code/decoding``, with everything left
        ///   given back.
        @inlinable
        func take() throws -> Element {
            try messages._withUnsafeGuaranteedRef { messages in
                let bytes = try messages.take()
                let element: Element
                do {
                    element = try channel._withUnsafeGuaranteedRef { try $0.codec.decode(bytes) }
                } catch {
                    throw messages.undecodable(bytes, error)
                }
                messages.handedOver(bytes)
                return element
            }
        }
    }

    init(_ channel: RemoteChannel<Element>, count: Int, terms: WireLease? = nil) {
        self.channel = channel
        messages = MessagesAhead(channel, count: count, terms: terms)
        quick = Quick(channel, messages)
    }

    /// Waits until a message is in hand; false once the channel is closed and drained.
    @usableFromInline
    func refill() async throws -> Bool { try await messages.refill() }

    /// Takes the next message under a lease: says that the message was received, and where attempts are limited has that written
    /// first (rule 18).
    func takeLease() async throws -> Lease<Element> {
        let (bytes, message, session) = try messages.takeWithFacts()
        let element: Element
        do { element = try channel.codec.decode(bytes) } catch { throw messages.undecodable(bytes, error) }
        let lease = Lease(
            element, holder: channel, session: session, delivery: message.delivery,
            attempts: Int(message.attempts),
            isRedelivered: message.flags & Received.redeliveredFlag != 0, offer: bytes.offer)
        await messages.leased(isAttemptLimited: message.flags & Received.attemptsLimitedFlag != 0)
        return lease
    }
}

/// A credit with the daemon, and the messages in an iterator's hands.
///
/// Belongs to the task that iterates; what it did not hand over goes back unseen when it goes.
@usableFromInline
final class MessagesAhead {
    private let handle: RemoteHandle
    private let loop: ClientLoop
    private let window: Int
    private let pin = SessionPin()
    private let terms: WireLease?
    @exclusivity(unchecked) private var credit: CreditReceive? {
        didSet { currentCredit = credit.map { Unmanaged.passUnretained($0) } }
    }
    @exclusivity(unchecked) private var batch: ReceivedBatch? {
        didSet { current = batch.map { Unmanaged.passUnretained($0) } }
    }
    /// Both once more: what is done with them for every message would retain and release them several times.
    @exclusivity(unchecked) private var currentCredit: Unmanaged<CreditReceive>?
    @exclusivity(unchecked) private var current: Unmanaged<ReceivedBatch>?
    /// Messages handed over since the daemon was told at once.
    @exclusivity(unchecked) private var untold = 0
    /// How many messages can be taken without waiting.
    @usableFromInline @exclusivity(unchecked) private(set) var remaining = 0

    init(_ handle: RemoteHandle, count: Int, terms: WireLease?) {
        self.handle = handle
        loop = handle.loop
        self.terms = terms
        window = max(count, 1)
    }

    deinit { drop() }

    /// Takes the next message, to be decoded; there must be one.
    ///
    /// - Throws: `CancellationError` or why the receive failed, with everything left given back.
    @usableFromInline
    func take() throws -> MessageBytes {
        guard let current, remaining > 0 else { preconditionFailure("nothing was received ahead") }
        if Task.isCancelled || !loop.isHere || isBroken { throw obstacle() }
        return try current._withUnsafeGuaranteedRef { batch in
            if batch.isLost { throw obstacle() }
            remaining -= 1
            return batch.takeNext()
        }
    }

    /// The same, with what the daemon says of it, and the session that alone can settle it.
    func takeWithFacts() throws -> (MessageBytes, ReceivedBatch.Facts, session: UInt64) {
        guard let batch else { preconditionFailure("nothing was received ahead") }
        let facts = batch.facts
        return (try take(), facts, batch.session)
    }

    /// The message taken last is the caller's: its channels can be used from then on.
    @usableFromInline
    func handedOver(_ bytes: borrowing MessageBytes) {
        tell()
        bytes.offer?.settle()
        finishIfEmpty()
    }

    /// The same for a lease; returns when that is written where attempts are limited.
    func leased(isAttemptLimited: Bool) async {
        if isAttemptLimited, let batch {
            batch.handedOver()
            await loop.settleAtOnce(batch)
        } else {
            tell()
        }
        finishIfEmpty()
    }

    /// The error for the message taken last, which goes back with all that came after it, so that nothing overtakes it.
    @usableFromInline
    func undecodable(_ bytes: borrowing MessageBytes, _ error: any Error) -> any Error {
        bytes.offer?.withdraw()
        batch?.couldNotDecodeLast()
        drop()
        return handle.undecodableError(error)
    }

    /// Waits until a message is in hand; false once the channel is closed and drained.
    @usableFromInline
    func refill() async throws -> Bool {
        if !loop.isHere { throw obstacle() }
        let credit = credit ?? begin()
        do {
            guard let batch = try await credit.next() else {
                self.credit = nil
                return false
            }
            self.batch = batch
            remaining = batch.remaining
            // Without a buffer it was one message, and another is asked for when it is wanted (rule X23).
            if credit.isSpent { self.credit = nil }
            return true
        } catch {
            drop()
            throw error
        }
    }

    private func begin() -> CreditReceive {
        let credit = CreditReceive(handle, count: window, lease: terms)
        credit.pin = pin
        self.credit = credit
        loop.begin(credit)
        return credit
    }

    /// Whether what is in hand is the channel's again.
    private var isBroken: Bool { currentCredit?._withUnsafeGuaranteedRef { $0.isBroken } ?? false }

    /// Why its messages can't be taken; they go back.
    private func obstacle() -> any Error {
        // A forked child has a copy of the messages that the parent takes (rule X4).
        if !loop.isHere { return ChandError.forked.about(channel: handle.name) }
        defer { drop() }
        if Task.isCancelled { return CancellationError() }
        if let credit, credit.isBroken { return credit.error ?? CancellationError() }
        return SessionPin.lost.about(channel: handle.name)
    }

    /// Says what was handed over: at the end of the loop's turn, but at half the window at once, so that more is on
    /// its way before the rest is used up.
    private func tell() {
        guard let current else { return }
        untold += 1
        let isHalf = untold &* 2 >= window
        if isHalf { untold = 0 }
        current._withUnsafeGuaranteedRef { batch in
            batch.handedOver()
            loop.settle(batch, writesNow: isHalf && remaining > 0 && credit != nil)
        }
    }

    private func finishIfEmpty() {
        if remaining == 0 { batch = nil }
    }

    /// Gives everything back that was not handed over, and receives no more.
    private func drop() {
        // First, or what goes back would come again.
        credit?.drop()
        if let batch { loop.giveBackRest(of: batch) }
        remaining = 0
        batch = nil
        credit = nil
    }
}
