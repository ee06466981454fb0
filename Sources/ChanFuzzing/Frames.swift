// SPDX-License-Identifier: Apache-2.0

public import ChanWire

/// Builds the frames for which ChanWire has writers into memory only, or none.
public enum Frames {
    /// Bytes that a writer fills.
    public static func array(_ count: Int, _ write: (UnsafeMutableRawPointer) -> Void) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { buffer in
            if let base = buffer.baseAddress { write(base) }
        }
        return bytes
    }

    /// A frame of any kind with any body.
    public static func frame(
        _ type: FrameType, flags: UInt8 = 0, field: UInt16 = 0, request: UInt64 = 0, body: [UInt8] = []
    ) -> [UInt8] {
        var writer = WireWriter(type, flags: flags, field: field, request: request)
        writer.raw(body)
        return writer.finish()
    }

    /// A SEND frame.
    public static func send(
        request: UInt64, handle: UInt32, timeout: Int64 = -1, flags: UInt8 = 0, _ messages: [[UInt8]],
        listed: [[ListedChannel]]? = nil
    ) -> [UInt8] {
        let lists = listed?.map { ListedChannel.bytes(of: $0) } ?? messages.map { _ in [] }
        let messageBytes = zip(messages, lists).reduce(0) { $0 + 4 + $1.0.count + $1.1.count }
        var bytes = array(FrameHeader.byteCount + SendRequest.prefixByteCount) {
            SendRequest.write(
                to: $0, request: request, handle: handle, count: UInt32(messages.count), timeout: timeout,
                messageBytes: messageBytes,
                flags: flags | (listed == nil ? 0 : SendRequest.passesFlag))
        }
        for (message, list) in zip(messages, lists) {
            bytes += array(4) { $0.storeBytes(of: UInt32(message.count).littleEndian, as: UInt32.self) }
            bytes += message + list
        }
        return bytes
    }

    /// A RECEIVE frame.
    public static func receive(request: UInt64, _ body: ReceiveRequest) -> [UInt8] {
        if body.lease != nil { return body.encodedLeased(request: request) }
        return array(FrameHeader.byteCount + ReceiveRequest.byteCount) {
            body.write(to: $0, request: request)
        }
    }

    /// A SENT frame.
    public static func sent(request: UInt64, count: UInt32) -> [UInt8] {
        array(Sent.frameByteCount) { Sent.write(to: $0, request: request, count: count) }
    }

    /// One message of a RECEIVED frame, owning its bytes.
    public struct Message {
        /// The message's own bytes.
        public var bytes: [UInt8]
        /// How often it was delivered before.
        public var attempts: UInt16
        /// The flags behind that.
        public var flags: UInt8
        /// Channels that it passes.
        public var offered: [OfferedChannel]

        /// Makes a message.
        public init(
            bytes: [UInt8], attempts: UInt16 = 0, flags: UInt8 = 0, offered: [OfferedChannel] = []
        ) {
            self.bytes = bytes
            self.attempts = attempts
            self.flags = flags
            self.offered = offered
        }

        /// What stands behind its bytes.
        var list: [UInt8] {
            flags & Received.passesFlag == 0 ? [] : OfferedChannel.bytes(of: offered)
        }
    }

    /// A RECEIVED frame.
    public static func received(
        request: UInt64, caseIndex: UInt16 = 0, closed: Bool = false, more: Bool = false, handle: UInt32,
        first: UInt64, _ messages: [Message]
    ) -> [UInt8] {
        let bytes = messages.flatMap(listed)
        return array(FrameHeader.byteCount + Received.prefixByteCount) {
            Received.write(
                to: $0, request: request, caseIndex: caseIndex, closed: closed, handle: handle,
                count: UInt32(messages.count), first: first, messageBytes: bytes.count, more: more)
        } + bytes
    }

    /// One of the winners of a WON frame.
    public struct Winner {
        /// The case that won.
        public var caseIndex: UInt16
        /// Whether the channel was closed.
        public var closed: Bool
        /// The handle.
        public var handle: UInt32
        /// The delivery's number.
        public var delivery: UInt64
        /// What was received.
        public var message: Message

        /// Makes a winner.
        public init(
            caseIndex: UInt16, closed: Bool = false, handle: UInt32, delivery: UInt64, _ message: Message
        ) {
            self.caseIndex = caseIndex
            self.closed = closed
            self.handle = handle
            self.delivery = delivery
            self.message = message
        }
    }

    /// A WON frame.
    public static func won(request: UInt64, more: Bool = false, _ winners: [Winner]) -> [UInt8] {
        var bytes: [UInt8] = []
        for winner in winners {
            bytes += array(Won.winnerPrefixByteCount) {
                Won.writeWinnerPrefix(
                    to: $0, caseIndex: winner.caseIndex, closed: winner.closed, handle: winner.handle,
                    delivery: winner.delivery)
            }
            bytes += listed(winner.message)
        }
        return array(FrameHeader.byteCount + Won.prefixByteCount) {
            Won.write(
                to: $0, request: request, count: UInt32(winners.count), byteCount: bytes.count, more: more)
        } + bytes
    }

    /// A message as it stands in RECEIVED and WON.
    private static func listed(_ message: Message) -> [UInt8] {
        array(Received.messagePrefixByteCount) {
            Received.writeMessagePrefix(
                to: $0, length: message.bytes.count, attempts: message.attempts, flags: message.flags)
        } + message.bytes + message.list
    }

    /// A SETTLE, GIVE_BACK or RECEIPT frame.
    public static func settle(_ type: FrameType, flags: UInt8 = 0, _ ranges: [DeliveryRange]) -> [UInt8] {
        var writer = WireWriter(type, flags: flags)
        for range in ranges { writer.raw(array(DeliveryRange.byteCount) { range.write(to: $0) }) }
        return writer.finish()
    }

    /// An INSPECTED frame.
    public static func inspected(request: UInt64, _ status: ChannelStatus) -> [UInt8] {
        var writer = WireWriter(.inspected, request: request)
        status.write(to: &writer)
        return writer.finish()
    }

    /// A SELECT frame; `count` where it is to lie about its cases.
    public static func select(
        request: UInt64, timeout: Int64, ordered: Bool = false, count: Int? = nil, limit: UInt32 = 1,
        _ cases: [(kind: SelectCase.Kind, handle: UInt32, drained: Bool, message: [UInt8])],
        listed: [[ListedChannel]] = []
    ) -> [UInt8] {
        var builder = SelectRequest.Builder(
            request: request, count: count ?? cases.count, timeout: timeout, ordered: ordered, limit: limit)
        for (index, one) in cases.enumerated() {
            builder.add(
                one.kind, handle: one.handle, untilDrained: one.drained, message: one.message,
                passing: index < listed.count ? listed[index] : [])
        }
        return builder.finish()
    }

    /// A PEEKED frame.
    public static func peeked(request: UInt64, next: UInt64, _ messages: [PeekedMessage]) -> [UInt8] {
        var writer = PeekedWriter(request: request)
        for message in messages {
            writer.append(
                message.bytes, number: message.number, attempts: message.attempts, flags: message.flags)
        }
        return writer.finish(next: next)
    }
}
