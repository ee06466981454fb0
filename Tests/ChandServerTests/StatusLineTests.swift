// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChandServer

/// What `systemctl status` shows.
struct StatusLineTests {
    @Test func countsAndWaits() {
        let busy = StatusLine.text(
            channels: 12, sessions: 40, accepted: 3_140_000, blocked: 2, longest: 4_900_000_000)
        #expect(busy == "12 channels, 40 sessions, 3.1 M messages, 2 blocked longest 4 s")
        let idle = StatusLine.text(channels: 1, sessions: 0, accepted: 999, blocked: 0, longest: 0)
        #expect(idle == "1 channel, 0 sessions, 999 messages")
    }

    @Test(arguments: [
        (1000, "1.0 k"), (9999, "9.9 k"), (10_000, "10 k"), (999_999, "999 k"), (1_000_000, "1.0 M"),
    ])
    func shortCounts(_ count: UInt64, _ text: String) {
        let line = StatusLine.text(channels: 0, sessions: 0, accepted: count, blocked: 0, longest: 0)
        #expect(line == "0 channels, 0 sessions, \(text) messages")
    }
}
