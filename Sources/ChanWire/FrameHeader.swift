// SPDX-License-Identifier: Apache-2.0

/// The kinds of frame; docs/protocol.md has a table for each.
///
/// Bit 7 is set in what the daemon sends. Numbers are never reused.
public enum FrameType: UInt8, Sendable, CaseIterable {
    case hello = 0x01
    case leave = 0x02
    case open = 0x03
    case closeHandle = 0x04
    case send = 0x05
    case receive = 0x06
    case select = 0x07
    case cancel = 0x08
    case settle = 0x09
    case giveBack = 0x0A
    case close = 0x0B
    case remove = 0x0C
    case stop = 0x0D
    case inspect = 0x0E
    case list = 0x0F
    case describe = 0x10
    case ping = 0x11
    case pause = 0x12
    case resume = 0x13
    case restore = 0x14
    case lease = 0x15
    case receipt = 0x16
    case deadLetter = 0x17
    case control = 0x20
    case daemonStatus = 0x21
    case sessions = 0x22
    case waiting = 0x23
    case measure = 0x24
    case monitor = 0x25
    case peek = 0x1A
    case wait = 0x18
    case purge = 0x19
    case welcome = 0x81
    case goodbye = 0x82
    case opened = 0x83
    case done = 0x84
    case sent = 0x85
    case received = 0x86
    case selected = 0x87
    case failed = 0x88
    case won = 0x89
    case inspected = 0x8E
    case listed = 0x8F
    case described = 0x90
    case pong = 0x91
    case daemonState = 0xA1
    case sessionsListed = 0xA2
    case waitingListed = 0xA3
    case measured = 0xA4
    case events = 0xA5
    case peeked = 0x9A
    case waited = 0x98
    case purged = 0x99
}

/// The 16 bytes in front of every frame's body, little-endian.
public struct FrameHeader: Equatable, Sendable {
    /// Bytes of a header on the wire.
    public static let byteCount = 16
    /// Where in a frame its flags stand.
    @inlinable static public var flagsOffset: Int { 5 }
    /// The flag of a frame that a peer may skip when it does not know its type.
    public static let optionalFlag: UInt8 = 0x80

    /// Bytes of the body; the header is not counted.
    public var length: UInt32
    /// The frame's type as sent; it need not be a known `FrameType`.
    public var rawType: UInt8
    /// Flags whose meaning depends on the type.
    public var flags: UInt8
    /// A small value whose meaning depends on the type: a case, a code, a count.
    public var field: UInt16
    /// The operation that the frame belongs to; 0 for none.
    public var request: UInt64

    /// Makes a header of a known type.
    @inlinable
    public init(
        _ type: FrameType, length: Int = 0, flags: UInt8 = 0, field: UInt16 = 0, request: UInt64 = 0
    ) {
        self.length = UInt32(truncatingIfNeeded: length)
        self.rawType = type.rawValue
        self.flags = flags
        self.field = field
        self.request = request
    }

    /// Reads the 16 bytes at `pointer`, which need not be aligned.
    @inlinable
    public init(reading pointer: UnsafeRawPointer) {
        length = UInt32(littleEndian: pointer.loadUnaligned(as: UInt32.self))
        rawType = pointer.loadUnaligned(fromByteOffset: 4, as: UInt8.self)
        flags = pointer.loadUnaligned(fromByteOffset: Self.flagsOffset, as: UInt8.self)
        field = UInt16(littleEndian: pointer.loadUnaligned(fromByteOffset: 6, as: UInt16.self))
        request = UInt64(littleEndian: pointer.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// The type, where it is one this version knows.
    @inlinable public var type: FrameType? { FrameType(rawValue: rawType) }

    /// Writes the header as 16 bytes at `pointer`, which need not be aligned.
    @inlinable
    public func write(to pointer: UnsafeMutableRawPointer) {
        pointer.storeBytes(of: length.littleEndian, as: UInt32.self)
        pointer.storeBytes(of: rawType, toByteOffset: 4, as: UInt8.self)
        pointer.storeBytes(of: flags, toByteOffset: Self.flagsOffset, as: UInt8.self)
        pointer.storeBytes(of: field.littleEndian, toByteOffset: 6, as: UInt16.self)
        pointer.storeBytes(of: request.littleEndian, toByteOffset: 8, as: UInt64.self)
    }
}
