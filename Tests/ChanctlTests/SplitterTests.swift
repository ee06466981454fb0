// SPDX-License-Identifier: Apache-2.0

import Testing
import chanctl

/// Standard input is cut in the same way however it comes in.
@Suite struct SplitterTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let framing: InputFraming
        let input: [UInt8]
        let messages: [[UInt8]]
        var testDescription: String { "\(framing), \(input.count) bytes" }

        init(_ framing: InputFraming, _ input: String, _ messages: [String]) {
            self.framing = framing
            self.input = Array(input.utf8)
            self.messages = messages.map { Array($0.utf8) }
        }

        init(_ framing: InputFraming, bytes: [UInt8], _ messages: [[UInt8]]) {
            (self.framing, input, self.messages) = (framing, bytes, messages)
        }
    }

    static let cases: [Case] = [
        Case(.lines, "", []),
        Case(.lines, "\n", [""]),
        Case(.lines, "one", ["one"]),
        Case(.lines, "one\n", ["one"]),
        Case(.lines, "one\n\ntwo\r\n\u{0}\nlast", ["one", "", "two\r", "\u{0}", "last"]),
        Case(.null, "", []),
        Case(.null, "a\u{0}b\nc\u{0}\u{0}d", ["a", "b\nc", "", "d"]),
        Case(.chunks(1), "abc", ["a", "b", "c"]),
        Case(.chunks(3), "abcdefgh", ["abc", "def", "gh"]),
        Case(.chunks(3), "abcdef", ["abc", "def"]),
        Case(.chunks(100), "abc", ["abc"]),
        Case(.chunks(3), "", []),
        Case(.whole, "", [""]),
        Case(.whole, "a\nb\u{0}", ["a\nb\u{0}"]),
        Case(.lengthPrefixed, bytes: [], []),
        Case(.lengthPrefixed, bytes: lengthPrefixed([[]]), [[]]),
        Case(
            .lengthPrefixed, bytes: lengthPrefixed([[1], [], [0, 0, 0, 0, 10], Array(0...99)]),
            [[1], [], [0, 0, 0, 0, 10], Array(0...99)]),
    ]

    /// Cuts an input that comes in the given pieces.
    static func split(
        _ framing: InputFraming, _ pieces: [ArraySlice<UInt8>], limit: Int = 1000
    ) -> (messages: [[UInt8]], fault: InputFault?) {
        var splitter = InputSplitter(framing, maxMessageBytes: limit)
        var messages: [[UInt8]] = []
        for piece in pieces where !piece.isEmpty { messages += splitter.push(Array(piece)).map { Array($0) } }
        messages += splitter.finish().map { Array($0) }
        return (messages, splitter.fault)
    }

    @Test(arguments: cases)
    func inOnePiece(_ test: Case) {
        let result = Self.split(test.framing, [test.input[...]])
        #expect(result.messages == test.messages)
        #expect(result.fault == nil)
    }

    @Test(arguments: cases)
    func atEveryPairOfPlaces(_ test: Case) {
        let input = test.input
        for first in 0...input.count {
            for second in first...input.count {
                let pieces = [input[..<first], input[first..<second], input[second...]]
                let result = Self.split(test.framing, pieces)
                guard result.messages == test.messages, result.fault == nil else {
                    Issue.record("cut at \(first) and \(second): \(result)")
                    return
                }
            }
        }
    }

    @Test(arguments: cases)
    func byteByByte(_ test: Case) {
        let result = Self.split(test.framing, test.input.indices.map { test.input[$0...$0] })
        #expect(result.messages == test.messages)
    }

    @Test(arguments: [InputFraming.lines, .null, .whole])
    func theLimitItselfIsAllowed(_ framing: InputFraming) {
        let message = [UInt8](repeating: 65, count: 10)
        let result = Self.split(framing, [message[...]], limit: 10)
        #expect(result.messages == [message])
        #expect(result.fault == nil)
    }

    @Test func tooLongIsAFaultWherever() {
        let good = Array("good\n".utf8)
        let long = [UInt8](repeating: 65, count: 11)
        for end in [[], [10]] as [[UInt8]] {
            let input = good + long + end + Array("more\n".utf8)
            for place in 0...input.count {
                let result = Self.split(.lines, [input[..<place], input[place...]], limit: 10)
                #expect(result.messages == [Array("good".utf8)])
                #expect(result.fault?.code == "messageTooLarge")
                #expect(result.fault?.description.contains("message 2 ") == true)
            }
        }
    }

    @Test func aLengthOverTheLimitIsAFaultAtOnce() {
        var splitter = InputSplitter(.lengthPrefixed, maxMessageBytes: 10)
        #expect(splitter.push([1, 0, 0, 0, 7, 11, 0, 0, 0]).map { Array($0) } == [[7]])
        #expect(splitter.fault?.code == "messageTooLarge")
        #expect(splitter.push([1, 0, 0, 0, 7]).isEmpty)
        #expect(splitter.finish().isEmpty)
    }

    @Test func anEndInsideOfAMessageIsAFault() {
        let whole = lengthPrefixed([[1, 2], [3, 4, 5]])
        for count in 1..<whole.count where count != 6 {
            let result = Self.split(.lengthPrefixed, [whole[..<count]])
            #expect(result.messages == (count > 6 ? [[1, 2]] : []))
            #expect(result.fault?.code == "truncatedInput")
        }
    }

    @Test func aLongMessageInManyPiecesCostsNoTimeThatGrowsWithItsSquare() {
        // 16 MiB in pieces of 4 KiB: copying all of it each time would move 32 GiB.
        var splitter = InputSplitter(.lines, maxMessageBytes: 16 << 20)
        let piece = [UInt8](repeating: 65, count: 4096)
        for _ in 0..<4096 { #expect(splitter.push(piece).isEmpty) }
        #expect(splitter.push([10]).first?.count == 16 << 20)
    }
}
