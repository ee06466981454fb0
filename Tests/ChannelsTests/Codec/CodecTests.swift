// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@testable import Channels

/// The bytes of every element type that the library knows, and what it refuses.
@Suite struct CodecTests {
    private func bytes<Element>(_ codec: ElementCodec<Element>, _ element: Element) throws -> [UInt8] {
        var writer = MessageWriter()
        try codec.encode(element, &writer)
        return writer.bytes.withReadable { [UInt8]($0) }
    }

    private func check<Element: ChanElement & Equatable>(_ element: Element, _ expected: [UInt8]) throws {
        let codec = ElementCodec(native: Element.self)
        #expect(try bytes(codec, element) == expected)
        #expect(try codec.decode(MessageBytes(expected)) == element)
    }

    @Test func integersAreLittleEndianOfTheirWidth() throws {
        try check(Int8(-2), [0xfe])
        try check(UInt8(200), [200])
        try check(Int16(-2), [0xfe, 0xff])
        try check(UInt16(0x1234), [0x34, 0x12])
        try check(Int32(0x0102_0304), [4, 3, 2, 1])
        try check(UInt32.max, [255, 255, 255, 255])
        try check(Int64(1), [1, 0, 0, 0, 0, 0, 0, 0])
        try check(UInt64(0x0807_0605_0403_0201), [1, 2, 3, 4, 5, 6, 7, 8])
        try check(-1, [UInt8](repeating: 255, count: 8))
        try check(UInt(258), [2, 1, 0, 0, 0, 0, 0, 0])
    }

    @Test func truthIsOneByte() throws {
        try check(true, [1])
        try check(false, [0])
        let codec = ElementCodec(native: Bool.self)
        #expect(throws: UnexpectedMessage.self) { try codec.decode([2]) }
        #expect(throws: UnexpectedMessage.self) { try codec.decode([]) }
        #expect(throws: UnexpectedMessage.self) { try codec.decode([0, 0]) }
    }

    @Test func textIsUTF8() throws {
        try check("", [])
        try check("aé", [0x61, 0xc3, 0xa9])
        #expect(throws: UnexpectedMessage.self) { try ElementCodec(native: String.self).decode([0xff]) }
    }

    @Test func bytesAreThemselves() throws {
        try check([UInt8](), [])
        try check([1, 2, 3] as [UInt8], [1, 2, 3])
        try check([9, 8] as MessageBytes, [9, 8])
    }

    @Test func integersOfAnotherWidthAreRefused() {
        #expect(throws: UnexpectedMessage.self) { try ElementCodec(native: Int32.self).decode([1, 2, 3]) }
        #expect(throws: UnexpectedMessage.self) { try ElementCodec(native: Int.self).decode([]) }
    }

    private struct Job: Codable, Equatable, Sendable {
        var number: Int
        var words: [String]
    }

    @Test func codableIsJSON() throws {
        let codec = ElementCodec(JSONCodec(for: Job.self))
        let job = Job(number: 1, words: ["a", "ü"])
        let message = try bytes(codec, job)
        #expect(message.first == UInt8(ascii: "{"))
        #expect(try codec.decode(MessageBytes(message)) == job)
        #expect(throws: (any Error).self) { try codec.decode([0x7b]) }
        #expect(try JSONCodec(for: [Int].self).message(for: [1, 2]) == MessageBytes("[1,2]".utf8))
        #expect(try bytes(ElementCodec(JSONCodec(for: Double.self)), 1.5) == Array("1.5".utf8))
    }

    @Test func aWriterCountsOneMessageOnly() {
        var writer = MessageWriter()
        writer.append(1)
        writer.append(contentsOf: [2, 3])
        writer.beginMessage()
        #expect(writer.count == 0)
        writer.append(littleEndian: UInt16(5))
        writer.append(contentsOf: sequence(first: UInt8(1)) { $0 < 3 ? $0 + 1 : nil })
        #expect(writer.count == 5)
        let all = writer.bytes.withReadable { [UInt8]($0) }
        #expect(all == [1, 2, 3, 5, 0, 1, 2, 3])
    }

    @Test func messagesAreCollections() {
        let message = MessageBytes([1, 2, 3, 4] as [UInt8])
        #expect(Array(message.dropFirst()) == [2, 3, 4])
        #expect(message == [1, 2, 3, 4])
        #expect(message != [1, 2, 3])
        #expect(Set([message, [1, 2, 3, 4]]).count == 1)
        #expect(message.last == 4)
    }
}
