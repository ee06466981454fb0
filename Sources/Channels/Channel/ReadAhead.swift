// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// What one iterator has received ahead: a credit with the daemon, and the messages in the iterator's hands.
///
/// Belongs to the task that iterates; what it did not hand over goes back unseen when it goes.
@usableFromInline
final class ReadAhead<Element: Sendable> {
    private let channel: RemoteChannel<Element>
    private let window: Int
    private let pin = SessionPin()
    private let terms: WireLease?
    @exclusivity(unchecked) private var credit: CreditReceive?
    @exclusivity(unchecked) private var batch: ReceivedBatch? {
        didSet { current = batch.map { Unmanaged.passUnretained($0) } }
    }
    /// The batch once more: what is done with it for every message would retain and release it several times.
    @exclusivity(unchecked) private var current: Unmanaged<ReceivedBatch>?
    /// Messages handed over since the daemon was told at once.
    @exclusivity(unchecked) private var untold = 0
    /// How many messages can be taken without waiting.
    @usableFromInline @exclusivity(unchecked) private(set) var remaining = 0

    init(_ channel: RemoteChannel<Element>, count: Int, terms: WireLease? = nil) {
        self.channel = channel
        self.terms = terms
        window = max(count, 1)
    }

    deinit { drop() }

    /// Decodes and settles the next message; there must be one.
    ///
    /// - Throws: `CancellationError`, why the receive failed, or ``ChandError/Code/decoding``, with everything left
    ///   given back.
    @usableFromInline
    func take() throws -> Element {
        guard let current, remaining > 0 else { preconditionFailure("nothing was received ahead") }
        try current._withUnsafeGuaranteedRef { try checkUsable($0) }
        let bytes = current._withUnsafeGuaranteedRef { $0.takeNext() }
        let element = try decode(bytes)
        current._withUnsafeGuaranteedRef { tell($0) }
        bytes.offer?.settle()
        finishIfEmpty()
        return element
    }

    /// The same under a lease: says that the message was received, and where attempts are limited has that written
    /// first (rule 18).
    func takeLease() async throws -> Lease<Element> {
        guard let batch, remaining > 0 else { preconditionFailure("nothing was received ahead") }
        try checkUsable(batch)
        let message = batch.facts
        let bytes = batch.takeNext()
        let element = try decode(bytes)
        let lease = Lease(
            element, holder: channel, session: batch.session, delivery: message.delivery,
            attempts: Int(message.attempts),
            isRedelivered: message.flags & Received.redeliveredFlag != 0, offer: bytes.offer)
        if message.flags & Received.attemptsLimitedFlag != 0 {
            batch.handedOver()
            await channel.loop.settleAtOnce(batch)
        } else {
            tell(batch)
        }
        finishIfEmpty()
        return lease
    }

    /// Waits until a message is in hand; false once the channel is closed and drained.
    @usableFromInline
    func refill() async throws -> Bool {
        try checkProcess()
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
        let credit = CreditReceive(channel, count: window, lease: terms)
        credit.pin = pin
        self.credit = credit
        channel.loop.begin(credit)
        return credit
    }

    /// Whether its messages can be taken; where they can't, they go back.
    private func checkUsable(_ batch: ReceivedBatch) throws {
        try checkProcess()
        if Task.isCancelled {
            drop()
            throw CancellationError()
        }
        if let credit, credit.isBroken { throw brokenError(credit) }
        if batch.isLost {
            drop()
            throw SessionPin.lost.about(channel: channel.name)
        }
    }

    /// A forked child has a copy of the messages that the parent takes (rule X4).
    private func checkProcess() throws {
        guard channel.loop.isHere else { throw ChandError.forked.about(channel: channel.name) }
    }

    private func brokenError(_ credit: CreditReceive) -> any Error {
        defer { drop() }
        return credit.error ?? CancellationError()
    }

    private func decode(_ bytes: MessageBytes) throws -> Element {
        remaining -= 1
        do { return try channel.codec.decode(bytes) } catch {
            bytes.offer?.withdraw()
            batch?.couldNotDecodeLast()
            // It goes back with all that came after it, so that nothing overtakes it.
            drop()
            throw channel.undecodableError(error)
        }
    }

    /// Says what was handed over: at the end of the loop's turn, but at half the window at once, so that more is on
    /// its way before the rest is used up.
    private func tell(_ batch: ReceivedBatch) {
        batch.handedOver()
        untold += 1
        let isHalf = untold * 2 >= window
        if isHalf { untold = 0 }
        channel.loop.settle(batch, writesNow: isHalf && remaining > 0 && credit != nil)
    }

    private func finishIfEmpty() {
        if remaining == 0 { batch = nil }
    }

    /// Gives everything back that was not handed over, and receives no more.
    private func drop() {
        // First, or what goes back would come again.
        credit?.drop()
        if let batch { channel.loop.giveBackRest(of: batch) }
        remaining = 0
        batch = nil
        credit = nil
    }
}
