// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Glibc
import Testing

/// The daemon without descriptors, without memory, or with one user who wants all of it.
@Suite(.blocking) struct ExhaustionTests {
    private static func options(
        _ settings: [String: String] = [:], checksInvariants: Bool = false,
        _ change: (inout DaemonUnderTest.Options) -> Void = { _ in }
    ) -> DaemonUnderTest.Options {
        var options = DaemonUnderTest.Options(settings, checksInvariants: checksInvariants)
        change(&options)
        return options
    }

    /// With all descriptors in use those who come are told why, one in each pause; the daemon does not spin meanwhile, and
    /// lets others in as soon as one has gone (P12).
    @Test func noDescriptors() throws {
        try DaemonUnderTest.run(Self.options { $0.descriptors = 64 }) { daemon in
            var clients: [WireClient] = []
            var reason: String?
            while reason == nil, clients.count < 64 {
                let client = try WireClient(daemon.socketPath, greets: false)
                try client.write(Hello(clientName: "one more").encoded())
                let frame = try client.frame()
                if frame.type == .goodbye {
                    let goodbye = try frame.goodbye()
                    #expect(goodbye.code == .tooManySessions)
                    reason = goodbye.text
                } else {
                    clients.append(client)
                }
            }
            #expect(reason?.contains("no descriptor left") == true)
            #expect(clients.count > 20)
            for client in clients { try client.ping() }
            let (before, start) = (try Self.processorTicks(of: daemon), MonotonicClock.now())
            // Each is told in a pause of its own.
            for _ in 0..<20 { _ = try WireClient(daemon.socketPath, greets: false).goodbye() }
            let seconds = Double(MonotonicClock.now() - start) / 1e9
            let ticks = Double(try Self.processorTicks(of: daemon) - before)
            #expect(seconds > 0.9, "the doors were not paused")
            #expect(ticks <= max(2, seconds), "\(ticks) of \(seconds * 100) ticks")
            // One goes: who comes then is served by that descriptor.
            let freed = MonotonicClock.now()
            clients.removeLast()
            var next: WireClient?
            while next == nil {
                next = try? WireClient(daemon.socketPath)
                try #require(MonotonicClock.now() - freed < 5_000_000_000)
            }
            try next?.ping()
        }
    }

    /// User and system time of the daemon, in hundredths of a second.
    private static func processorTicks(of daemon: DaemonUnderTest) throws -> Int {
        let text = String(decoding: try Files.read("/proc/\(daemon.process.pid)/stat"), as: UTF8.self)
        let fields = try #require(text.split(separator: ")").last).split(separator: " ")
        return try #require(Int(fields[11])) + (try #require(Int(fields[12])))
    }

    /// Messages stop at their part of the memory; what frees it goes on, and so do they then.
    @Test func messagesFillTheMemory() throws {
        try DaemonUnderTest.run(Self.options(["limits.memory_bytes": "64MiB"])) { daemon in
            let client = try WireClient(daemon.socketPath)
            let handle = try client.open("c", capacity: Capacity.unbounded)
            let message = [UInt8](repeating: 1, count: 1 << 20)
            func send() throws -> Outcome {
                let request = client.request()
                try client.write(WireClient.sendFrame(request: request, handle: handle, [message]))
                return try client.outcome(of: request)
            }
            var sent = 0
            while try send() == .sent { sent += 1 }
            #expect((20...28).contains(sent))
            let other = try WireClient(daemon.socketPath)
            #expect(try other.open("d", capacity: 1) == 0)
            _ = try client.framesSoFar()
            for _ in 0..<2 {
                let delivered = try #require(try client.receive(handle).delivered)
                try client.settle(delivered.range)
            }
            #expect(try send() == .sent)
        }
    }

    /// A frame that was announced takes only what has come of it; when those of one user fill the memory, his sessions
    /// end, those with most first, and the others work.
    @Test func unfinishedFrames() throws {
        try DaemonUnderTest.run(Self.options(["limits.memory_bytes": "64MiB"])) { daemon in
            let honest = try WireClient(daemon.socketPath)
            let before = try ThisProcess.residentBytes(of: daemon.process.pid)
            let frame = WireClient.sendFrame(
                request: 1, handle: 0, [[UInt8](repeating: 2, count: 1 << 20)])
            let clients = try (0..<80).map { _ in try WireClient(daemon.socketPath) }
            for client in clients { try client.write(Array(frame[..<20])) }
            try honest.ping()
            #expect(try ThisProcess.residentBytes(of: daemon.process.pid) - before < 16 << 20)
            for client in clients { try client.write(Array(frame[20..<(1 << 20)])) }
            #expect(daemon.log.wait(for: "limit memory_bytes"))
            try honest.ping()
            #expect(try ThisProcess.residentBytes(of: daemon.process.pid) - before < 80 << 20)
            var ended = 0
            for client in clients {
                try client.write(Array(frame[(1 << 20)...]))
                if try client.next()?.type == .goodbye { ended += 1 }
            }
            #expect((10...60).contains(ended))
            try honest.ping()
        }
    }

    /// Whatever a user leaves unfinished, or unread, another one has his share of the memory, and each of his sends goes
    /// on (P13, P14).
    @Test(.enabled(if: geteuid() == 0), arguments: [false, true])
    func floodOfAnotherUser(isUnread: Bool) throws {
        let settings = ["limits.memory_bytes": "64MiB", "limits.write_deadline": "10m"]
        try DaemonUnderTest.run(Self.options(settings) { $0.letsEverybodyIn = true }) { daemon in
            let process = try ClientProcess(daemon.socketPath, user: 4001)
            let honest = process.client
            let handle = try honest.open("c", capacity: Capacity.unbounded)
            let message = [UInt8](repeating: 1, count: 512 << 10)
            let unfinished = WireClient.sendFrame(
                request: 1, handle: 0, [[UInt8](repeating: 2, count: 1 << 20)]
            ).dropLast(64)
            // Less than what sockets and the daemon take before it stops reading.
            let asked = (0..<35).flatMap { _ in
                SimpleFrame.ping(request: 1, payload: [UInt8](repeating: 3, count: 32 << 10))
            }
            var flood: [WireClient] = []
            for _ in 0..<20 {
                for _ in 0..<8 {
                    let client = try WireClient(daemon.socketPath)
                    try client.write(isUnread ? asked : Array(unfinished))
                    flood.append(client)
                }
                for _ in 0..<12 {
                    let request = honest.request()
                    try honest.write(WireClient.sendFrame(request: request, handle: handle, [message]))
                    try #require(try honest.outcome(of: request) == .sent)
                }
                for _ in 0..<12 {
                    try honest.settle(#require(try honest.receive(handle).delivered).range)
                }
            }
            #expect(daemon.log.wait(for: "limit memory_bytes"), "there was no flood")
            #expect(try ThisProcess.residentBytes(of: daemon.process.pid) < 80 << 20)
            withExtendedLifetime((flood, process)) {}
        }
    }

    /// Who connects more often than he may is refused with the limit's name; root and others are not.
    @Test(.enabled(if: geteuid() == 0))
    func connectStorm() throws {
        let settings = ["limits.connects_per_second": "1"]
        try DaemonUnderTest.run(Self.options(settings) { $0.letsEverybodyIn = true }) { daemon in
            for _ in 0..<3 {
                let process = try ClientProcess(daemon.socketPath, user: 4001)
                try process.client.ping()
            }
            #expect(throws: (any Error).self) { try ClientProcess(daemon.socketPath, user: 4001) }
            #expect(daemon.log.wait(for: "limit connects_per_second: uid 4001"))
            let other = try ClientProcess(daemon.socketPath, user: 4002)
            try other.client.ping()
            for _ in 0..<9 { try WireClient(daemon.socketPath).ping() }
        }
    }

    /// Who asks for more pages than he may gets them later, in order; others do not wait for him.
    @Test(.enabled(if: geteuid() == 0))
    func inspectionStorm() throws {
        let settings = ["limits.inspections_per_second": "10"]
        try DaemonUnderTest.run(Self.options(settings, checksInvariants: true) { $0.letsEverybodyIn = true })
        {
            daemon in
            let processes = try [4001, 4002].map { try ClientProcess(daemon.socketPath, user: $0) }
            let (busy, other) = (processes[0].client, processes[1].client)
            let start = MonotonicClock.now()
            var bytes: [UInt8] = []
            for request: UInt64 in 1...40 { bytes += ListRequest(count: 1).encoded(request: request) }
            try busy.write(bytes)
            try other.write(ListRequest(count: 1).encoded(request: 1))
            #expect(try other.frame().type == .listed)
            let others = MonotonicClock.now() - start
            for request: UInt64 in 1...40 { #expect(try busy.frame().header.request == request) }
            let mine = MonotonicClock.now() - start
            #expect(mine > 1_000_000_000)
            #expect(others < mine)
            try busy.ping()
            withExtendedLifetime(processes) {}
        }
    }

    /// A user's many sessions have no more turns than another's one (P14): what they wrote while the daemon stood still
    /// is run in the order of turns, which a channel shows.
    @Test(.enabled(if: geteuid() == 0))
    func manySessionsOfOneUser() throws {
        let settings = ["loop.turn_frames": "8"]
        try DaemonUnderTest.run(Self.options(settings) { $0.letsEverybodyIn = true }) { daemon in
            let root = try WireClient(daemon.socketPath)
            let order = try root.open("order", .receive, capacity: Capacity.unbounded) { $0.mode = 0o622 }
            func client(_ user: UInt32) throws -> (process: ClientProcess, burst: [UInt8]) {
                let process = try ClientProcess(daemon.socketPath, user: user)
                let handle = try process.client.open("/uid/0/order", .send)
                var burst: [UInt8] = []
                // Nobody answers the cancelling of nothing.
                for request: UInt64 in 1000..<1100 { burst += SimpleFrame.cancel(request: request) }
                let message = [UInt8(truncatingIfNeeded: user)]
                return (process, burst + WireClient.sendFrame(request: 1, handle: handle, [message]))
            }
            let many = try (0..<16).map { _ in try client(4001) }
            let one = try client(4002)
            try daemon.process.stop()
            for (process, burst) in many + [one] {
                try process.client.write(burst)
                // Its process has read all of it, and waits for more: so it has passed it on.
                while try UnixSocket.unsentBytes(process.client.raw) > 0 || !process.process.isAsleep() {
                    sched_yield()
                }
            }
            try daemon.process.kill(.resume)
            var arrived: [UInt8] = []
            while arrived.count < 17 {
                let delivered = try #require(try root.receive(order).delivered)
                arrived += delivered.messages.compactMap(\.bytes.first)
                try root.settle(delivered.range)
            }
            let place = try #require(arrived.firstIndex(of: UInt8(truncatingIfNeeded: 4002)))
            #expect(place <= 4, "\(place) of 17")
        }
    }
}
