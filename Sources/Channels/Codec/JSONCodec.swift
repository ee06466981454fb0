// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Sends any `Codable` type as JSON: what a channel does for types that have no bytes of their own.
///
/// Dates, data and so on look as Foundation's `JSONEncoder` writes them by default; keys come in no order.
public struct JSONCodec<Element: Codable & Sendable>: ChanCodec {
    private let encoder = JSONEncoder()
    private let decoder = JSONDecoder()

    /// Makes a codec for a type.
    public init(for type: Element.Type = Element.self) {}

    /// Appends the element as JSON.
    public func encode(_ element: Element, into message: inout MessageWriter) throws {
        message.append(contentsOf: try encoder.encode(element))
    }

    /// Reads an element from JSON.
    public func decode(_ message: MessageBytes) throws -> Element {
        try decoder.decode(Element.self, from: message.withUnsafeBytes { Data($0) })
    }
}
