// SPDX-License-Identifier: Apache-2.0

/// Builds one frame as an array; for the frames that are not sent once a message.
public struct WireWriter {
    private var bytes: [UInt8]

    /// Starts a frame with a header whose length is set by `finish`.
    public init(_ type: FrameType, flags: UInt8 = 0, field: UInt16 = 0, request: UInt64 = 0) {
        bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        let header = FrameHeader(type, flags: flags, field: field, request: request)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            header.write(to: base)
        }
    }

    /// Appends an integer, little-endian.
    public mutating func integer<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Appends bytes as they are.
    public mutating func raw(_ slice: some Sequence<UInt8>) {
        bytes.append(contentsOf: slice)
    }

    /// Appends a 16-bit length and the text as UTF-8, cut at 65535 bytes between two Unicode scalars.
    public mutating func string(_ text: String) {
        let utf8 = text.utf8
        guard utf8.count > Int(UInt16.max) else {
            integer(UInt16(utf8.count))
            bytes.append(contentsOf: utf8)
            return
        }
        var end = utf8.index(utf8.startIndex, offsetBy: Int(UInt16.max))
        while end.samePosition(in: text.unicodeScalars) == nil { end = utf8.index(before: end) }
        integer(UInt16(utf8.distance(from: utf8.startIndex, to: end)))
        bytes.append(contentsOf: utf8[..<end])
    }

    /// Bytes of the body so far.
    public var bodyCount: Int { bytes.count - FrameHeader.byteCount }

    /// Overwrites an integer at `offset` bytes into the body, which was written before.
    public mutating func patch<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) { source in
            for (index, byte) in source.enumerated() { bytes[FrameHeader.byteCount + offset + index] = byte }
        }
    }

    /// The body so far without header, for a frame that is written in pieces.
    public consuming func part() -> [UInt8] {
        Array(bytes[FrameHeader.byteCount...])
    }

    /// The whole frame, its length filled in.
    public consuming func finish() -> [UInt8] {
        let length = UInt32(truncatingIfNeeded: bodyCount)
        patch(length, at: -FrameHeader.byteCount)
        return bytes
    }
}
