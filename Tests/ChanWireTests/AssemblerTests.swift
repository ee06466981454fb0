// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanWire
import Testing

/// What the assembler refuses, keeps and lets go.
@Suite struct AssemblerTests {
    private static func feed(
        _ assembler: inout FrameAssembler, _ bytes: [UInt8], failing type: FrameType? = nil
    ) -> (types: [UInt8], fault: WireFault?) {
        var types: [UInt8] = []
        let fault: WireFault? = bytes.withUnsafeBytes { piece in
            do throws(WireFault) {
                _ = try assembler.feed(piece) { frame throws(WireFault) in
                    let header = frame.header
                    types.append(header.rawType)
                    if header.type == type { throw WireFault(.malformed, "the session's own fault") }
                }
                return nil
            } catch {
                return error
            }
        }
        return (types, fault)
    }

    private static func header(length: UInt32) -> [UInt8] {
        var header = FrameHeader(.ping, request: 1)
        header.length = length
        return Frames.array(FrameHeader.byteCount) { header.write(to: $0) }
    }

    @Test func aBodyOfTheLimitPassesAndOneByteMoreDoesNot() {
        var assembler = FrameAssembler(maxBodyBytes: 256)
        let most = SimpleFrame.ping(request: 1, payload: [UInt8](repeating: 0, count: 256))
        #expect(Self.feed(&assembler, most).fault == nil)
        let over = Self.feed(&assembler, Self.header(length: 257))
        #expect(over.fault?.code == .frameTooLarge)
        #expect(over.fault?.text.contains("257") == true)
        #expect(assembler.pendingBytes == 0)
    }

    /// 4 GiB would be noticed; and the fault comes with the header's last byte, not with the body's.
    @Test(arguments: [UInt32(257), 1 << 24, .max])
    func anOversizeHeaderIsRefusedBeforeAllocation(length: UInt32) {
        for cut in 0...FrameHeader.byteCount {
            var assembler = FrameAssembler(maxBodyBytes: 256)
            let header = Self.header(length: length)
            var fault = Self.feed(&assembler, Array(header[..<cut])).fault
            #expect((fault == nil) == (cut < FrameHeader.byteCount))
            if fault == nil { fault = Self.feed(&assembler, Array(header[cut...])).fault }
            #expect(fault?.code == .frameTooLarge, "cut at \(cut)")
            #expect(assembler.directTarget() == nil)
            #expect(assembler.pendingBytes <= FrameHeader.byteCount)
        }
    }

    @Test func nothingBehindAFaultIsLookedAt() {
        var assembler = FrameAssembler(maxBodyBytes: 256)
        let good = SimpleFrame.leave()
        let header = Self.feed(&assembler, good + Self.header(length: 300) + good)
        #expect(header.types == [FrameType.leave.rawValue])
        #expect(header.fault?.code == .frameTooLarge)

        var another = FrameAssembler(maxBodyBytes: 256)
        let frame = SimpleFrame.cancel(request: 1)
        let body = Self.feed(&another, good + frame + good + good, failing: .cancel)
        #expect(body.types == [FrameType.leave, .cancel].map(\.rawValue))
        #expect(body.fault?.text == "the session's own fault")
        #expect(another.pendingBytes == 0)

        var split = FrameAssembler(maxBodyBytes: 256)
        _ = Self.feed(&split, Array(frame[..<7]))
        let late = Self.feed(&split, Array(frame[7...]) + good, failing: .cancel)
        #expect(late.types == [FrameType.cancel.rawValue])
        #expect(late.fault != nil)
    }

    @Test func aStoredHeaderOverTheLimitIsRefusedEveryTime() {
        var assembler = FrameAssembler(maxBodyBytes: 256)
        let header = Self.header(length: 300)
        _ = Self.feed(&assembler, Array(header[..<10]))
        for _ in 0..<3 {
            let again = Self.feed(&assembler, Array(header[10...]) + SimpleFrame.leave())
            #expect(again.fault?.code == .frameTooLarge)
            #expect(again.types.isEmpty)
        }
    }

    @Test func onlyTheFirstFrameHasTheLimitOfTheHandshake() {
        let first = SimpleFrame.ping(request: 1, payload: [UInt8](repeating: 0, count: 256))
        let second = SimpleFrame.ping(request: 2, payload: [UInt8](repeating: 0, count: 257))
        let stream = first + second
        for cut in 0...stream.count {
            var assembler = FrameAssembler(maxBodyBytes: 1000, firstBodyBytes: 256)
            let before = Self.feed(&assembler, Array(stream[..<cut]))
            let after = Self.feed(&assembler, Array(stream[cut...]))
            #expect(before.fault == nil && after.fault == nil, "cut at \(cut)")
            #expect(before.types.count + after.types.count == 2)
        }
        for cut in 0...second.count {
            var assembler = FrameAssembler(maxBodyBytes: 1000, firstBodyBytes: 256)
            let before = Self.feed(&assembler, Array(second[..<cut]))
            let fault = before.fault ?? Self.feed(&assembler, Array(second[cut...])).fault
            #expect(fault?.code == .frameTooLarge, "cut at \(cut)")
        }
    }

    @Test func emptyPiecesAndFramesWithoutABody() {
        var assembler = FrameAssembler(maxBodyBytes: 0)
        #expect(Self.feed(&assembler, []).types.isEmpty)
        let frame = SimpleFrame.leave()
        #expect(Self.feed(&assembler, frame + frame).types.count == 2)
        for byte in frame.dropLast() { #expect(Self.feed(&assembler, [byte]).types.isEmpty) }
        #expect(assembler.pendingBytes == 15)
        #expect(Self.feed(&assembler, []).types.isEmpty)
        #expect(Self.feed(&assembler, [frame[15]]).types == [FrameType.leave.rawValue])
        #expect(assembler.pendingBytes == 0)
    }

    @Test func onlyLargeBodiesAreReceivedDirectly() {
        let edge = FrameAssembler.directBodyBytes
        for (count, direct) in [(100, false), (edge - 17, false), (edge, true), (edge * 2, true)] {
            var assembler = FrameAssembler(maxBodyBytes: edge * 2)
            let frame = SimpleFrame.ping(request: 1, payload: [UInt8](repeating: 0, count: count))
            #expect(assembler.directTarget() == nil)
            _ = Self.feed(&assembler, Array(frame[..<15]))
            #expect(assembler.directTarget() == nil)
            _ = Self.feed(&assembler, Array(frame[15..<20]))
            #expect(assembler.pendingBytes == 20)
            #expect(assembler.directTarget()?.count == (direct ? count - 4 : nil))
        }
    }
}
