// SPDX-License-Identifier: Apache-2.0

/// Timeouts on the wire, in nanoseconds: 0 is a try, a negative one waits for ever.
public enum WireTimeout {
    /// Wait until the operation can proceed or is withdrawn.
    public static let never: Int64 = -1
    /// Proceed now or fail with `wouldBlock`.
    public static let none: Int64 = 0
}

/// The fixed part of a SEND frame's body; `count` messages follow, each a 32-bit length and its bytes.
public struct SendRequest {
    /// Bytes before the first message.
    public static let prefixByteCount = 16
    /// The handle to send through.
    public var handle: UInt32
    /// How many messages follow, at least 1.
    public var count: UInt32
    /// Nanoseconds to wait, see `WireTimeout`.
    public var timeout: Int64
    /// The messages, to be taken with `next`.
    public var messages: WireReader

    /// Header flag: the outcome comes when a receiving process has the messages (rule 20).
    @inlinable public static var confirmReceiptFlag: UInt8 { 1 }
    /// Header flag: the outcome comes when a receiver is done with the messages (rule 20).
    @inlinable public static var confirmSettlementFlag: UInt8 { 2 }
    /// Header flag: nobody waits for the outcome, which may come with what is written next.
    @inlinable public static var laterFlag: UInt8 { 4 }
    /// Header flag: behind each message stand the channels that it passes (rule 26).
    @inlinable public static var passesFlag: UInt8 { 8 }

    /// Whether channels are listed behind each message.
    public let passes: Bool
    /// The channels that the message passes that was taken last.
    public var listed: [ListedChannel] = []

    /// Reads the prefix; the messages are checked as they are taken.
    @inlinable
    public init(reading body: UnsafeRawBufferPointer, flags: UInt8 = 0) throws(WireFault) {
        passes = flags & Self.passesFlag != 0
        messages = WireReader(body)
        handle = try messages.u32()
        count = try messages.u32()
        timeout = try messages.i64()
        guard count >= 1, count <= WireLimits.maxBatchMessages else {
            throw WireFault(.malformed, "SEND carries \(count) messages")
        }
    }

    /// Checks that the body is exactly the messages that the prefix promises; their longest and their sum.
    @inlinable
    public func validate() throws(WireFault) -> (longest: Int, bytes: Int) {
        var reader = messages
        var longest = 0
        var bytes = 0
        for _ in 0..<count {
            let length = Int(try reader.u32())
            _ = try reader.raw(length)
            if passes { _ = try ListedChannel.list(reading: &reader) }
            longest = max(longest, length)
            bytes += length
        }
        try reader.finish()
        return (longest, bytes)
    }

    /// Takes the next message's bytes, and into `listed` what it passes.
    @inlinable
    public mutating func next() throws(WireFault) -> UnsafeRawBufferPointer {
        let bytes = try messages.raw(Int(messages.u32()))
        if passes { listed = try ListedChannel.list(reading: &messages) }
        return bytes
    }

    /// Writes header and prefix of a frame whose messages take `messageBytes`, lengths included.
    @inlinable
    public static func write(
        to pointer: UnsafeMutableRawPointer, request: UInt64, handle: UInt32, count: UInt32,
        timeout: Int64, messageBytes: Int, flags: UInt8 = 0
    ) {
        FrameHeader(.send, length: prefixByteCount + messageBytes, flags: flags, request: request)
            .write(to: pointer)
        pointer.storeBytes(of: handle.littleEndian, toByteOffset: 16, as: UInt32.self)
        pointer.storeBytes(of: count.littleEndian, toByteOffset: 20, as: UInt32.self)
        pointer.storeBytes(of: timeout.littleEndian, toByteOffset: 24, as: Int64.self)
    }
}

/// A RECEIVE frame: take 1 to `count` messages, waiting for the first only, or have up to `count` ahead (rule 21).
public struct ReceiveRequest: Equatable, Sendable {
    /// Bytes of the body.
    public static let byteCount = 16
    /// The flag for `untilDrained`.
    @inlinable public static var untilDrainedFlag: UInt8 { 1 }
    /// The flag of a receive whose deliveries are leased; the terms follow the fixed fields.
    @inlinable public static var leasedFlag: UInt8 { 2 }
    /// The flag of a credit: the receive stays, with up to `count` messages ahead.
    @inlinable public static var aheadFlag: UInt8 { 4 }
    /// The handle to receive through.
    public var handle: UInt32
    /// The most messages to take, at least 1.
    public var count: UInt32
    /// Nanoseconds to wait, see `WireTimeout`.
    public var timeout: Int64
    /// Report closed as soon as nothing is queued, unsettled deliveries or not (rule 4).
    public var untilDrained: Bool
    /// The receive stays and has up to `count` messages ahead at a time.
    public var ahead: Bool
    /// The terms of a leased receive; nil for automatic settlement.
    public var lease: WireLease?

    /// Makes a request.
    @inlinable
    public init(
        handle: UInt32, count: UInt32 = 1, timeout: Int64, untilDrained: Bool = false, ahead: Bool = false
    ) {
        self.handle = handle
        self.count = count
        self.timeout = timeout
        self.untilDrained = untilDrained
        self.ahead = ahead
    }

    /// Reads a RECEIVE frame.
    @inlinable
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        untilDrained = header.flags & Self.untilDrainedFlag != 0
        ahead = header.flags & Self.aheadFlag != 0
        var reader = WireReader(body)
        handle = try reader.u32()
        count = try reader.u32()
        timeout = try reader.i64()
        lease = header.flags & Self.leasedFlag == 0 ? nil : try WireLease(reading: &reader)
        try reader.finish()
        guard count >= 1 else { throw WireFault(.malformed, "RECEIVE asks for no message") }
    }

    /// Writes the whole frame, header and body: 32 bytes.
    @inlinable
    public func write(to pointer: UnsafeMutableRawPointer, request: UInt64) {
        FrameHeader(.receive, length: Self.byteCount, flags: flags, request: request).write(to: pointer)
        pointer.storeBytes(of: handle.littleEndian, toByteOffset: 16, as: UInt32.self)
        pointer.storeBytes(of: count.littleEndian, toByteOffset: 20, as: UInt32.self)
        pointer.storeBytes(of: timeout.littleEndian, toByteOffset: 24, as: Int64.self)
    }
}

extension ReceiveRequest {
    @usableFromInline var flags: UInt8 {
        (untilDrained ? Self.untilDrainedFlag : 0) | (ahead ? Self.aheadFlag : 0)
    }

    /// The whole frame of a leased receive.
    public func encodedLeased(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.receive, flags: flags | Self.leasedFlag, request: request)
        writer.integer(handle)
        writer.integer(count)
        writer.integer(timeout)
        writer.integer(lease?.nanoseconds ?? 0)
        writer.integer(lease?.attemptLimit ?? 0)
        writer.string(lease?.deadLetter ?? "")
        return writer.finish()
    }
}

/// How a receive wants to hold its deliveries until its caller settles them (rule 19).
public struct WireLease: Equatable, Sendable {
    /// After how many nanoseconds a delivery goes back by itself; 0 for never.
    public var nanoseconds: UInt64
    /// After how many attempts a message goes to the dead-letter channel; 0 for no limit.
    public var attemptLimit: UInt16
    /// The dead-letter channel; empty for setting aside in the channel itself.
    public var deadLetter: String

    /// Makes terms.
    public init(nanoseconds: UInt64 = 0, attemptLimit: UInt16 = 0, deadLetter: String = "") {
        self.nanoseconds = nanoseconds
        self.attemptLimit = attemptLimit
        self.deadLetter = deadLetter
    }

    @usableFromInline
    init(reading reader: inout WireReader) throws(WireFault) {
        nanoseconds = try reader.u64()
        attemptLimit = try reader.u16()
        deadLetter = try reader.string()
    }
}

/// A LEASE frame: what becomes of one leased delivery.
public struct LeaseRequest: Equatable, Sendable {
    /// What becomes of it; the header's field.
    public enum Action: UInt16, Sendable {
        /// The work is done.
        case done = 0
        /// It goes back to its channel, marked redelivered.
        case giveBack = 1
        /// It lasts for `nanoseconds` from now, 0 for ever.
        case extend = 2
    }
    /// What becomes of it.
    public var action: Action
    /// The handle that the delivery came through.
    public var handle: UInt32
    /// The delivery's number.
    public var delivery: UInt64
    /// For `extend`.
    public var nanoseconds: UInt64

    /// Makes a request.
    public init(_ action: Action, handle: UInt32, delivery: UInt64, nanoseconds: UInt64 = 0) {
        self.action = action
        self.handle = handle
        self.delivery = delivery
        self.nanoseconds = nanoseconds
    }

    /// Reads a LEASE frame.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        guard let action = Action(rawValue: header.field) else {
            throw WireFault(.malformed, "LEASE has an unknown action \(header.field)")
        }
        self.action = action
        var reader = WireReader(body)
        handle = try reader.u32()
        delivery = try reader.u64()
        nanoseconds = try reader.u64()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.lease, field: action.rawValue, request: request)
        writer.integer(handle)
        writer.integer(delivery)
        writer.integer(nanoseconds)
        return writer.finish()
    }
}

/// One case of a SELECT frame.
public struct SelectCase {
    /// What a case does.
    public enum Kind: UInt8, Sendable {
        /// A nil channel: it never proceeds (rule 7).
        case never = 0
        /// Receive one message.
        case receive = 1
        /// Send the case's message.
        case send = 2
    }
    /// Bytes of a case before its message.
    public static let prefixByteCount = 12
    /// What the case does.
    public var kind: Kind
    /// For a receive: report closed as soon as nothing is queued.
    public var untilDrained: Bool
    /// The handle it concerns.
    public var handle: UInt32
    /// The message of a send case; empty otherwise.
    public var message: UnsafeRawBufferPointer
    /// The channels that the message passes (rule 26).
    public var listed: [ListedChannel]

    static let untilDrainedFlag: UInt8 = 1
    static let passesFlag: UInt8 = 8
}

/// The fixed part of a SELECT frame's body; the cases follow.
public struct SelectRequest {
    /// The flag of a select that prefers the first case in order (rule 9).
    public static let orderedFlag: UInt8 = 1
    /// The flag of several selects in one turn: their number follows the timeout (rule 24).
    public static let severalFlag: UInt8 = 2
    /// Nanoseconds to wait, see `WireTimeout`; 0 is Go's default.
    public var timeout: Int64
    /// Whether the first of several ready cases is taken rather than a random one.
    public var ordered: Bool
    /// How many selects there are in one turn, at least 1.
    public var limit: UInt32
    /// How many cases follow.
    public var count: Int
    private var cases: WireReader

    /// Reads the prefix; the cases are checked as they are taken.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        ordered = header.flags & Self.orderedFlag != 0
        count = Int(header.field)
        cases = WireReader(body)
        timeout = try cases.i64()
        limit = header.flags & Self.severalFlag == 0 ? 1 : try cases.u32()
        guard limit >= 1 else { throw WireFault(.malformed, "SELECT asks for no message") }
        guard count <= WireLimits.maxSelectCases else {
            throw WireFault(.malformed, "SELECT has \(count) cases, over \(WireLimits.maxSelectCases)")
        }
    }

    /// Takes the next case.
    public mutating func next() throws(WireFault) -> SelectCase {
        guard let kind = SelectCase.Kind(rawValue: try cases.u8()) else {
            throw WireFault(.malformed, "SELECT has a case of an unknown kind")
        }
        let flags = try cases.u8()
        _ = try cases.u16()
        let handle = try cases.u32()
        let message = try cases.raw(Int(cases.u32()))
        let passes = flags & SelectCase.passesFlag != 0
        guard kind == .send || (message.isEmpty && !passes) else {
            throw WireFault(.malformed, "SELECT has a message in a case that does not send")
        }
        return SelectCase(
            kind: kind, untilDrained: flags & SelectCase.untilDrainedFlag != 0, handle: handle,
            message: message, listed: passes ? try ListedChannel.list(reading: &cases) : [])
    }

    /// Checks that nothing follows the last case.
    public func finish() throws(WireFault) {
        try cases.finish()
    }

    /// Builds SELECT frames case by case.
    public struct Builder {
        private var writer: WireWriter

        /// Starts a frame that will have `count` cases; with a `limit` above 1 it is so many selects in one turn.
        public init(request: UInt64, count: Int, timeout: Int64, ordered: Bool, limit: UInt32 = 1) {
            let flags = (ordered ? orderedFlag : 0) | (limit > 1 ? severalFlag : 0)
            writer = WireWriter(.select, flags: flags, field: UInt16(count), request: request)
            writer.integer(timeout)
            if limit > 1 { writer.integer(limit) }
        }

        /// Appends a case.
        public mutating func add(
            _ kind: SelectCase.Kind, handle: UInt32 = 0, untilDrained: Bool = false,
            message: some Collection<UInt8> = [UInt8](), passing: [ListedChannel] = []
        ) {
            var flags: UInt8 = untilDrained ? SelectCase.untilDrainedFlag : 0
            if !passing.isEmpty { flags |= SelectCase.passesFlag }
            writer.integer(kind.rawValue)
            writer.integer(flags)
            writer.integer(UInt16(0))
            writer.integer(handle)
            writer.integer(UInt32(message.count))
            writer.raw(message)
            if !passing.isEmpty { writer.raw(ListedChannel.bytes(of: passing)) }
        }

        /// The whole frame.
        public consuming func finish() -> [UInt8] { writer.finish() }
    }
}

/// A range of deliveries of one handle, in SETTLE and GIVE_BACK frames.
public struct DeliveryRange: Equatable, Sendable {
    /// Bytes of a range on the wire.
    public static let byteCount = 16
    /// The handle that the deliveries came through.
    public var handle: UInt32
    /// How many deliveries, in their numbers' order.
    public var count: UInt32
    /// The first delivery's number.
    public var first: UInt64

    /// Makes a range.
    @inlinable
    public init(handle: UInt32, first: UInt64, count: UInt32) {
        self.handle = handle
        self.count = count
        self.first = first
    }

    /// Takes the next range of a body.
    @inlinable
    public init(reading reader: inout WireReader) throws(WireFault) {
        handle = try reader.u32()
        count = try reader.u32()
        first = try reader.u64()
    }

    /// Writes the range as 16 bytes.
    @inlinable
    public func write(to pointer: UnsafeMutableRawPointer) {
        pointer.storeBytes(of: handle.littleEndian, as: UInt32.self)
        pointer.storeBytes(of: count.littleEndian, toByteOffset: 4, as: UInt32.self)
        pointer.storeBytes(of: first.littleEndian, toByteOffset: 8, as: UInt64.self)
    }
}

extension DeliveryRange {
    /// So many ranges are compared each with each, which is quicker than to sort them and allocates nothing.
    private static let few = 8

    /// Checks that no two of the ranges that a body consists of name the same delivery, in whatever order they are.
    public static func checkDisjoint(_ body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        if body.count <= few * byteCount {
            while reader.remaining > 0 {
                let range = try DeliveryRange(reading: &reader)
                var rest = reader
                while rest.remaining > 0 {
                    let other = try DeliveryRange(reading: &rest)
                    if range.overlaps(other) { throw range.isNamedTwice }
                }
            }
            return
        }
        var ranges: [DeliveryRange] = []
        ranges.reserveCapacity(body.count / byteCount)
        while reader.remaining > 0 {
            let range = try DeliveryRange(reading: &reader)
            if range.count > 0 { ranges.append(range) }
        }
        ranges.sort { $0.handle != $1.handle ? $0.handle < $1.handle : $0.first < $1.first }
        // Of those that overlap at all, some are neighbours now.
        for index in ranges.indices.dropFirst() where ranges[index - 1].overlaps(ranges[index]) {
            throw ranges[index].isNamedTwice
        }
    }

    private func overlaps(_ other: DeliveryRange) -> Bool {
        handle == other.handle && count > 0 && other.count > 0 && first < other.end && other.first < end
    }

    /// The number behind the last; the highest there is where that is none.
    private var end: UInt64 {
        let (sum, overflow) = first.addingReportingOverflow(UInt64(count))
        return overflow ? .max : sum
    }

    private var isNamedTwice: WireFault {
        WireFault(.malformed, "deliveries \(first) and on of handle \(handle) are named twice by one frame")
    }
}

/// A DEAD_LETTER frame: a delivery that its receiver can do nothing with.
public struct DeadLetter: Equatable, Sendable {
    /// The handle that the delivery came through.
    public var handle: UInt32
    /// The delivery's number.
    public var delivery: UInt64
    /// The channel that it goes to; where it is empty the message is set aside.
    public var target: String

    /// Makes a frame's contents.
    public init(handle: UInt32, delivery: UInt64, target: String) {
        self.handle = handle
        self.delivery = delivery
        self.target = target
    }

    /// Reads a DEAD_LETTER frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        handle = try reader.u32()
        delivery = try reader.u64()
        target = try reader.string()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(.deadLetter)
        writer.integer(handle)
        writer.integer(delivery)
        writer.string(target)
        return writer.finish()
    }
}

/// Flags of a GIVE_BACK frame.
public enum GiveBackFlags {
    /// A caller may have seen the messages: they are marked redelivered (rule 18).
    public static let seen: UInt8 = 1
}
