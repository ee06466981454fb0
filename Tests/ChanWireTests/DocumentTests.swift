// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// docs/protocol.md names what ChanWire has, with the same numbers.
@Suite struct DocumentTests {
    private static func lines() throws -> [Substring] {
        try #require(Transcript.read("docs/protocol.md"))
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Blocks that begin with ```` ```transcript ```` are transcripts of the file, line by line.
    @Test func theTranscriptsInTheDocumentAreThoseOfTheFile() throws {
        let transcripts = try TranscriptTests.transcripts()
        var block: [String]?
        var shown = 0
        for line in try Self.lines() {
            if line == "```transcript" {
                block = []
            } else if line == "```", let text = block {
                let same = transcripts.first { $0.text == text }
                #expect(same != nil, "\(text.first ?? "an empty block") is not in the file")
                shown += 1
                block = nil
            } else if block != nil {
                block?.append(String(line))
            }
        }
        #expect(shown >= 5)
    }

    private static func hasRow(_ cells: [String], in lines: [Substring]) -> Bool {
        let row = "| " + cells.joined(separator: " | ") + " |"
        return lines.contains { $0.hasPrefix(row) }
    }

    @Test func everyNumberHasItsRow() throws {
        let lines = try Self.lines()
        for type in FrameType.allCases {
            let name = "\(type)".reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
            let number = (type.rawValue < 16 ? "0x0" : "0x") + String(type.rawValue, radix: 16)
            #expect(Self.hasRow(["`\(number)`", name], in: lines), "\(name)")
            #expect(lines.contains { $0.hasPrefix("#") && $0.contains(name) }, "\(name) has no section")
        }
        for code in FailureCode.allCases {
            #expect(Self.hasRow(["\(code.rawValue)", "\(code)"], in: lines), "\(code)")
        }
        for code in CloseCode.allCases {
            #expect(code.rawValue >= CloseCode.first)
            #expect(Self.hasRow(["\(code.rawValue)", "\(code)"], in: lines), "\(code)")
        }
        for code in GoodbyeCode.allCases {
            #expect(Self.hasRow(["\(code.rawValue)", "\(code)"], in: lines), "\(code)")
        }
    }
}
