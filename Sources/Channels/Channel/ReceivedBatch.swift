// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Synchronization

/// Messages that were received ahead, in the memory where they were received, and how far they were taken.
///
/// The consumer takes them one by one, wherever it runs; the loop settles what was taken. They meet in two
/// atomics: `taken`, which the consumer raises, and `isReported`, which keeps it from reporting again before the
/// loop has looked.
///
/// Unchecked: `cursor` is the consumer's, one task at a time; `settled` and `isListed` are the loop's; the rest
/// is constant or atomic.
final class ReceivedBatch: @unchecked Sendable {
    /// What the daemon says of a message.
    struct Facts {
        let delivery: UInt64
        let attempts: UInt16
        let flags: UInt8
    }

    private let chunk: Chunk
    private let handle: RemoteHandle
    /// The session that it came in, which alone can settle it.
    let session: UInt64
    private let first: UInt64
    private let count: Int
    /// What the last message passes: an answer ends with the first that passes channels.
    private let offer: ChannelOffer?
    /// What the hand-over of a message means.
    private let fate: SettlementLedger.Fate
    private let taken = Atomic<Int>(0)
    private let isReported = Atomic<Bool>(false)
    /// Where the next message's length stands in the chunk.
    @exclusivity(unchecked) private var cursor: Int
    @exclusivity(unchecked) private var next = 0
    @exclusivity(unchecked) private var settled = 0
    /// Whether the connection is going to settle what was taken; the loop's, as that is.
    @exclusivity(unchecked) final var isListed = false
    /// Whether the last one taken does not decode; the consumer's until it gives back the rest.
    private var isLastUndecodable = false

    /// Checks all messages, since they are taken without.
    init(
        _ received: Received, of frame: AnswerFrame, handle: RemoteHandle, handedOver: SettlementLedger.Fate
    ) throws(WireFault) {
        var rest = received
        var offered: [OfferedChannel] = []
        for _ in 0..<received.count {
            guard offered.isEmpty else {
                throw WireFault(.malformed, "RECEIVED goes on behind a message that passes channels")
            }
            offered = try rest.skip()
        }
        session = handle.loop.session.number
        offer = ChannelOffer(offered, through: handle, session: session)
        fate = handedOver
        chunk = frame.chunk
        self.handle = handle
        first = received.first
        count = Int(received.count)
        cursor = frame.offset + Received.prefixByteCount
    }

    // MARK: - The consumer's side

    /// How many messages are left.
    var remaining: Int { count - next }

    /// What the daemon says of the next message.
    var facts: Facts {
        let base = UnsafeRawPointer(chunk.base) + cursor
        return Facts(
            delivery: first &+ UInt64(next),
            attempts: UInt16(littleEndian: base.loadUnaligned(fromByteOffset: 4, as: UInt16.self)),
            flags: base.load(fromByteOffset: 6, as: UInt8.self))
    }

    /// Takes the next message; the frame was checked when it came.
    func takeNext() -> MessageBytes {
        let base = UnsafeRawPointer(chunk.base) + cursor
        let length = Int(UInt32(littleEndian: base.loadUnaligned(as: UInt32.self)))
        let offset = cursor + Received.messagePrefixByteCount
        cursor = offset + length
        next += 1
        return MessageBytes(chunk: chunk, offset: offset, count: length, offer: next == count ? offer : nil)
    }

    /// Says that the message taken last does not decode; the rest is to be given back next.
    func couldNotDecodeLast() { isLastUndecodable = true }

    /// Says that all messages taken so far are the caller's now.
    func handedOver() {
        taken.store(next, ordering: .releasing)
    }

    /// Whether the loop has to be told; false while it is going to look anyway.
    func needsReport() -> Bool { !isReported.exchange(true, ordering: .acquiringAndReleasing) }

    /// Whether its session is over: its messages are another receiver's, or gone.
    var isLost: Bool { session != handle.loop.session.number }

    // MARK: - The loop's side

    /// Settles what was taken, after a report.
    func settleReported(on connection: Connection) {
        // An exchange, which orders: who takes a message from now on reports again, or what he took is seen here.
        _ = isReported.exchange(false, ordering: .acquiringAndReleasing)
        settle(on: connection)
    }

    /// Settles what was taken since the last time.
    func settle(on connection: Connection) {
        let end = taken.load(ordering: .acquiring)
        note(fate, upTo: end, on: connection)
    }

    /// Gives back what nobody will take; the last one taken as seen, where it was not handed over.
    func giveBackRest(on connection: Connection) {
        settle(on: connection)
        note(.returnedSeen, upTo: isLastUndecodable ? next - 1 : next, on: connection)
        if isLastUndecodable, !isLost {
            connection.giveUp(first &+ UInt64(next - 1), of: handle)
            settled = next
        }
        note(.returnedUnseen, upTo: count, on: connection)
    }

    private func note(_ fate: SettlementLedger.Fate, upTo end: Int, on connection: Connection) {
        guard end > settled, !isLost else { return }
        connection.ledger.note(
            fate, handle: handle.number, first: first &+ UInt64(settled), count: UInt32(end - settled))
        settled = end
    }
}
