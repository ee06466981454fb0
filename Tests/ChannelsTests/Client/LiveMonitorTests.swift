// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

@testable import Channels

/// `monitor`: a sequence of what happens.
@Suite struct LiveMonitorTests {
    @Test func itTellsWhatHappensUntilItIsLetGo() async throws {
        try await withDaemon { _, client in
            // More than a user may have at once: each ends with its sequence.
            for round in 0..<6 {
                let events = try await eventually { try await client.monitor(prefix: "c\(round)") }
                let channel = try await client.channel("c\(round)", capacity: 1, of: Int.self)
                try await channel.send(1)
                var kinds: [ChannelEvent.Kind] = []
                for try await case .event(let event) in events {
                    kinds.append(event.kind)
                    #expect(event.channel == channel.name && event.count == 1)
                    #expect(event.process == ThisProcess.pid && event.session == client.daemon.session)
                    #expect(event.user == ThisProcess.effectiveUid && event.sessionAge >= .zero)
                    if event.kind == .send { break }
                }
                #expect(kinds == [.open, .send])
            }
        }
    }

    /// The daemon learns of the end of a monitor a moment later than its consumer.
    private func eventually<Value>(_ body: () async throws -> Value) async throws -> Value {
        let deadline = Patience.deadline()
        while true {
            do {
                return try await body()
            } catch let error as ChandError where error.code == .quotaExceeded {
                if MonotonicClock.now() >= deadline { throw error }
            }
        }
    }

    @Test func cancellingEndsItAndALostConnectionThrows() async throws {
        let daemon = try await onThread { try DaemonUnderTest() }
        defer { daemon.kill() }
        let client = try await ChandClient.connect(to: daemon.socketPath, name: "test", reconnect: .never)
        let events = try await client.monitor()
        let cancelled = Task {
            for try await _ in try await client.monitor() {}
        }
        let lost = Task {
            for try await _ in events {}
        }
        cancelled.cancel()
        _ = await cancelled.result
        daemon.kill()
        let error = await #expect(throws: ChandError.self) { try await lost.value }
        #expect(error?.code == .connectionLost)
    }

    @Test func aSlowConsumerIsToldHowMuchHeMissed() async throws {
        try await withDaemon { daemon, client in
            let events = try await client.monitor(prefix: "n")
            let total = 6000
            let worker = try WireClient(daemon.socketPath)
            for _ in 0..<total { try worker.closeHandle(worker.open("n", capacity: 1)) }
            try worker.closeHandle(worker.open("n-last", capacity: 1))
            var told = 0
            var dropped = 0
            for try await event in events {
                switch event {
                case .event: told += 1
                case .dropped(let count): dropped += count
                }
                if told + dropped == total + 1 { break }
            }
            #expect(told + dropped == total + 1)
        }
    }
}
