// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// One RECEIVE frame; what is done with the messages is the subclasses'.
///
/// Its outcome is the number of
/// elements that were taken, 0 where a try found nothing.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
class ReceiveOperation: Operation, @unchecked Sendable {
    final let handle: RemoteHandle
    private let count: UInt32
    private let lease: WireLease?

    init(_ handle: RemoteHandle, count: Int, timeout: Int64, lease: WireLease? = nil) {
        self.handle = handle
        self.lease = lease
        self.count = UInt32(clamping: min(max(count, 1), WireLimits.maxBatchMessages))
        super.init(handle.loop, channel: handle.name, timeout: timeout)
    }

    override final func obstacle() -> ChandError? { handle.obstacle() }

    override final func write(request: UInt64, to connection: Connection) {
        if let lease {
            var receive = ReceiveRequest(handle: handle.number, count: count, timeout: timeout)
            receive.lease = lease
            return connection.append(receive.encodedLeased(request: request))
        }
        let size = FrameHeader.byteCount + ReceiveRequest.byteCount
        let target = connection.output.bytes.writable(atLeast: size)
        guard let base = target.baseAddress else { return }
        ReceiveRequest(handle: handle.number, count: count, timeout: timeout).write(
            to: base, request: request)
        connection.output.bytes.commit(size)
    }

    override final func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        try frame.expect(.received)
        let received = try Received(reading: frame.body)
        guard received.handle == handle.number, received.count >= 1, received.count <= count else {
            throw WireFault(
                .malformed, "RECEIVED with \(received.count) messages of handle \(received.handle)")
        }
        try take(received, of: frame, on: connection)
    }

    /// Takes what was received: says what becomes of every delivery, and resumes the caller.
    func take(
        _ received: Received, of frame: AnswerFrame, on connection: Connection
    ) throws(WireFault) {
        preconditionFailure("every kind of receive takes its own messages")
    }

    override final func failed(_ failure: Failed, on connection: Connection) {
        if failure.code == .wouldBlock {
            resume(returning: 0)
        } else {
            resume(throwing: DaemonFailure.error(failure, channel: channel))
        }
    }
}

/// Receives one element: decoded on the loop, and settled by the resume, unless it does not decode.
///
/// Not generic, so that the loop's part needs no type at run time: the element goes into memory of the
/// caller's, who knows its type.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class SingleReceive: ReceiveOperation, @unchecked Sendable {
    private let target: UnsafeMutableRawPointer
    /// How often the message had answered a receive before; the caller's once it is resumed.
    private(set) var attempts = 0
    /// Whether some caller may have seen it before; the caller's once it is resumed.
    private(set) var isRedelivered = false

    /// - Parameter target: memory for one element, which is initialized where the outcome is 1.
    init(_ handle: RemoteHandle, into target: UnsafeMutableRawPointer, timeout: Int64) {
        self.target = target
        super.init(handle, count: 1, timeout: timeout)
    }

    override func take(
        _ received: Received, of frame: AnswerFrame, on connection: Connection
    ) throws(WireFault) {
        var rest = received
        let message = try rest.next()
        attempts = Int(message.attempts)
        isRedelivered = message.redelivered
        let bytes = frame.message(message, through: handle)
        do {
            try handle.decode(bytes, into: target)
        } catch {
            bytes.offer?.withdraw()
            connection.giveUp(received.first, of: handle)
            return resume(throwing: handle.undecodableError(error))
        }
        connection.ledger.note(.settled, handle: received.handle, first: received.first, count: 1)
        bytes.offer?.settle()
        resume(returning: 1)
    }
}

/// Receives several elements: those up to the first that does not decode, which goes back with the rest.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class BatchReceive<Element: Sendable>: ReceiveOperation, @unchecked Sendable {
    private let codec: ElementCodec<Element>
    /// What was taken; the caller's once it is resumed.
    private(set) var elements: [Element] = []

    init(_ channel: RemoteChannel<Element>, upTo count: Int, timeout: Int64) {
        codec = channel.codec
        super.init(channel, count: count, timeout: timeout)
    }

    override func take(
        _ received: Received, of frame: AnswerFrame, on connection: Connection
    ) throws(WireFault) {
        var rest = received
        elements.reserveCapacity(Int(received.count))
        var failure: (any Error)?
        var offers: [ChannelOffer] = []
        for _ in 0..<received.count {
            let message = try frame.message(rest.next(), through: handle)
            do {
                elements.append(try codec.decode(message))
                if let offer = message.offer { offers.append(offer) }
            } catch {
                message.offer?.withdraw()
                failure = error
                break
            }
        }
        let taken = UInt32(elements.count)
        let end = received.first &+ UInt64(taken)
        connection.ledger.note(.settled, handle: received.handle, first: received.first, count: taken)
        for offer in offers { offer.settle() }
        guard let failure else { return resume(returning: elements.count) }
        connection.giveUp(end, of: handle)
        connection.ledger.note(
            .returnedUnseen, handle: received.handle, first: end &+ 1, count: received.count - taken - 1)
        if elements.isEmpty {
            resume(throwing: handle.undecodableError(failure))
        } else {
            resume(returning: elements.count)
        }
    }
}

/// Receives one element under a lease: decoded on the loop, and settled by the caller.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class LeaseReceive<Element: Sendable>: ReceiveOperation, @unchecked Sendable {
    private let codec: ElementCodec<Element>
    /// What was received; the caller's once it is resumed.
    private(set) var lease: Lease<Element>?

    init(_ channel: RemoteChannel<Element>, terms: WireLease, timeout: Int64) {
        codec = channel.codec
        super.init(channel, count: 1, timeout: timeout, lease: terms)
    }

    override func take(
        _ received: Received, of frame: AnswerFrame, on connection: Connection
    ) throws(WireFault) {
        var rest = received
        let message = try rest.next()
        let bytes = frame.message(message, through: handle)
        do {
            let element = try codec.decode(bytes)
            lease = Lease(
                element, holder: handle, session: connection.session.number, delivery: received.first,
                attempts: Int(message.attempts),
                isRedelivered: message.redelivered, offer: bytes.offer)
        } catch {
            bytes.offer?.withdraw()
            connection.giveUp(received.first, of: handle)
            return resume(throwing: handle.undecodableError(error))
        }
        if message.flags & Received.receiptAwaitedFlag != 0 {
            connection.ledger.note(.received, handle: received.handle, first: received.first, count: 1)
        }
        resume(returning: 1)
    }
}

extension RemoteHandle {
    /// The error for a message that the codec refuses.
    final func undecodableError(_ error: any Error) -> ChandError {
        ChandError(
            .decoding, "a message does not decode and \(undecodable.phrase): \(error)", channel: name,
            underlying: "\(error)")
    }
}
