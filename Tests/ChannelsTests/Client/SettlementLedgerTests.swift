// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire
import Testing

@testable import Channels

/// What is known of deliveries becomes as few ranges as possible.
@Suite struct SettlementLedgerTests {
    private struct Written: Equatable {
        var type: FrameType
        var seen: Bool
        var ranges: [DeliveryRange]
    }

    private func written(_ ledger: inout SettlementLedger) throws -> [Written] {
        var output = GrowableBytes()
        ledger.write(to: &output)
        #expect(ledger.isEmpty == true)
        var frames: [Written] = []
        let bytes = output.withReadable { [UInt8]($0) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let frame = Array(rest)
            let header = try #require(
                try frame.withUnsafeBytes { try FrameAssembler.header(in: $0, maxBodyBytes: 1 << 20) })
            let ranges = try frame.withUnsafeBytes { bytes in
                var reader = WireReader(UnsafeRawBufferPointer(rebasing: bytes[16..<16 + Int(header.length)]))
                var ranges: [DeliveryRange] = []
                while reader.remaining > 0 { ranges.append(try DeliveryRange(reading: &reader)) }
                return ranges
            }
            let seen = header.flags & GiveBackFlags.seen != 0
            frames.append(Written(type: header.type ?? .ping, seen: seen, ranges: ranges))
            rest = rest.dropFirst(16 + Int(header.length))
        }
        return frames
    }

    private func range(_ handle: UInt32, _ first: UInt64, _ count: UInt32) -> DeliveryRange {
        DeliveryRange(handle: handle, first: first, count: count)
    }

    @Test func nothingIsNothing() throws {
        var ledger = SettlementLedger()
        ledger.note(.settled, handle: 1, first: 1, count: 0)
        #expect(ledger.isEmpty == true)
        #expect(try written(&ledger) == [])
    }

    @Test func neighboursBecomeOneRange() throws {
        var ledger = SettlementLedger()
        for number in 1...64 { ledger.note(.settled, handle: 1, first: UInt64(number), count: 1) }
        ledger.note(.settled, handle: 1, first: 65, count: 10)
        #expect(try written(&ledger) == [Written(type: .settle, seen: false, ranges: [range(1, 1, 74)])])
    }

    @Test func handlesInTurnBecomeOneRangeEach() throws {
        var ledger = SettlementLedger()
        for number in 1...20 {
            for handle in 0..<8 {
                ledger.note(.settled, handle: UInt32(handle), first: UInt64(number), count: 1)
            }
        }
        let expected = (0..<8).map { range(UInt32($0), 1, 20) }
        #expect(try written(&ledger) == [Written(type: .settle, seen: false, ranges: expected)])
    }

    /// Numbers are a handle's own, so that of two handles those that follow each other are no range.
    @Test func handlesAreKeptApart() throws {
        var ledger = SettlementLedger()
        for handle in 1...3 as ClosedRange<UInt32> {
            ledger.note(.settled, handle: handle, first: UInt64(handle), count: 1)
        }
        let expected = (1...3).map { range(UInt32($0), UInt64($0), 1) }
        #expect(try written(&ledger) == [Written(type: .settle, seen: false, ranges: expected)])
    }

    @Test func backwardsToo() throws {
        var ledger = SettlementLedger()
        for number in [5, 4, 3, 9] { ledger.note(.settled, handle: 2, first: UInt64(number), count: 1) }
        #expect(
            try written(&ledger) == [
                Written(type: .settle, seen: false, ranges: [range(2, 3, 3), range(2, 9, 1)])
            ])
    }

    @Test func fatesAreKeptApart() throws {
        var ledger = SettlementLedger()
        ledger.note(.returnedUnseen, handle: 1, first: 3, count: 2)
        ledger.note(.settled, handle: 1, first: 1, count: 1)
        ledger.note(.returnedSeen, handle: 1, first: 2, count: 1)
        #expect(
            try written(&ledger) == [
                Written(type: .settle, seen: false, ranges: [range(1, 1, 1)]),
                Written(type: .giveBack, seen: true, ranges: [range(1, 2, 1)]),
                Written(type: .giveBack, seen: false, ranges: [range(1, 3, 2)]),
            ])
        #expect(try written(&ledger) == [])
    }

    @Test func manyRangesBecomeSeveralFrames() throws {
        var ledger = SettlementLedger()
        for number in 0..<1000 { ledger.note(.settled, handle: 1, first: UInt64(number * 2), count: 1) }
        let frames = try written(&ledger)
        #expect(frames.count == 5)
        #expect(frames.flatMap(\.ranges) == (0..<1000).map { range(1, UInt64($0 * 2), 1) })
    }
}
