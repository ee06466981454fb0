// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

@testable import Channels

/// What keeps a client's thread from its connection is noticed, once.
@Suite struct BusyNoticeTests {
    private func log() -> (ClientLog, Lock<[String]>) {
        let lines = Lock<[String]>([])
        return (ClientLog { line in lines.withLock { $0.append(line) } }, lines)
    }

    @Test func longTurnsAreSaidOnce() {
        let (log, lines) = log()
        var notice = BusyNotice(limit: .seconds(1), log)
        notice.turnEnds(after: 999_999_999, of: "c")
        notice.turnEnds(after: 1_000_000_000, of: "c")
        #expect(lines.withLock { $0 } == [])
        notice.turnEnds(after: 2_345_000_000, of: "c")
        notice.turnEnds(after: 3_000_000_000, of: "c")
        #expect(lines.withLock { $0.count } == 1)
        #expect(lines.withLock { $0.first }?.contains("\"c\" kept it busy for 2345 ms") == true)
        var never = BusyNotice(limit: nil, log)
        never.turnEnds(after: .max, of: "c")
        #expect(lines.withLock { $0.count } == 1)
    }

    @Test func theLoopMeasuresItsTurns() async throws {
        try await withDaemon { daemon, _ in
            for (limit, expected) in [(Duration.nanoseconds(1), 1), (.seconds(3600), 0)] {
                let (log, lines) = log()
                let client = try await ChandClient.connect(
                    to: daemon.socketPath, name: "busy", timeout: .seconds(10), gracePeriod: .seconds(5),
                    reconnect: .never, busyLimit: limit, log: log)
                try await client.run { for _ in 0..<5 { try await client.ping() } }
                await client.close()
                #expect(lines.withLock { $0.count } == expected)
            }
        }
    }
}
