// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// How much has passed, for a person who waits for it: on standard error, where that is a terminal.
struct Progress: Sendable {
    private static let pauseNanoseconds: UInt64 = 200_000_000

    private let isWatched: Bool
    private let begin = MonotonicClock.now()
    private var shown = MonotonicClock.now()
    private var isShown = false
    private var bytes: UInt64 = 0

    /// - Parameter isWanted: whether there is anything to tell; messages on the same terminal tell it themselves.
    init(isWanted: Bool) { isWatched = isWanted && Terminal.isTerminal(2) }

    /// Counts bytes, and says so now and then.
    mutating func add(_ count: Int) {
        bytes += UInt64(count)
        guard isWatched else { return }
        let now = MonotonicClock.now()
        guard now - shown >= Self.pauseNanoseconds else { return }
        shown = now
        isShown = true
        Complaint.write("\r\(text(now))\u{1B}[K")
    }

    /// Says the last of it, where anything was said.
    func end() {
        if isShown { Complaint.write("\r\(text(MonotonicClock.now()))\u{1B}[K\n") }
    }

    private func text(_ now: UInt64) -> String {
        let time = Duration.nanoseconds(Int64(clamping: now - begin))
        let rate = Double(bytes) / max(Quantities.seconds(time), 1e-9)
        let amount = Quantities.text(bytes: bytes)
        return "\(amount) in \(Quantities.text(time)), \(Quantities.text(bytes: UInt64(rate)))/s"
    }
}
