// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Testing

@testable import Channels

@Suite struct SocketPathTests {
    @Test func aGivenPathCounts() {
        let socket = SocketPath("/tmp/x")
        #expect(socket.path == "/tmp/x")
        #expect(socket.origin == .given)
    }
}

/// Durations as nanoseconds of the wire.
@Suite struct WireTimeTests {
    @Test func durations() {
        #expect(WireTime.nanoseconds(nil) == WireTimeout.never)
        #expect(WireTime.nanoseconds(.zero) == WireTimeout.none)
        #expect(WireTime.nanoseconds(.seconds(-1)) == WireTimeout.none)
        #expect(WireTime.nanoseconds(.nanoseconds(-1)) == WireTimeout.none)
        #expect(WireTime.nanoseconds(.milliseconds(1500)) == 1_500_000_000)
        #expect(WireTime.nanoseconds(Duration(secondsComponent: 0, attosecondsComponent: 1)) == 1)
        #expect(WireTime.nanoseconds(Duration(secondsComponent: .max, attosecondsComponent: 0)) == .max)
    }

    @Test func whatIsLeftIsNeverForEver() {
        #expect(WireTime.remaining(of: -1, since: 0) == -1)
        #expect(WireTime.remaining(of: 0, since: 0) == 0)
        #expect(WireTime.remaining(of: 1000, since: 0) == 0)
    }
}
