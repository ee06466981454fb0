// SPDX-License-Identifier: Apache-2.0

/// A type that is its own codec.
///
/// The library's own conformances, and the bytes of a message of each:
///
/// | type | bytes |
/// |---|---|
/// | `[UInt8]`, ``MessageBytes`` | as they are |
/// | `String` | UTF-8, without a terminator |
/// | `Int8` … `Int64`, `UInt8` … `UInt64` | 1, 2, 4 or 8, least significant first |
/// | `Int`, `UInt` | 8, as `Int64` and `UInt64` |
/// | `Bool` | one, 0 or 1 |
///
/// Any other `Codable` type is sent as JSON, see ``JSONCodec``. Conform a type of your own where its bytes
/// belong to the type; write a ``ChanCodec`` where they belong to the channel.
public protocol ChanElement: Sendable {
    /// Appends the element's bytes to a message, which is empty at first and may remain so.
    func encode(into message: inout MessageWriter) throws

    /// Makes the element of a whole message.
    init(decoding message: MessageBytes) throws
}

extension MessageBytes: ChanElement {
    /// Appends the bytes.
    public func encode(into message: inout MessageWriter) {
        withUnsafeBytes { message.append($0) }
    }

    /// Takes the message as it is.
    public init(decoding message: MessageBytes) { self = message }
}

extension [UInt8]: ChanElement {
    /// Appends the bytes.
    public func encode(into message: inout MessageWriter) {
        withUnsafeBytes { message.append($0) }
    }

    /// Copies the bytes.
    public init(decoding message: MessageBytes) {
        self = message.withUnsafeBytes { [UInt8]($0) }
    }
}

extension String: ChanElement {
    /// Appends the text as UTF-8.
    public func encode(into message: inout MessageWriter) {
        message.append(contentsOf: utf8)
    }

    /// Reads UTF-8, and accepts nothing else.
    public init(decoding message: MessageBytes) throws {
        let text = message.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw UnexpectedMessage("expected UTF-8, got other bytes") }
        self = text
    }
}

extension Bool: ChanElement {
    /// Appends one byte.
    public func encode(into message: inout MessageWriter) {
        message.append(self ? 1 : 0 as UInt8)
    }

    /// Reads one byte that is 0 or 1.
    public init(decoding message: MessageBytes) throws {
        guard message.count == 1, message[0] <= 1 else {
            throw UnexpectedMessage("expected one byte, 0 or 1, got \(message.count) bytes")
        }
        self = message[0] == 1
    }
}

/// What all integers share; not for use elsewhere.
extension FixedWidthInteger where Self: BitwiseCopyable {
    fileprivate init(littleEndianBytes message: MessageBytes) throws {
        let size = MemoryLayout<Self>.size
        guard message.count == size else {
            throw UnexpectedMessage("expected the \(size) bytes of \(Self.self), got \(message.count)")
        }
        self = message.withUnsafeBytes { Self(littleEndian: $0.loadUnaligned(as: Self.self)) }
    }
}

extension Int8: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension Int16: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension Int32: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension Int64: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension Int: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension UInt8: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension UInt16: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension UInt32: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension UInt64: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}

extension UInt: ChanElement {
    /// Appends the integer, least significant byte first.
    public func encode(into message: inout MessageWriter) { message.append(littleEndian: self) }
    /// Reads exactly as many bytes as the type has.
    public init(decoding message: MessageBytes) throws { try self.init(littleEndianBytes: message) }
}
