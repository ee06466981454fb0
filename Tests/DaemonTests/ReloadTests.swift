// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Reload, control, idle exit and the orderly stop of a running daemon.
@Suite(.blocking) struct ReloadTests {
    private typealias Setting = (daemon: DaemonUnderTest, directory: String, file: String)

    /// A daemon with a configuration file of its own; stops it in order unless it has ended.
    private static func run(
        _ text: String, settings: [String: String] = [:], stops: Bool = true, letsEverybodyIn: Bool = false,
        _ body: (Setting) throws -> Void
    ) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-reload")
        defer { try? Files.removeTree(directory) }
        let file = "\(directory)/chand.toml"
        try Files.write(Array(text.utf8), to: file)
        var options = DaemonUnderTest.Options(settings)
        options.isPrivate = false
        options.configuration = file
        options.letsEverybodyIn = letsEverybodyIn
        let daemon = try DaemonUnderTest(options)
        defer { daemon.kill() }
        try body((daemon, directory, file))
        if stops { try daemon.stop() }
    }

    private static let jobs = "[[channel]]\nname = \"/uid/\(ThisProcess.effectiveUid)/jobs\"\ncapacity = 2\n"

    private func control(_ client: WireClient, _ control: ControlRequest) throws -> Outcome {
        let request = client.request()
        try client.write(control.encoded(request: request))
        return try client.outcome(of: request)
    }

    private func expectDone(_ outcome: Outcome, _ location: SourceLocation = #_sourceLocation) {
        guard case .answer(let frame) = outcome, frame.type == .done else {
            Issue.record("\(outcome)", sourceLocation: location)
            return
        }
    }

    private func failed(_ outcome: Outcome) throws -> Failed {
        guard case .failed(let failed) = outcome else { throw LiveFailure("\(outcome)") }
        return failed
    }

    /// Receives one message and leaves it unsettled.
    private func take(_ client: WireClient, _ handle: UInt32) throws -> Delivered {
        try #require(try client.receive(handle).delivered)
    }

    @Test func aReloadChangesLimitsAndChannelsAndNoSession() throws {
        try Self.run(Self.jobs) { (daemon, _, file) in
            let client = try WireClient(daemon.socketPath)
            let jobs = try client.open("jobs", capacity: 2)
            _ = try client.send(jobs, "a")
            try Files.write(
                Array((Self.jobs + "[[channel]]\nname = \"/uid/7/more\"\n[limits]\nselect_cases = 1\n").utf8),
                to: file)
            expectDone(try control(client, .reload))
            #expect(try take(client, jobs).texts == ["a"])
            #expect(try client.inspect("/uid/7/more").owner == 7)
            let other = try WireClient(daemon.socketPath)
            #expect(other.welcome?.maxSelectCases == 1)
            // Written by a thread of its own.
            #expect(daemon.log.wait(for: "the configuration was read anew"))
        }
    }

    @Test func aWrongFileLeavesTheOldOneInForceAndSaysWhy() throws {
        try Self.run(Self.jobs) { (daemon, _, file) in
            let client = try WireClient(daemon.socketPath)
            try Files.write(Array("[limits]\nsesions = 3\n".utf8), to: file)
            let failed = try failed(control(client, .reload))
            #expect(failed.code == .invalidConfiguration)
            #expect(failed.text.contains("\(file):2: limits.sesions"))
            #expect(try client.inspect("jobs").capacity == 2)
            let state = try client.daemonState()
            #expect(state.reloadFailure.contains("sesions"))
            #expect(state.configuration == file)
        }
    }

    @Test func hangupReloadsAsWell() throws {
        try Self.run("") { (daemon, _, file) in
            try Files.write(Array(Self.jobs.utf8), to: file)
            try daemon.process.kill(.hangup)
            #expect(daemon.log.wait(for: "read anew"))
            let client = try WireClient(daemon.socketPath)
            #expect(try client.inspect("jobs").capacity == 2)
        }
    }

    @Test func whatOnlyAStartChangesIsSaid() throws {
        try Self.run("[loop]\nturn_bytes = \"64KiB\"\n") { (daemon, _, file) in
            let client = try WireClient(daemon.socketPath)
            try Files.write(Array("[loop]\nturn_bytes = \"8KiB\"\n".utf8), to: file)
            expectDone(try control(client, .reload))
            #expect(daemon.log.wait(for: "loop.turn_bytes changes at the next start only"))
        }
    }

    /// A rule that was changed holds for sessions that are there as well (rule 28).
    @Test(.enabled(if: ThisProcess.effectiveUid == 0))
    func whoIsAnAdministratorIsAskedAnew() throws {
        let group = "[daemon]\nadmin_group = 60\n"
        try Self.run(group, letsEverybodyIn: true) { (daemon, _, file) in
            let root = try WireClient(daemon.socketPath)
            let process = try ClientProcess(daemon.socketPath, user: 5004, groups: [60])
            let member = process.client
            expectDone(try control(member, .logLevel("info")))
            try Files.write([], to: file)
            expectDone(try control(root, .reload))
            #expect(try control(member, .logLevel("info")).failure == .notPermitted)
            try Files.write(Array(group.utf8), to: file)
            expectDone(try control(root, .reload))
            expectDone(try control(member, .logLevel("info")))
            withExtendedLifetime(process) {}
        }
    }

    /// A session that has more unread than a lowered mark allows has to read, or it ends.
    ///
    /// Its socket is full and its next frame is not run: nothing else would look at it again.
    @Test func aLoweredMarkThrottlesWhoIsAboveIt() throws {
        let common = "[limits]\nwrite_deadline = \"100ms\"\noutput_hard_limit = \"16MiB\"\n"
        let high = common + "output_high_watermark = \"8MiB\"\noutput_low_watermark = \"4KiB\"\n"
        try Self.run(high) { (daemon, _, file) in
            let honest = try WireClient(daemon.socketPath)
            _ = try honest.open("barrier", capacity: 1)
            let stalled = try WireClient(daemon.socketPath)
            // More than any socket takes.
            let payload = [UInt8](repeating: 5, count: 60_000)
            for request in 1000..<1064 as Range<UInt64> {
                try stalled.write(SimpleFrame.ping(request: request, payload: payload))
            }
            try stalled.write(OpenRequest(name: "barrier", role: .both).encoded(request: 2000))
            try honest.wait(for: "barrier", "a handle of who does not read") { $0.sendHandles == 2 }
            let low = common + "output_high_watermark = \"64KiB\"\noutput_low_watermark = \"4KiB\"\n"
            try Files.write(Array(low.utf8), to: file)
            expectDone(try control(honest, .reload))
            try stalled.write(SimpleFrame.ping(request: 2001))
            #expect(daemon.log.wait(for: "it does not read what it asked for"))
            try honest.wait(for: "barrier", "its handle gone") { $0.sendHandles == 1 }
        }
    }

    @Test func theLogLevelHoldsUntilTheNextReload() throws {
        try Self.run("") { (daemon, _, _) in
            let client = try WireClient(daemon.socketPath)
            expectDone(try control(client, .logLevel("debug")))
            #expect(try client.daemonState().logLevel == "debug")
            #expect(try control(client, .logLevel("loud")).failure == .invalidArgument)
            expectDone(try control(client, .reload))
            #expect(try client.daemonState().logLevel == "info")
        }
    }

    @Test func reloadsAskedForTogetherAreAllAnswered() throws {
        try Self.run("") { (daemon, _, file) in
            let clients = try (0..<4).map { _ in try WireClient(daemon.socketPath) }
            for client in clients {
                try client.write(
                    ControlRequest.reload.encoded(request: 50) + ControlRequest.reload.encoded(request: 51))
            }
            for client in clients {
                for request in [50, 51] as [UInt64] { expectDone(try client.outcome(of: request)) }
            }
            // What the last of them read is the file as it was when they asked.
            try Files.write(Array(Self.jobs.utf8), to: file)
            expectDone(try control(clients[0], .reload))
            #expect(try clients[0].inspect("jobs").capacity == 2)
        }
    }

    @Test func drainWaitsForWhatIsUnsettledAndGivesNothingNew() throws {
        try Self.run("", stops: false) { (daemon, _, _) in
            let (worker, idle) = (try WireClient(daemon.socketPath), try WireClient(daemon.socketPath))
            let jobs = try worker.open("jobs", capacity: 4)
            for text in ["a", "b", "c"] { _ = try worker.send(jobs, text) }
            let delivery = try take(worker, jobs)
            expectDone(try control(worker, .stop))
            #expect(try idle.goodbye().code == .shuttingDown)
            #expect(try worker.receive(jobs, timeout: 0).failure == .wouldBlock)
            try worker.settle(delivery.range)
            #expect(try worker.goodbye().code == .shuttingDown)
            #expect(try daemon.waitForExit().isSuccess)
            #expect(daemon.log.wait(for: "/jobs: 2 messages"))
            #expect(daemon.log.wait(for: "2 messages of 1 channels go with the daemon"))
        }
    }

    /// With an hour to wait, it would still be there when the test's patience ends.
    @Test func aStopWithNobodyToWaitForIsOverAtOnce() throws {
        try Self.run("", settings: ["shutdown.drain_timeout": "1h"], stops: false) { (daemon, _, _) in
            try daemon.process.kill(.terminate)
            #expect(try daemon.waitForExit().isSuccess)
        }
        try Self.run("", settings: ["shutdown.drain_timeout": "1h"], stops: false) { (daemon, _, _) in
            let client = try WireClient(daemon.socketPath)
            daemon.endInput()
            #expect(try client.goodbye().code == .shuttingDown)
            #expect(try daemon.waitForExit().isSuccess)
        }
    }

    @Test func whoNeverFinishesIsWaitedForOnlySoLong() throws {
        try Self.run("", settings: ["shutdown.drain_timeout": "50ms"], stops: false) { (daemon, _, _) in
            let worker = try WireClient(daemon.socketPath)
            let jobs = try worker.open("jobs", capacity: 4)
            _ = try worker.send(jobs, "a")
            _ = try take(worker, jobs)
            try daemon.process.kill(.terminate)
            #expect(try worker.goodbye().code == .shuttingDown)
            #expect(try daemon.waitForExit().isSuccess)
            #expect(daemon.log.wait(for: "/jobs: 1 messages"))
        }
    }

    @Test func aSecondSignalCutsTheWaitingShort() throws {
        try Self.run("", settings: ["shutdown.drain_timeout": "1h"], stops: false) { (daemon, _, _) in
            let worker = try WireClient(daemon.socketPath)
            let jobs = try worker.open("jobs", capacity: 4)
            _ = try worker.send(jobs, "a")
            _ = try take(worker, jobs)
            try daemon.process.kill(.terminate)
            #expect(daemon.log.wait(for: "stopping: "))
            try daemon.process.kill(.terminate)
            #expect(try worker.goodbye().code == .shuttingDown)
            #expect(try daemon.waitForExit().isSuccess)
        }
    }

    @Test func anIdleDaemonEndsAndOneThatHoldsSomethingDoesNot() throws {
        try Self.run(Self.jobs, settings: ["daemon.idle_exit": "20ms"], stops: false) { (daemon, _, _) in
            let client = try WireClient(daemon.socketPath)
            let jobs = try client.open("jobs", capacity: 2)
            _ = try client.send(jobs, "a")
            _ = consume client
            // It is still there for the next one, who takes what was stored.
            let next = try WireClient(daemon.socketPath)
            let again = try next.open("jobs", capacity: 2)
            try next.settle(try take(next, again).range)
            try next.ping()
            _ = consume next
            #expect(try daemon.waitForExit().isSuccess)
            #expect(daemon.log.wait(for: "nothing connected and nothing stored"))
        }
    }
}
