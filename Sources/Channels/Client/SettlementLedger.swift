// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// What this client has to tell the daemon about deliveries: which are settled, which go back.
///
/// Written before the next request, or at the end of the loop's turn (rule 19). Deliveries of a handle are
/// numbered, so what a burst of receives settles becomes one range.
///
/// Invariants: no range is empty; no two of the last ranges of one handle and kind touch, however their
/// deliveries came.
struct SettlementLedger: ~Copyable {
    /// What becomes of deliveries.
    enum Fate: Int, CaseIterable, Sendable {
        /// The caller has them under a lease, and somebody waits for that (rule 20).
        case received = 0
        /// The caller has them.
        case settled = 1
        /// They go back, and a caller may have seen them: they are marked (rule 18).
        case returnedSeen = 2
        /// They go back unseen.
        case returnedUnseen = 3
    }

    /// How many of the last ranges are tried for a new delivery: more handles than this are seldom served
    /// in turn, and a range too many costs 16 bytes.
    private static let reach = 8
    /// Ranges of one frame: far below any daemon's limit for a body.
    private static let rangesPerFrame = 200

    private var ranges: [[DeliveryRange]] = [[], [], [], []]
    /// Whether there is nothing to write.
    private(set) var isEmpty = true

    /// Notes what becomes of `count` deliveries of a handle from number `first` on.
    mutating func note(_ fate: Fate, handle: UInt32, first: UInt64, count: UInt32) {
        guard count > 0 else { return }
        isEmpty = false
        Self.extend(&ranges[fate.rawValue], DeliveryRange(handle: handle, first: first, count: count))
    }

    private static func extend(_ list: inout [DeliveryRange], _ new: DeliveryRange) {
        var index = list.count
        let lowest = max(0, list.count - reach)
        while index > lowest {
            index -= 1
            guard list[index].handle == new.handle else { continue }
            if list[index].first &+ UInt64(list[index].count) == new.first {
                list[index].count &+= new.count
                return
            }
            if new.first &+ UInt64(new.count) == list[index].first {
                list[index].first = new.first
                list[index].count &+= new.count
                return
            }
        }
        list.append(new)
    }

    /// Appends everything as SETTLE and GIVE_BACK frames, and is empty afterwards.
    mutating func write(to output: inout GrowableBytes) {
        guard !isEmpty else { return }
        for index in 0..<ranges.count where !ranges[index].isEmpty {
            if let fate = Fate(rawValue: index) { Self.write(ranges[index], fate, to: &output) }
            ranges[index].removeAll(keepingCapacity: true)
        }
        isEmpty = true
    }

    private static func write(_ ranges: [DeliveryRange], _ fate: Fate, to output: inout GrowableBytes) {
        var written = 0
        while written < ranges.count {
            let count = min(ranges.count - written, rangesPerFrame)
            let length = count * DeliveryRange.byteCount
            let target = output.writable(atLeast: FrameHeader.byteCount + length)
            guard let base = target.baseAddress else { return }
            header(fate, length: length).write(to: base)
            for index in 0..<count {
                ranges[written + index].write(
                    to: base + FrameHeader.byteCount + index * DeliveryRange.byteCount)
            }
            output.commit(FrameHeader.byteCount + length)
            written += count
        }
    }

    private static func header(_ fate: Fate, length: Int) -> FrameHeader {
        switch fate {
        case .received: FrameHeader(.receipt, length: length)
        case .settled: FrameHeader(.settle, length: length)
        case .returnedSeen: FrameHeader(.giveBack, length: length, flags: GiveBackFlags.seen)
        case .returnedUnseen: FrameHeader(.giveBack, length: length)
        }
    }

    /// Forgets everything, because the connection ended.
    mutating func removeAll() {
        for index in ranges.indices { ranges[index].removeAll() }
        isEmpty = true
    }
}
