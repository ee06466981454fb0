// SPDX-License-Identifier: Apache-2.0

/// Reads the fields of one frame's body in order, never past its end.
///
/// The bytes belong to the caller and must outlive the reader.
public struct WireReader {
    @usableFromInline let bytes: UnsafeRawBufferPointer
    @usableFromInline var offset = 0

    /// Starts at the first byte of `bytes`.
    @inlinable
    public init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Bytes not read yet.
    @inlinable public var remaining: Int { bytes.count - offset }

    @inlinable
    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) throws(WireFault) -> T {
        guard remaining >= MemoryLayout<T>.size, let base = bytes.baseAddress else { throw Self.truncated }
        let value = T(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: T.self))
        offset += MemoryLayout<T>.size
        return value
    }

    @usableFromInline static var truncated: WireFault {
        WireFault(.malformed, "the body ends before its last field")
    }

    /// Reads one byte.
    @inlinable public mutating func u8() throws(WireFault) -> UInt8 { try integer(UInt8.self) }
    /// Reads two bytes.
    @inlinable public mutating func u16() throws(WireFault) -> UInt16 { try integer(UInt16.self) }
    /// Reads four bytes.
    @inlinable public mutating func u32() throws(WireFault) -> UInt32 { try integer(UInt32.self) }
    /// Reads eight bytes.
    @inlinable public mutating func u64() throws(WireFault) -> UInt64 { try integer(UInt64.self) }
    /// Reads eight bytes as a signed number.
    @inlinable public mutating func i64() throws(WireFault) -> Int64 { try integer(Int64.self) }

    /// Reads fields that are `count` bytes together, which is above 0; where they stand.
    @inlinable
    mutating func fixed(_ count: Int) throws(WireFault) -> UnsafeRawPointer {
        guard count <= remaining, let base = bytes.baseAddress else { throw Self.truncated }
        defer { offset += count }
        return base + offset
    }

    /// Reads `count` bytes as a slice of the body.
    @inlinable
    public mutating func raw(_ count: Int) throws(WireFault) -> UnsafeRawBufferPointer {
        guard count >= 0, count <= remaining else { throw Self.truncated }
        let slice = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
        offset += count
        return slice
    }

    /// Reads a 16-bit length and that many bytes of UTF-8.
    public mutating func string() throws(WireFault) -> String {
        let slice = try raw(Int(u16()))
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw WireFault(.malformed, "a text is not UTF-8")
        }
        return text
    }

    /// Checks that the whole body was read.
    @inlinable
    public func finish() throws(WireFault) {
        guard remaining == 0 else { throw Self.excess(remaining) }
    }

    @usableFromInline static func excess(_ count: Int) -> WireFault {
        WireFault(.malformed, "\(count) bytes follow the last field")
    }
}
