// SPDX-License-Identifier: Apache-2.0

/// WON: messages that several selects in one turn received, in the order of the selects (rule 24).
///
/// The header's flags are those of RECEIVED; the field is 0.
public struct Won {
    /// Bytes of the body before the first winner.
    @inlinable public static var prefixByteCount: Int { 4 }
    /// Bytes in front of each winner's message, which stands as in RECEIVED.
    @inlinable public static var winnerPrefixByteCount: Int { 16 }
    /// Where in the frame the number of winners stands.
    @inlinable public static var countOffset: Int { FrameHeader.byteCount }

    /// One select's case and message.
    public struct Winner {
        /// The case that won.
        public var caseIndex: UInt16
        /// Whether the channel was closed, as the flag of RECEIVED says it.
        public var closed: Bool
        /// The handle that the message came through.
        public var handle: UInt32
        /// The delivery's number.
        public var delivery: UInt64
        /// The message.
        public var message: Received.Message

        @inlinable
        init(reading reader: inout WireReader) throws(WireFault) {
            // Looked at in one piece: each field on its own would be checked against the body's end.
            let prefix = try reader.fixed(Won.winnerPrefixByteCount)
            caseIndex = UInt16(littleEndian: prefix.loadUnaligned(as: UInt16.self))
            closed = prefix.load(fromByteOffset: 2, as: UInt8.self) & Received.closedFlag != 0
            handle = UInt32(littleEndian: prefix.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            delivery = UInt64(littleEndian: prefix.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            message = try Received.Message(reading: &reader)
        }
    }

    /// How many winners follow, at least 1.
    public var count: UInt32
    @usableFromInline var winners: WireReader

    /// Reads the prefix; winners are checked as they are taken.
    @inlinable
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        winners = WireReader(body)
        count = try winners.u32()
        // Or whoever makes room for as many could be told any number.
        let least = Won.winnerPrefixByteCount + Received.messagePrefixByteCount
        guard count >= 1, Int(count) <= winners.remaining / least else {
            throw WireFault(.malformed, "WON of \(count) messages has \(winners.remaining) bytes for them")
        }
    }

    /// Takes the next winner.
    @inlinable
    public mutating func next() throws(WireFault) -> Winner { try Winner(reading: &winners) }

    /// Checks that nothing follows the last winner.
    @inlinable
    public func finish() throws(WireFault) { try winners.finish() }

    /// Writes header and prefix of a frame of which more follow, for `byteCount` bytes of winners; the last frame lacks the flag.
    @inlinable
    public static func write(
        to pointer: UnsafeMutableRawPointer, request: UInt64, count: UInt32 = 0, byteCount: Int = 0,
        more: Bool = true
    ) {
        FrameHeader(
            .won, length: prefixByteCount + byteCount, flags: more ? Received.moreFlag : 0, request: request
        ).write(to: pointer)
        pointer.storeBytes(of: count.littleEndian, toByteOffset: countOffset, as: UInt32.self)
    }

    /// Writes what stands in front of one winner's message.
    @inlinable
    public static func writeWinnerPrefix(
        to pointer: UnsafeMutableRawPointer, caseIndex: UInt16, closed: Bool, handle: UInt32, delivery: UInt64
    ) {
        pointer.storeBytes(of: caseIndex.littleEndian, as: UInt16.self)
        pointer.storeBytes(of: closed ? Received.closedFlag : 0, toByteOffset: 2, as: UInt8.self)
        pointer.storeBytes(of: 0, toByteOffset: 3, as: UInt8.self)
        pointer.storeBytes(of: handle.littleEndian, toByteOffset: 4, as: UInt32.self)
        pointer.storeBytes(of: delivery.littleEndian, toByteOffset: 8, as: UInt64.self)
    }
}
