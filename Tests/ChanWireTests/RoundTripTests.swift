// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanWire
import Testing

/// Every frame says the same after it was written and read.
@Suite struct RoundTripTests {
    @Test func theCorpusIsEncodedToTheSameBytes() throws {
        for (index, frame) in Corpus.small.enumerated() {
            let again = try Reencoding.frame(frame)
            #expect(again == frame, "frame \(index) of type \(frame[4])")
        }
    }

    @Test func largeFramesAreEncodedToTheSameBytes() throws {
        for frame in Corpus.large.suffix(2) {
            let again = try Reencoding.frame(frame)
            #expect(again == frame)
        }
    }

    @Test func headers() {
        let header = FrameHeader(
            .giveBack, length: 0x0102_0304, flags: 5, field: 0x0607, request: 0x08090A0B0C0D0E0F)
        let bytes = Frames.array(17) { header.write(to: $0 + 1) }
        #expect(bytes == [0, 4, 3, 2, 1, 0x0A, 5, 7, 6, 15, 14, 13, 12, 11, 10, 9, 8])
        bytes.withUnsafeBytes { buffer in
            if let base = buffer.baseAddress { #expect(FrameHeader(reading: base + 1) == header) }
        }
    }

    @Test func unknownCodesAreKept() throws {
        var goodbye = Goodbye(.refused, "x")
        goodbye.rawCode = 9999
        var failed = Failed(.closed, text: "x")
        failed.rawCode = 9999
        #expect(goodbye.code == nil && failed.code == nil)
        #expect(try Reencoding.frame(goodbye.encoded()) == goodbye.encoded())
        #expect(try Reencoding.frame(failed.encoded(request: 1)) == failed.encoded(request: 1))
    }

    @Test func valuesOfOpen() throws {
        var open = OpenRequest(name: "jobs", role: .receive)
        open.capacity = .min
        open.typeTag = ""
        open.closeWithLastSender = false
        open.group = 7
        open.mustExist = true
        let header = FrameHeader(.open, flags: 2)
        let read = try open.encoded(request: 1).dropFirst(16).withUnsafeBytes { body in
            try OpenRequest(header, reading: body)
        }
        #expect(read == open)
        #expect(read.failWithLastReceiver == nil && read.mode == nil && read.owner == nil)
    }

    @Test func theLongestMessageOfASend() throws {
        let frame = Frames.send(request: 1, handle: 2, [[1], [], [1, 2, 3], [4]])
        try frame.dropFirst(16).withUnsafeBytes { body in
            var send = try SendRequest(reading: body)
            #expect(try send.validate() == (3, 5))
            #expect(send.count == 4 && send.handle == 2)
            #expect(Array(try send.next()) == [1])
            #expect(try send.next().isEmpty)
        }
    }

    @Test func longTextsAreCutAtACharacter() {
        func written(_ text: String) -> [UInt8] {
            var writer = WireWriter(.remove)
            writer.string(text)
            return Array(writer.finish().dropFirst(18))
        }
        #expect(written(String(repeating: "a", count: 65_535)).count == 65_535)
        #expect(written(String(repeating: "a", count: 2 << 20)).count == 65_535)
        let wide = written(String(repeating: "ä", count: 40_000))
        #expect(wide.count == 65_534)
        #expect(String(validating: wide, as: UTF8.self)?.count == 32_767)
        #expect(written("a" + String(repeating: "\u{301}", count: 40_000)).count == 65_535)
        #expect(written("") == [])
    }
}
