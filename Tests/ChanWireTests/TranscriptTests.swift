// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanTestSupport
import ChanWire
import Testing

/// The transcripts are frames that ChanWire reads and writes, and the document shows the same ones.
@Suite struct TranscriptTests {
    static func transcripts() throws -> [Transcript] {
        try Transcript.parse(#require(Transcript.read("docs/protocol-transcripts.txt")))
    }

    private static func header(of step: Transcript.Step) -> FrameHeader? {
        guard step.bytes.count >= FrameHeader.byteCount else { return nil }
        return step.bytes.withUnsafeBytes { $0.baseAddress.map { FrameHeader(reading: $0) } }
    }

    /// `CLOSE_HANDLE` for `closeHandle`.
    private static func name(of type: FrameType?) -> String {
        guard let type else { return "UNKNOWN" }
        return "\(type)".reduce(into: "") { $0 += $1.isUppercase ? "_\($1)" : $1.uppercased() }
    }

    @Test func everyFrameIsWhatItsNameSays() throws {
        var types: Set<FrameType> = []
        for transcript in try Self.transcripts() {
            for step in transcript.steps where step.name != "EOF" {
                let header = try #require(Self.header(of: step), "line \(step.line)")
                #expect(Self.name(of: header.type) == step.name, "line \(step.line)")
                #expect((header.rawType & 0x80 != 0) == (step.side != .client) || step.name == "DONE")
                if let type = header.type { types.insert(type) }
            }
        }
        #expect(types == Set(FrameType.allCases))
    }

    /// All frames but the violations, which end in GOODBYE, are encoded to the very bytes that were read.
    @Test func everyFrameIsEncodedToItsBytes() throws {
        for transcript in try Self.transcripts() {
            for step in transcript.steps where step.name != "EOF" && step.name != "UNKNOWN" {
                let isViolation = transcript.name.hasPrefix("goodbye-") && step.side == .client
                if isViolation { continue }
                let again = try Reencoding.frame(step.bytes)
                #expect(again == step.bytes, "line \(step.line)")
            }
        }
    }

    /// What can be seen from a frame alone has the code that the daemon's GOODBYE has.
    @Test func violationsGiveTheCodeOfTheirGoodbye() throws {
        let seenInTheFrame: Set = ["magic", "large-hello", "oversize", "unknown", "truncated", "excess"]
        var seen: Set<String> = []
        for transcript in try Self.transcripts() where transcript.name.hasPrefix("goodbye-") {
            let last = try #require(transcript.steps.last { $0.side == .client })
            let goodbye = try #require(transcript.steps.last { $0.name == "GOODBYE" })
            let limit = transcript.isGreeted ? 1_052_672 : WireLimits.maxHandshakeBodyBytes
            let fault: WireFault? = last.bytes.withUnsafeBytes { bytes in
                do throws(WireFault) {
                    var assembler = FrameAssembler(maxBodyBytes: limit)
                    _ = try assembler.feed(bytes) { frame throws(WireFault) in
                        let header = frame.header
                        let body = frame.body
                        _ = try Reencoding.reencoded(header, body)
                    }
                    return nil
                } catch {
                    return error
                }
            }
            let name = String(transcript.name.dropFirst("goodbye-".count))
            if let fault {
                #expect(fault.code.rawValue == Self.header(of: goodbye)?.field, "\(name)")
                seen.insert(name)
            }
            #expect(transcript.steps.last?.name == "EOF", "\(name)")
        }
        #expect(seen == seenInTheFrame)
    }

    /// Frames that ask for no outcome and are none.
    private static let silent: Set = [
        "HELLO", "LEAVE", "CANCEL", "SETTLE", "GIVE_BACK", "RECEIPT", "DEAD_LETTER", "UNKNOWN", "WELCOME",
        "GOODBYE",
    ]

    /// Every request gets one outcome, of a kind that its own kind allows, unless the session ends first; what has
    /// the flag `more`, and EVENTS, is a part of one.
    @Test func everyRequestHasOneOutcome() throws {
        for transcript in try Self.transcripts() where !transcript.name.hasPrefix("goodbye-") {
            var open: Set<UInt64> = []
            for step in transcript.steps where step.name != "EOF" {
                let header = try #require(Self.header(of: step))
                if Self.silent.contains(step.name) { continue }
                if step.side == .client {
                    #expect(open.insert(header.request).inserted, "line \(step.line)")
                } else if step.name == "EVENTS"
                    || (["RECEIVED", "WON"].contains(step.name) && header.flags & Received.moreFlag != 0)
                {
                    #expect(open.contains(header.request), "line \(step.line)")
                } else {
                    let run = step.name == "SENT" ? UInt64(step.bytes[16]) : 1
                    for request in header.request..<header.request + run {
                        #expect(open.remove(request) != nil, "line \(step.line)")
                    }
                }
            }
            #expect(open.isEmpty, "\(transcript.name): \(open)")
        }
    }

    /// Only what the daemon sends has bytes of the daemon's choice, and a handle is used after it was given.
    @Test func wildcardsAndHandles() throws {
        for transcript in try Self.transcripts() {
            var known: [String: [UInt8]] = [:]
            for step in transcript.steps {
                #expect(step.side != .client || !step.isChosen.contains(true), "line \(step.line)")
                #expect(!step.isOpenEnded || step.isChosen.last == true, "line \(step.line)")
                for handle in step.handles {
                    let bytes = Array(step.bytes[handle.offset..<handle.offset + 4])
                    // A delivery offers handles behind its messages.
                    let isOffered =
                        step.name == "RECEIVED" && handle.offset >= 32 && known[handle.name] == nil
                    if step.name == "OPENED" || isOffered { known[handle.name] = bytes }
                    #expect(known[handle.name] == bytes, "line \(step.line)")
                }
            }
        }
    }
}
