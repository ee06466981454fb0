// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing
import chanctl

/// How messages, texts and tables are written.
@Suite struct FormatTests {
    static func shown(_ format: MessageFormat, _ message: [UInt8]) -> String {
        var output: [UInt8] = []
        format.append(message, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test(arguments: [
        ("hello", #""hello""#), ("", #""""#), ("a\"b\\c", #""a\"b\\c""#), ("a\nb\tc\r", #""a\nb\tc\r""#),
        ("\u{1B}[31m", #""\x1b[31m""#), ("ünï", #""ünï""#), ("\u{7F}", #""\x7f""#),
        ("\u{9B}1m", #""\xc2\x9b1m""#),
        ("a\u{202E}b", #""a\xe2\x80\xaeb""#), ("a\u{0}b", #""a\x00b""#),
    ])
    func quotesMakeEverythingVisible(text: String, shown: String) {
        #expect(Self.shown(.quoted, Array(text.utf8)) == shown + "\n")
    }

    @Test func brokenTextIsQuotedByteByByte() {
        #expect(Self.shown(.quoted, [0x61, 0xff, 0xc3, 0x22]) == #""a\xff\xc3\"""# + "\n")
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func base64AsInItsStandard(text: String, shown: String) {
        #expect(Self.shown(.base64, Array(text.utf8)) == shown + "\n")
    }

    @Test func base64IsWhatFoundationReads() {
        var random = SeededNumbers(7)
        for length in 0..<200 {
            let message = random.bytes(length)
            let line = Self.shown(.base64, message).dropLast()
            #expect(Data(base64Encoded: String(line)).map { [UInt8]($0) } == message)
        }
    }

    @Test func everyByteSurvivesTheExactFormats() {
        let all = [UInt8](0...255)
        var raw: [UInt8] = []
        MessageFormat.raw.append(all, to: &raw)
        #expect(raw == all)
        var lines: [UInt8] = []
        MessageFormat.lines.append(all[...], to: &lines)
        #expect(lines == all + [10])
        #expect(Self.shown(.hex, all) == String(decoding: hexLines([all]), as: UTF8.self))
    }

    @Test func jsonHasTextOrBase64() throws {
        #expect(Self.shown(.json, Array("a\"\n\u{1B}é".utf8)) == #"{"bytes":6,"text":"a\"\n\u001bé"}"# + "\n")
        #expect(Self.shown(.json, [0xff]) == #"{"bytes":1,"base64":"/w=="}"# + "\n")
    }

    @Test func jsonIsWhatFoundationReads() throws {
        let text = String(String.UnicodeScalarView((0...0x3FF).compactMap { Unicode.Scalar($0 as UInt32) }))
        let value: JSON = [
            "a\"b": .string(text), "n": .null, "t": .bool(true), "i": .number(-5), "u": .unsigned(.max),
            "r": .real(1e-9), "list": .array([.number(1), .object([])]), "bad": .real(.nan),
        ]
        let read = try #require(
            try JSONSerialization.jsonObject(with: Data(value.description.utf8)) as? [String: Any])
        #expect(read["a\"b"] as? String == text)
        #expect(read["r"] as? Double == 1e-9)
        #expect(read["u"] as? UInt64 == .max)
        #expect(read["bad"] is NSNull)
        #expect((read["list"] as? [Any])?.count == 2)
    }

    @Test func tablesAreAligned() {
        var table = Table([.init("NAME"), .init("N", isNumeric: true), .init("STATE")])
        table.add(["a", .init("7"), .init("open", .good)])
        table.add(["longer", .init("1234"), ""])
        let plain = ["NAME       N  STATE", "a          7  open", "longer  1234  "]
        #expect(table.lines(Style(isColoured: false)) == plain)
        let coloured = table.lines(Style(isColoured: true))
        #expect(coloured[1].hasSuffix("\u{1B}[32mopen\u{1B}[0m"))
        #expect(coloured[0].hasPrefix("\u{1B}[1mNAME\u{1B}[0m  "))
    }

    @Test func cellsCannotChangeTheTerminal() {
        var table = Table([.init("X")])
        table.add([.init("a\u{1B}[2J\nb")])
        #expect(table.lines(Style(isColoured: false))[1] == #"a\x1b[2J\nb"#)
    }

    @Test func instantsAreShownInUniversalTime() {
        #expect(WallClock.universal(.milliseconds(1_770_091_506_007)) == "2026-02-03T04:05:06.007Z")
        #expect(WallClock.universal(.zero) == "1970-01-01T00:00:00.000Z")
    }
}
