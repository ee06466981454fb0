// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Channels
import Testing

/// Leases and confirmed sends through the library and the built daemon (rules 18 to 20).
@Suite struct LiveLeaseTests {
    @Test func anIterationOverLeasesEndsWithTheChannel() async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(contentsOf: [1, 2, 3])
            try await jobs.close()
            var taken: [Int] = []
            for try await lease in jobs.leases() {
                taken.append(lease.element)
                #expect(lease.attempts == 0 && !lease.isRedelivered)
                try await lease.done()
                let error = await #expect(throws: ChandError.self) { try await lease.done() }
                #expect(error?.code == .leaseExpired)
            }
            #expect(taken == [1, 2, 3])
        }
    }

    /// On the loop's thread and off it.
    @Test(arguments: [false, true])
    func whatIsDoneLaterIsSettledWithoutAnAnswer(onTheLoop: Bool) async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            let body: @Sendable @concurrent () async throws -> Void = {
                for number in 0..<100 {
                    try await jobs.send(number)
                    let lease = try await jobs.lease()
                    #expect(lease.element == number && lease.attempts == 0)
                    try lease.doneLater()
                    await #expect(throws: ChandError.self) { try await lease.done() }
                }
            }
            if onTheLoop {
                try await Task(executorPreference: client.executor) { try await body() }.value
            } else {
                try await body()
            }
            try await wait(for: jobs, "all to be settled") { $0.settled == 100 && $0.unsettled == 0 }
        }
    }

    /// Nobody says so, and the next receiver has it (rule 19).
    @Test func doneLaterTooLateChangesNothing() async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(1)
            let late = try await jobs.lease(LeaseTerms(time: .milliseconds(5)))
            let again = try await jobs.lease(timeout: .seconds(30))
            try late.doneLater()
            #expect(again.element == 1 && again.isRedelivered)
            try await again.done()
            #expect(try await jobs.status().settled == 1)
        }
    }

    @Test func aLeaseThatGoesAwayGivesBack() async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(1)
            do { _ = try await jobs.lease() }
            let again = try await jobs.lease(timeout: .seconds(30))
            #expect(again.element == 1 && again.attempts == 1 && again.isRedelivered)
            try await again.extend(by: .seconds(30))
            try await again.giveBack()
            let third = try await jobs.lease(timeout: .seconds(30))
            #expect(third.attempts == 2)
            try await third.done()
        }
    }

    @Test func usedUpAttemptsGoToTheDeadLetterChannel() async throws {
        try await withDaemon { _, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(7)
            let terms = LeaseTerms(time: .milliseconds(5), attempts: 1, deadLetter: "dead")
            let lease = try await jobs.lease(terms)
            let dead = try await client.channel("dead", of: Int.self)
            #expect(try await dead.receive(timeout: .seconds(30)) == 7)
            let error = await #expect(throws: ChandError.self) { try await lease.done() }
            #expect(error?.code == .leaseExpired)
        }
    }

    @Test func theEndOfTheHoldersConnectionGivesBackAtOnce() async throws {
        try await withDaemon { daemon, client in
            let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
            try await jobs.send(1)
            let other = try await ChandClient.connect(to: daemon.socketPath, name: "holder")
            let held = try await other.channel("jobs", of: Int.self).lease()
            await other.close()
            let again = try await jobs.lease(timeout: .seconds(30))
            #expect(again.element == 1 && again.isRedelivered)
            await #expect(throws: ChandError.self) { try await held.done() }
            try await again.done()
        }
    }

    @Test(arguments: [SendConfirmation.receipt, .settlement])
    func aSendIsConfirmed(_ confirm: SendConfirmation) async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 8, of: Int.self)
            let error = await #expect(throws: ChandError.self) {
                try await channel.send(1, confirm: confirm, timeout: .milliseconds(10))
            }
            #expect(error?.code == .notConfirmed && error?.accepted == 1)
            #expect(try await channel.receive() == 1)
            async let sent: Void = channel.send(2, confirm: confirm, timeout: .seconds(30))
            #expect(try await channel.receive() == 2)
            try await sent
        }
    }

    @Test func aSendIsConfirmedByTheEndOfTheLease() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel("c", capacity: 8, of: Int.self)
            async let sent: Void = channel.send(1, confirm: .settlement, timeout: .seconds(30))
            let lease = try await channel.lease()
            try await lease.done()
            try await sent
        }
    }
}
