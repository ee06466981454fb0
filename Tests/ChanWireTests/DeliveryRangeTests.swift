// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanWire
import Testing

/// No two ranges of a frame name the same delivery (docs/protocol.md, Deliveries).
@Suite struct DeliveryRangeTests {
    private static func range(_ first: UInt64, _ count: UInt32, handle: UInt32 = 3) -> DeliveryRange {
        DeliveryRange(handle: handle, first: first, count: count)
    }

    private static func check(_ body: some Collection<UInt8>) throws {
        try Array(body).withUnsafeBytes { try DeliveryRange.checkDisjoint($0) }
    }

    private static func isRefused(_ ranges: [DeliveryRange]) -> Bool {
        do {
            try check(Frames.settle(.settle, ranges).dropFirst(FrameHeader.byteCount))
            return false
        } catch {
            return (error as? WireFault)?.code == .malformed
        }
    }

    /// Alone, and with so many others in between that they are sorted.
    @Test(arguments: [0, 20])
    func onlyWhatIsNamedTwiceIsRefused(others: Int) {
        let between = (0..<others).map { Self.range(UInt64(10 * (others - $0)), 10, handle: 9) }
        let pairs: [(one: DeliveryRange, other: DeliveryRange, isRefused: Bool)] = [
            (Self.range(1, 10), Self.range(1, 10), true),
            (Self.range(1, 10), Self.range(10, 1), true),
            (Self.range(5, 1), Self.range(1, 10), true),
            (Self.range(1, .max), Self.range(1 << 20, 1), true),
            (Self.range(.max - 1, 5), Self.range(.max - 1, .max), true),
            (Self.range(1, 10), Self.range(11, 1), false),
            (Self.range(1, 10), Self.range(5, 0), false),
            (Self.range(1, 10), Self.range(1, 10, handle: 4), false),
        ]
        for (one, other, isRefused) in pairs {
            #expect(Self.isRefused([one] + between + [other]) == isRefused, "\(one), \(other)")
            #expect(Self.isRefused([other] + between + [one]) == isRefused, "\(other), \(one)")
        }
    }

    /// As many as a frame holds.
    @Test func many() {
        let count = 65_792
        #expect(Self.isRefused(Array(repeating: Self.range(1, 1 << 20), count: count)))
        let descending = (0..<count).map { Self.range(UInt64(2 * (count - $0)), 2) }
        #expect(!Self.isRefused(descending))
        #expect(Self.isRefused(descending + [Self.range(UInt64(count), 1)]))
    }

    @Test(arguments: [2, 20])
    func cutShort(count: Int) {
        let ranges = (1...count).map { Self.range(UInt64($0), 1) }
        let frame = Frames.settle(.settle, ranges)
        #expect(throws: WireFault.self) {
            try Self.check(frame.dropFirst(FrameHeader.byteCount).dropLast())
        }
    }
}
