// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Limits on sessions: the one too many is told which, and those within them go on.
@Suite(.blocking) struct SessionLimitTests {
    @Test(arguments: ["limits.sessions", "limits.sessions_per_user"])
    func sessions(_ limit: String) throws {
        try DaemonUnderTest.run([limit: "3"]) { daemon in
            var clients = try (0..<3).map { _ in try WireClient(daemon.socketPath) }
            let refused = try WireClient(daemon.socketPath, greets: false)
            let goodbye = try refused.goodbye()
            #expect(goodbye.code == .tooManySessions)
            #expect(goodbye.text.contains(limit.dropFirst("limits.".count)))
            for client in clients { try client.ping() }
            // One goes, one may come.
            let last = clients.removeLast()
            try last.write(SimpleFrame.leave())
            try last.goodbye()
            try WireClient(daemon.socketPath).ping()
        }
    }

    @Test(arguments: ["limits.incomplete_sessions", "limits.incomplete_sessions_per_user"])
    func incompleteSessions(_ limit: String) throws {
        try DaemonUnderTest.run([limit: "2"]) { daemon in
            let honest = try Honest(daemon.socketPath)
            let silent = try (0..<2).map { _ in try WireClient(daemon.socketPath, greets: false) }
            let refused = try WireClient(daemon.socketPath, greets: false)
            let goodbye = try refused.goodbye()
            #expect(goodbye.code == .tooManySessions)
            #expect(goodbye.text.contains(limit.dropFirst("limits.".count)))
            try honest.works()
            // One says HELLO: then there is room for another.
            try silent[0].greet()
            try WireClient(daemon.socketPath).ping()
        }
    }

    @Test func handshakeTimeout() throws {
        try DaemonUnderTest.run(["limits.handshake_timeout": "300ms"]) { daemon in
            let honest = try Honest(daemon.socketPath)
            let hello = Hello(clientName: "slow").encoded()
            // However much of it has come (P16).
            let start = MonotonicClock.now()
            let clients = try hello.indices.map { count in
                let client = try WireClient(daemon.socketPath, greets: false)
                try client.write(Array(hello[..<count]))
                return client
            }
            for client in clients { #expect(try client.goodbye().code == .handshakeTimeout) }
            #expect(MonotonicClock.now() - start >= 300_000_000)
            // It is over for who has greeted: long after that time the session lives.
            try honest.works()
        }
    }

    /// What watches the peer's process is the second one, and only a session's.
    @Test func oneDescriptorBeforeHello() throws {
        try DaemonUnderTest.run { daemon in
            func descriptors() throws -> Int { try ThisProcess.openDescriptors(of: daemon.process.pid) }
            let observer = try WireClient(daemon.socketPath)
            try observer.ping()
            let before = try descriptors()
            let silent = try (0..<20).map { _ in try WireClient(daemon.socketPath, greets: false) }
            // Clients are let in as they came: once the last one is in, all are.
            let last = try WireClient(daemon.socketPath)
            try last.ping()
            #expect(try descriptors() == before + 22)
            for client in silent { try client.greet() }
            for client in silent { try client.ping() }
            #expect(try descriptors() == before + 42)
        }
    }

    /// Without this the end of a connection would be seen when its handshake's time is over, at the latest.
    @Test func descriptorGoesWithTheSession() throws {
        try DaemonUnderTest.run(["limits.handshake_timeout": "600s"]) { daemon in
            let observer = try WireClient(daemon.socketPath)
            try observer.ping()
            let before = try ThisProcess.openDescriptors(of: daemon.process.pid)
            for round in 0..<200 {
                let client = try WireClient(daemon.socketPath, greets: round % 2 == 0)
                if round % 4 == 0 {
                    try client.write(SimpleFrame.leave())
                    try client.goodbye()
                }
            }
            let deadline = Patience.deadline()
            while try ThisProcess.openDescriptors(of: daemon.process.pid) > before {
                #expect(MonotonicClock.now() < deadline)
                guard MonotonicClock.now() < deadline else { break }
                try observer.ping()
            }
        }
    }

    @Test func limitsOfOneSession() throws {
        let settings = [
            "limits.handles_per_session": "2", "limits.waiters_per_session": "3", "limits.select_cases": "2",
            "limits.channels_per_user": "3", "limits.messages_per_user": "5",
        ]
        try DaemonUnderTest.run(settings) { daemon in
            let client = try WireClient(daemon.socketPath)
            let first = try client.open("one", capacity: 0)
            let second = try client.open("two", capacity: Capacity.unbounded)
            #expect(throws: LiveFailure.self) { try client.open("three", capacity: 1) }
            #expect(try client.select(.never, .never, .never).failure == .quotaExceeded)
            let waiting = try (0..<3).map { _ in try client.startReceive(first) }
            #expect(try client.receive(first).failure == .quotaExceeded)
            #expect(try client.receive(first, timeout: WireTimeout.none).failure == .wouldBlock)
            try client.cancel(waiting[0])
            #expect(try client.outcome(of: waiting[0]).failure == .cancelled)
            #expect(try client.send(second, "1", "2", "3", "4", "5") == .sent)
            #expect(try client.send(second, "6").failure == .quotaExceeded)
            let delivered = try #require(try client.receive(second).delivered)
            #expect(try client.send(second, "6").failure == .quotaExceeded)
            try client.settle(delivered.range)
            #expect(try client.send(second, "6") == .sent)
        }
    }
}
