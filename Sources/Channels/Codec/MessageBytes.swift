// SPDX-License-Identifier: Apache-2.0

/// The bytes of one message, where they were received: a slice of a larger piece of memory, not a copy.
///
/// A channel of this element type passes bytes without decoding. Keeping a small slice for long keeps the
/// whole piece, 128 KiB or so, from being used again: `Array(bytes)` makes an independent copy.
public struct MessageBytes: RandomAccessCollection, Hashable, Sendable, ExpressibleByArrayLiteral {
    @usableFromInline let chunk: Chunk
    @usableFromInline let offset: Int
    /// How many bytes the message has.
    public let count: Int

    /// Three words, so that a value of any type can be one without memory of its own.
    init(chunk: Chunk, offset: Int, count: Int, offer: ChannelOffer? = nil) {
        self.chunk = offer.map { Chunk(of: chunk, passing: $0) } ?? chunk
        self.offset = offset
        self.count = count
    }

    /// The channels that the message passes; nil for most.
    var offer: ChannelOffer? { chunk.offer }

    /// Copies bytes into memory of their own.
    public init(_ bytes: some Collection<UInt8>) {
        let count = bytes.count
        let chunk = Chunk(capacity: count)
        UnsafeMutableRawBufferPointer(start: chunk.base, count: count).copyBytes(from: bytes)
        self.init(chunk: chunk, offset: 0, count: count)
    }

    /// Copies the bytes of a literal.
    public init(arrayLiteral elements: UInt8...) { self.init(elements) }

    /// Always 0.
    @inlinable public var startIndex: Int { 0 }
    /// The number of bytes.
    @inlinable public var endIndex: Int { count }

    /// One byte.
    @inlinable
    public subscript(position: Int) -> UInt8 {
        precondition(position >= 0 && position < count, "no such byte")
        return chunk.base.load(fromByteOffset: offset + position, as: UInt8.self)
    }

    /// Shows the bytes to a body, which must not keep the pointer.
    @inlinable
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        defer { withExtendedLifetime(chunk) {} }
        return try body(UnsafeRawBufferPointer(start: chunk.base + offset, count: count))
    }

    /// Shows the bytes to a body; always available.
    @inlinable
    public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        try withUnsafeBytes { try $0.withMemoryRebound(to: UInt8.self, body) }
    }

    /// Whether two messages have the same bytes.
    public static func == (left: MessageBytes, right: MessageBytes) -> Bool {
        left.count == right.count && left.elementsEqual(right)
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
