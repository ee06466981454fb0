// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Turns elements into the bytes of messages and back.
///
/// A codec is used by many tasks at a time, and mostly on the client's loop thread: it must be quick and must
/// not block. What it throws reaches the caller in a ``ChandError`` that names the channel.
public protocol ChanCodec<Element>: Sendable {
    /// What a channel with this codec carries.
    associatedtype Element: Sendable

    /// Appends the bytes of one element to a message, which is empty at first and may remain so.
    func encode(_ element: Element, into message: inout MessageWriter) throws

    /// Makes an element of a whole message.
    ///
    /// If it throws, the message goes back to its channel, marked as redelivered (rule 18).
    func decode(_ message: MessageBytes) throws -> Element
}

extension ChanCodec {
    /// The whole message for an element; for tests of codecs, and for those that contain others.
    public func message(for element: Element) throws -> MessageBytes {
        var writer = MessageWriter()
        try encode(element, into: &writer)
        guard writer.passed.isEmpty else {
            throw UnexpectedMessage("the element passes channels, which bytes alone can't")
        }
        return writer.bytes.withReadable { MessageBytes($0) }
    }
}

/// A message that is not what the codec expects.
public struct UnexpectedMessage: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was expected and what was there.
    public let description: String

    /// Says what was expected and what was there.
    public init(_ description: String) { self.description = description }
}

/// A codec without its type, as a channel keeps it.
@usableFromInline
struct ElementCodec<Element: Sendable>: Sendable {
    let encode: @Sendable (Element, inout MessageWriter) throws -> Void
    @usableFromInline let decode: @Sendable (MessageBytes) throws -> Element

    init(
        encode: @escaping @Sendable (Element, inout MessageWriter) throws -> Void,
        decode: @escaping @Sendable (MessageBytes) throws -> Element
    ) {
        self.encode = encode
        self.decode = decode
    }

    init(_ codec: some ChanCodec<Element>) {
        encode = { element, message in try codec.encode(element, into: &message) }
        decode = { message in try codec.decode(message) }
    }
}

extension ElementCodec where Element: ChanElement {
    init(native: Element.Type) {
        encode = { element, message in try element.encode(into: &message) }
        decode = { message in try Element(decoding: message) }
    }
}
