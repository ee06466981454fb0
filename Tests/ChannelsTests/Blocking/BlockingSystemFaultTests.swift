// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels
import Glibc
import Testing

/// Every system call that a blocking client makes fails once, at every place and with every error (P10): its caller is told,
/// in time, or nothing happens; and neither the process nor the daemon keeps anything of it.
@Suite struct BlockingSystemFaultTests {
    private static let errors = [
        EINTR, EAGAIN, ENOMEM, ENOBUFS, EMFILE, ENFILE, ECONNRESET, EPIPE, EIO, ECONNREFUSED,
    ]
    /// How many descriptors each call makes.
    private static let made: [SystemCall: Int] = [.socket: 1, .eventfd: 1, .epollCreate: 1, .dup: 1]

    private static func converse(_ path: String) throws {
        let client = try ChandClient.Blocking(to: path, name: "faults", gracePeriod: .seconds(1))
        defer { client.close() }
        let channel = try client.channel("c", capacity: 4, of: String.self)
        try channel.send("small", timeout: .seconds(20))
        try channel.send(String(repeating: "x", count: 100_000), timeout: .seconds(20))
        _ = try channel.receive(timeout: .seconds(20))
        _ = try channel.receive()
        try client.settle()
        _ = try channel.status()
    }

    @Test(.timeLimit(.minutes(15))) func everyCall() async throws {
        try await onThread {
            try DaemonUnderTest.run { daemon in
                let observer = try WireClient(daemon.socketPath)
                let dry = SystemFaults()
                try dry.run { try Self.converse(daemon.socketPath) }
                var forced = 0
                for call in SystemCall.allCases where call != .close {
                    for nth in 0..<dry.count(call) {
                        for errno in Self.errors {
                            let plan = SystemFaults([.init(call, nth: nth + 1, errno: errno)])
                            let what = "\(call), call \(nth + 1), error \(errno)"
                            let start = MonotonicClock.now()
                            do {
                                try plan.run { try Self.converse(daemon.socketPath) }
                            } catch let error as ChandError {
                                #expect(plan.forced == 1, "\(what): \(error)")
                                #expect(errno != EINTR, "\(what): \(error)")
                            }
                            #expect(MonotonicClock.now() - start < 15_000_000_000, "\(what)")
                            let opened = Self.made.reduce(0) { $0 + plan.count($1.key) * $1.value }
                            #expect(
                                plan.count(.close) == opened - plan.forced * (Self.made[call] ?? 0), "\(what)"
                            )
                            forced += plan.forced
                            let request = observer.request()
                            try observer.write(SimpleFrame.name(.remove, request: request, name: "c"))
                            _ = try observer.outcome(of: request)
                            try observer.waitUntilAlone()
                            #expect(try observer.daemonState().channels == 0, "\(what)")
                        }
                    }
                }
                print("blocking client: \(forced) failures")
                #expect(forced > 100)
            }
        }
    }
}
