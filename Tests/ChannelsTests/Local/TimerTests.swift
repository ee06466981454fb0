// SPDX-License-Identifier: Apache-2.0

import Channels
import Testing

/// Timers as channels.
@Suite struct TimerTests {
    @Test func afterTellsTheTimeOnce() async throws {
        let start = ContinuousClock.now
        let timer = after(.milliseconds(10))
        #expect(try await timer.receive() >= start + .milliseconds(10))
        #expect(try await timer.tryReceive() == nil)
    }

    @Test func tickTellsItAgainAndAgain() async throws {
        let start = ContinuousClock.now
        let ticks = tick(every: .milliseconds(2))
        var last = start
        for _ in 0..<5 {
            let now = try await ticks.receive()
            #expect(now > last)
            last = now
        }
        #expect(last >= start + .milliseconds(10))
        #expect(try await ticks.capacity == .buffered(1))
    }

    @Test func neverNeverDoes() async throws {
        let nothing = never(of: Int.self)
        let winner = try await select {
            receive(from: nothing) { _ in "never" }
            receive(from: after(.milliseconds(5))) { _ in "after" }
        }
        #expect(winner == "after")
    }
}
