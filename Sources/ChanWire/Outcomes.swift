// SPDX-License-Identifier: Apache-2.0

/// SENT: the sends with request ids `request`, `request + 1`, … are committed, `count` of them in a row.
public enum Sent {
    /// Bytes of the whole frame.
    public static let frameByteCount = FrameHeader.byteCount + 4

    /// Writes the whole frame.
    @inlinable
    public static func write(to pointer: UnsafeMutableRawPointer, request: UInt64, count: UInt32) {
        FrameHeader(.sent, length: 4, request: request).write(to: pointer)
        pointer.storeBytes(of: count.littleEndian, toByteOffset: 16, as: UInt32.self)
    }

    /// Reads the count.
    @inlinable
    public static func count(reading body: UnsafeRawBufferPointer) throws(WireFault) -> UInt32 {
        var reader = WireReader(body)
        let count = try reader.u32()
        try reader.finish()
        return count
    }
}

/// The fixed part of a RECEIVED frame's body; `count` messages follow.
public struct Received {
    /// Bytes of the body before the first message.
    public static let prefixByteCount = 16
    /// Bytes in front of each message's own.
    @inlinable public static var messagePrefixByteCount: Int { 8 }
    /// Where in the frame the number of messages stands.
    public static let countOffset = FrameHeader.byteCount + 4
    /// Header flag: the channel is closed, so settle at once (rule 4).
    @inlinable public static var closedFlag: UInt8 { 1 }
    /// Header flag: the request is not over, more answers follow (rules 21 and 24).
    @inlinable public static var moreFlag: UInt8 { 2 }
    /// Message flag: some caller may have seen this message before (rule 18).
    @inlinable public static var redeliveredFlag: UInt8 { 1 }
    /// Message flag: somebody waits for its receipt (rule 20).
    @inlinable public static var receiptAwaitedFlag: UInt8 { 2 }
    /// Message flag: somebody waits for its settlement (rule 20).
    @inlinable public static var settlementAwaitedFlag: UInt8 { 4 }
    /// Message flag: attempts are limited, so write the receipt before handing it over (rule 18).
    @inlinable public static var attemptsLimitedFlag: UInt8 { 8 }
    /// Message flag: behind the message stand the channels that it passes (rule 26).
    @inlinable public static var passesFlag: UInt8 { 16 }

    /// One message as it stands in a frame.
    public struct Message {
        /// How often this message answered a receive before.
        public var attempts: UInt16
        /// The message flags.
        public var flags: UInt8
        /// Whether some caller may have seen it before.
        @inlinable public var redelivered: Bool { flags & Received.redeliveredFlag != 0 }
        /// The bytes, valid as long as the frame's.
        public var bytes: UnsafeRawBufferPointer
        /// The channels that it passes.
        public var offered: [OfferedChannel]

        @inlinable
        init(reading reader: inout WireReader) throws(WireFault) {
            let prefix = try reader.fixed(Received.messagePrefixByteCount)
            let length = UInt32(littleEndian: prefix.loadUnaligned(as: UInt32.self))
            attempts = UInt16(littleEndian: prefix.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
            flags = prefix.load(fromByteOffset: 6, as: UInt8.self)
            bytes = try reader.raw(Int(length))
            offered = flags & Received.passesFlag == 0 ? [] : try OfferedChannel.list(reading: &reader)
        }
    }

    /// The handle that the messages came through.
    public var handle: UInt32
    /// How many messages follow, at least 1.
    public var count: UInt32
    /// The number of the first delivery; the others follow it.
    public var first: UInt64
    @usableFromInline var messages: WireReader

    /// Reads the prefix; messages are checked as they are taken.
    @inlinable
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        messages = WireReader(body)
        handle = try messages.u32()
        count = try messages.u32()
        first = try messages.u64()
        guard count >= 1 else { throw WireFault(.malformed, "RECEIVED carries no message") }
    }

    /// Checks that nothing follows the last message.
    @inlinable
    public func finish() throws(WireFault) {
        try messages.finish()
    }

    /// Takes the next message.
    @inlinable
    public mutating func next() throws(WireFault) -> Message { try Message(reading: &messages) }

    /// Passes over the next message, which it checks; the channels that it passes.
    @inlinable
    public mutating func skip() throws(WireFault) -> [OfferedChannel] {
        let length = Int(try messages.u32())
        let facts = try messages.u32()
        _ = try messages.raw(length)
        // The flags are the third byte.
        guard UInt8(truncatingIfNeeded: facts >> 16) & Received.passesFlag != 0 else { return [] }
        return try OfferedChannel.list(reading: &messages)
    }

    /// Writes header and prefix; `messageBytes` counts the messages with their own prefixes.
    @inlinable
    public static func write(
        to pointer: UnsafeMutableRawPointer, request: UInt64, caseIndex: UInt16, closed: Bool,
        handle: UInt32, count: UInt32, first: UInt64, messageBytes: Int, more: Bool = false
    ) {
        FrameHeader(
            .received, length: prefixByteCount + messageBytes,
            flags: (closed ? closedFlag : 0) | (more ? moreFlag : 0), field: caseIndex, request: request
        ).write(to: pointer)
        pointer.storeBytes(of: handle.littleEndian, toByteOffset: 16, as: UInt32.self)
        pointer.storeBytes(of: count.littleEndian, toByteOffset: 20, as: UInt32.self)
        pointer.storeBytes(of: first.littleEndian, toByteOffset: 24, as: UInt64.self)
    }

    /// Writes what stands in front of one message's bytes.
    @inlinable
    public static func writeMessagePrefix(
        to pointer: UnsafeMutableRawPointer, length: Int, attempts: UInt16, flags: UInt8
    ) {
        pointer.storeBytes(of: UInt32(truncatingIfNeeded: length).littleEndian, as: UInt32.self)
        pointer.storeBytes(of: attempts.littleEndian, toByteOffset: 4, as: UInt16.self)
        pointer.storeBytes(of: flags, toByteOffset: 6, as: UInt8.self)
        pointer.storeBytes(of: 0, toByteOffset: 7, as: UInt8.self)
    }
}

/// FAILED: an operation ended without success.
public struct Failed: Equatable, Sendable {
    /// The case index of an outcome that is not one case's.
    public static let noCase: UInt32 = .max
    /// The code as sent; it need not be a known `FailureCode`.
    public var rawCode: UInt16
    /// Which case of a select it was, or `noCase`.
    public var caseIndex: UInt32
    /// How many messages of a batch were committed before.
    public var accepted: UInt32
    /// The number given with a close, else 0.
    public var reason: UInt32
    /// What happened, or the text given with a close.
    public var text: String

    /// Makes a failure.
    public init(
        _ code: FailureCode, caseIndex: UInt32 = noCase, accepted: UInt32 = 0, reason: UInt32 = 0,
        text: String = ""
    ) {
        self.rawCode = code.rawValue
        self.caseIndex = caseIndex
        self.accepted = accepted
        self.reason = reason
        self.text = text
    }

    /// Reads a FAILED frame.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        rawCode = header.field
        var reader = WireReader(body)
        caseIndex = try reader.u32()
        accepted = try reader.u32()
        reason = try reader.u32()
        text = try reader.string()
    }

    /// The code, where it is one this version knows.
    public var code: FailureCode? { FailureCode(rawValue: rawCode) }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.failed, field: rawCode, request: request)
        writer.integer(caseIndex)
        writer.integer(accepted)
        writer.integer(reason)
        writer.string(text)
        return writer.finish()
    }
}

/// Small frames without a body of their own structure.
public enum SimpleFrame {
    /// DONE: a request without other result succeeded; for CLOSE, `field` 1 says that this call closed.
    public static func done(request: UInt64, field: UInt16 = 0) -> [UInt8] {
        WireWriter(.done, field: field, request: request).finish()
    }

    /// SELECTED: the send case `caseIndex` of a select committed.
    public static func selected(request: UInt64, caseIndex: UInt16) -> [UInt8] {
        WireWriter(.selected, field: caseIndex, request: request).finish()
    }

    /// A frame whose body is one handle: CLOSE_HANDLE, STOP.
    public static func handle(_ type: FrameType, request: UInt64, handle: UInt32) -> [UInt8] {
        var writer = WireWriter(type, request: request)
        writer.integer(handle)
        return writer.finish()
    }

    /// CANCEL: asks for the end of the operation `request`, whose own outcome answers.
    public static func cancel(request: UInt64) -> [UInt8] {
        WireWriter(.cancel, request: request).finish()
    }

    /// DAEMON_STATUS: asks for the state of the daemon as a whole.
    public static func daemonStatus(request: UInt64) -> [UInt8] {
        WireWriter(.daemonStatus, request: request).finish()
    }

    /// LEAVE: the client ends the session in order.
    public static func leave() -> [UInt8] {
        WireWriter(.leave).finish()
    }

    /// A frame whose body is one name: REMOVE, PAUSE, RESUME, RESTORE.
    public static func name(_ type: FrameType, request: UInt64, name: String) -> [UInt8] {
        var writer = WireWriter(type, request: request)
        writer.string(name)
        return writer.finish()
    }

    /// CLOSE: closes the channel of a handle, with a reason that both sides get.
    public static func close(request: UInt64, handle: UInt32, reason: UInt32, text: String) -> [UInt8] {
        var writer = WireWriter(.close, request: request)
        writer.integer(handle)
        writer.integer(reason)
        writer.string(text)
        return writer.finish()
    }

    /// PING with a body that PONG repeats.
    public static func ping(request: UInt64, payload: some Sequence<UInt8> = []) -> [UInt8] {
        var writer = WireWriter(.ping, request: request)
        writer.raw(payload)
        return writer.finish()
    }
}
