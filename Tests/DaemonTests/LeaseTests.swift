// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// Leases of processes that die (rules 18 and 19).
@Suite struct LeaseTests {
    @Test func killingTheHolderReturnsItsLeasesAtOnce() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let jobs = try client.open("jobs", capacity: 4)
            _ = try client.send(jobs, "a", "b")
            let process = try ClientProcess(daemon.socketPath)
            let handle = try process.client.open("jobs", .receive)
            var receive = ReceiveRequest(handle: handle, count: 2, timeout: WireTimeout.never)
            receive.lease = WireLease(nanoseconds: 3_600_000_000_000)
            let request = process.client.request()
            try process.client.write(receive.encodedLeased(request: request))
            #expect(try process.client.outcome(of: request).delivered?.texts == ["a", "b"])
            let waiting = try client.startReceive(jobs, upTo: 2)
            try process.kill()
            let again = try #require(try client.outcome(of: waiting).delivered)
            #expect(again.texts == ["a", "b"])
            #expect(again.messages.allSatisfy { $0.redelivered && $0.attempts == 1 })
        }
    }
}
