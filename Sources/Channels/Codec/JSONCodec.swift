// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Sends any `Codable` type as JSON: what a channel does for types that have no bytes of their own.
///
/// Dates, data and so on look as Foundation's `JSONEncoder` writes them by default; keys come in no order. A ``Chan``
/// in the element is passed with the message, and its place stands in the JSON.
public struct JSONCodec<Element: Codable & Sendable>: ChanCodec {
    private let coding = JSONCoding()

    /// Makes a codec for a type.
    public init(for type: Element.Type = Element.self) {}

    /// Appends the element as JSON.
    public func encode(_ element: Element, into message: inout MessageWriter) throws {
        try coding.encode(element, into: &message)
    }

    /// Reads an element from JSON.
    public func decode(_ message: MessageBytes) throws -> Element {
        try coding.decode(Element.self, from: message)
    }
}

/// Codes whatever can be coded.
struct JSONCoding: Sendable {
    private let encoder = JSONEncoder()
    private let decoder = JSONDecoder()

    /// Appends an element, and lets the message pass the channels in it.
    func encode(_ element: some Encodable, into message: inout MessageWriter) throws {
        do {
            message.append(contentsOf: try encoder.encode(element))
        } catch is PassesChannels {
            // An encoder shared by threads can't know one message: this one is for one message only.
            let passing = PassingEncoder()
            let encoder = JSONEncoder()
            encoder.userInfo[PassingEncoder.key] = passing
            message.append(contentsOf: try encoder.encode(element))
            message.passed = passing.channels
        }
    }

    /// Reads an element, with the channels that the message passes.
    func decode<Element: Decodable>(_ type: Element.Type, from message: MessageBytes) throws -> Element {
        var decoder = decoder
        if message.channelCount > 0 {
            decoder = JSONDecoder()
            decoder.userInfo[PassingDecoder.key] = message
        }
        return try decoder.decode(type, from: message.withUnsafeBytes { Data($0) })
    }
}

extension ElementCodec {
    /// How elements of the type are coded where nobody says: as ``ChanElement``, or else as JSON.
    ///
    /// - Throws: ``UnexpectedMessage`` where the type is neither.
    static func natural() throws -> ElementCodec {
        if let native = Element.self as? any ChanElement.Type,
            let codec = native.nativeCodec as? ElementCodec
        {
            return codec
        }
        guard Element.self is any Codable.Type else {
            throw UnexpectedMessage("a channel of \(Element.self) needs a codec, and can't be passed")
        }
        let coding = JSONCoding()
        return ElementCodec(
            encode: { element, message in
                guard let element = element as? any Encodable else {
                    preconditionFailure("\(Element.self) is Codable")
                }
                try coding.encode(element, into: &message)
            },
            decode: { message in
                guard let codable = Element.self as? any Decodable.Type,
                    let element = try coding.decode(codable, from: message) as? Element
                else { preconditionFailure("\(Element.self) is Codable") }
                return element
            })
    }
}

extension ChanElement {
    fileprivate static var nativeCodec: Any { ElementCodec(native: Self.self) }
}
