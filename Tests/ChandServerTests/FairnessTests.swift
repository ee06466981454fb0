// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChandServer

/// How much of the daemon one user may have, by the counters that say so.
struct FairnessTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func rateOfAUser() {
        var rate = RateLimiter()
        let start = Self.second * 100
        // What two seconds allow, and the one that uses it up.
        for _ in 0...20 {
            #expect(rate.debt(of: 7, now: start) == 0)
            rate.take(7, perSecond: 10, now: start)
        }
        #expect(rate.debt(of: 7, now: start) == Self.second / 10)
        #expect(rate.debt(of: 8, now: start) == 0)
        #expect(rate.debt(of: 7, now: start + Self.second / 10) == 0)
        rate.take(7, perSecond: 10, now: start + Self.second / 10)
        #expect(rate.debt(of: 7, now: start + Self.second / 10) == Self.second / 10)
        // After a rest it is as at first, and no more.
        let later = start + Self.second * 1000
        for _ in 0...20 {
            #expect(rate.debt(of: 7, now: later) == 0)
            rate.take(7, perSecond: 10, now: later)
        }
        #expect(rate.debt(of: 7, now: later) > 0)
    }

    @Test func whoRestsIsForgottenAndWhoDoesNotIsNot() {
        var rate = RateLimiter()
        for _ in 0..<5 { rate.take(9999, perSecond: 1, now: 0) }
        for user in 0..<5000 as Range<UInt32> {
            rate.take(user, perSecond: 1000, now: UInt64(user) * 1_000_000)
        }
        #expect(rate.debt(of: 9999, now: 0) == 3 * Self.second)
    }

    /// No clock gets there, but fuzzing did.
    @Test func rateAtTheEndOfTime() {
        for now in [UInt64.max - Self.second, .max] {
            var rate = RateLimiter()
            for _ in 0..<5 {
                rate.take(7, perSecond: 1, now: now)
                #expect(rate.debt(of: 7, now: now) == 0)
            }
        }
    }

    @Test func turnsOfUsers() {
        var turns = FairTurns(frames: 4, bytes: 100)
        turns.begin()
        for session in 0..<4 {
            #expect(turns.hasTurn(3), "session \(session)")
            turns.charge(3, frames: 1, bytes: 10)
        }
        #expect(!turns.hasTurn(3))
        #expect(turns.hasTurn(0) && turns.hasTurn(9))
        turns.charge(0, frames: 0, bytes: 100)
        #expect(!turns.hasTurn(0))
        turns.begin()
        #expect(turns.hasTurn(3) && turns.hasTurn(0))
    }
}
