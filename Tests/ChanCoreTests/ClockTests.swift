// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Clocks that jump (X29, P17): nothing ends early, or twice, or never.
@Suite struct ClockTests {
    private static let start: UInt64 = 1_000_000
    private static let year: UInt64 = 365 * 86_400 * 1_000_000_000

    @Test("X29 P17 time that stands still or goes back ends nothing; a jump of a year ends what is due, once")
    func jumps() throws {
        let scene = scene()
        func tell(_ time: UInt64) { scene.apply(.advance(to: time)) }
        tell(Self.start)
        let port = try scene.single(capacity: 4)
        let other = try scene.open(scene.client(), "other", capacity: 0)
        scene.send(port, 1)
        scene.lease(port, for: 10)
        let timed = scene.receive(other, timeout: 20)
        let endless = scene.receive(other, timeout: .max)
        for time in [0, 1, Self.start - 1, Self.start, Self.start + 9] { tell(time) }
        #expect(try scene.state(port).unsettled == 1)
        #expect(scene[timed] == .waiting)
        tell(Self.start + Self.year)
        #expect(try scene.state(port).queued == 1)
        #expect(scene[timed] == .failed(.timeout))
        #expect(scene[endless] == .waiting)
        // What begins now counts from now, whatever the clock says next.
        scene.lease(port, for: 10)
        let again = scene.receive(other, timeout: 20)
        for time in [0, Self.start + 30, Self.start + Self.year + 9] { tell(time) }
        #expect(try scene.state(port).unsettled == 1)
        #expect(scene[again] == .waiting)
        tell(Self.start + Self.year + 20)
        #expect(try scene.state(port).queued == 1)
        #expect(scene[again] == .failed(.timeout))
        // More than the clock can ever say.
        scene.lease(port, for: .max)
        tell(Self.start + Self.year * 500)
        #expect(try scene.state(port).unsettled == 1)
        #expect(scene[endless] == .failed(.timeout))
        try scene.engine.broker.checkInvariants()
    }
}
