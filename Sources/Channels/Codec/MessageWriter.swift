// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Where a codec writes the bytes of one message.
///
/// Bytes can be appended only; mostly they go straight into the connection's output buffer.
public struct MessageWriter: ~Copyable {
    var bytes: GrowableBytes
    private var start: Int
    /// The channels that the message is to pass.
    var passed: [PassedChannel] = []

    init() {
        bytes = GrowableBytes()
        start = 0
    }

    /// Continues a buffer in which other frames lie already.
    init(appendingTo buffer: consuming GrowableBytes) {
        start = buffer.count
        bytes = buffer
    }

    /// Gives the buffer back.
    consuming func finish() -> GrowableBytes { bytes }

    /// How many bytes the message has so far.
    public var count: Int { bytes.count - start }

    /// Counts from here on: another message begins.
    mutating func beginMessage() {
        start = bytes.count
        if !passed.isEmpty { passed = [] }
    }

    /// Appends one byte.
    public mutating func append(_ byte: UInt8) {
        bytes.append(byte)
    }

    /// Appends a copy of bytes in memory.
    public mutating func append(_ source: UnsafeRawBufferPointer) {
        bytes.append(source)
    }

    /// Appends a sequence of bytes, at once where it lies in one piece as an array does.
    public mutating func append(contentsOf source: some Sequence<UInt8>) {
        let copied: Void? = source.withContiguousStorageIfAvailable {
            bytes.append(UnsafeRawBufferPointer($0))
        }
        if copied == nil { for byte in source { bytes.append(byte) } }
    }

    /// Appends an integer, least significant byte first, with as many bytes as its type has.
    public mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(littleEndian number: Number) {
        bytes.append(number)
    }
}
