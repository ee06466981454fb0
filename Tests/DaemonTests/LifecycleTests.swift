// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// How the daemon starts, does not start, and ends.
@Suite(.blocking) struct LifecycleTests {
    @Test(arguments: [Signal.terminate, Signal.interrupt])
    func signals(_ signal: Signal) throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        let clients = try (0..<3).map { _ in try WireClient(daemon.socketPath) }
        let handle = try clients[0].open("kept", capacity: 3)
        #expect(try clients[0].send(handle, "a", "b") == .sent)
        _ = try clients[1].startReceive(try clients[1].open("other", capacity: 0))
        try clients[1].ping()
        let silent = try WireClient(daemon.socketPath, greets: false)
        // Accepted before the signal comes, so that it is told as well.
        try clients[2].ping()
        try daemon.stop(by: signal)
        for client in clients + [silent] { #expect(try client.goodbye().code == .shuttingDown) }
        #expect(daemon.log.wait(for: "stopping: 4 sessions, 2 messages not settled"))
    }

    /// Otherwise what it logs would go into whatever has the number, a session's socket say.
    @Test func closedStandardStreamsAreNobodyElses() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        let socket = "\(directory)/s"
        let start = "exec \"$0\" --private --socket \"$1\" <&- >&- 2>&-"
        let process = try ChildProcess.spawn(
            "/bin/sh", arguments: ["-c", start, BuiltProgram.path("chand"), socket],
            environment: DaemonUnderTest.environment())
        defer {
            try? process.kill(.kill)
            _ = try? process.wait()
        }
        let deadline = Patience.deadline()
        func answers() -> Bool { (try? WireClient(socket).ping()) != nil }
        while !answers(), MonotonicClock.now() < deadline { Processor.yield() }
        #expect(answers())
        let look = "for n in 0 1 2; do [ /proc/\(process.pid)/fd/$n -ef /dev/null ] || exit 1; done"
        #expect(try Attempt(["-c", look], program: "/bin/sh").status == .exited(0))
    }

    @Test func endOfInput() throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        let client = try WireClient(daemon.socketPath)
        daemon.endInput()
        #expect(try client.goodbye().code == .shuttingDown)
        try daemon.finish()
    }

    /// One session that does not read keeps nobody else from what is his, and the end comes all the same.
    @Test func stopWithAStalledSession() throws {
        let daemon = try DaemonUnderTest(.init(["shutdown.drain_timeout": "1s"], checksInvariants: false))
        defer { daemon.kill() }
        // Both have more in their output than the socket takes; the first never reads it.
        let stalled = try WireClient(daemon.socketPath)
        let reading = try WireClient(daemon.socketPath)
        let payload = [UInt8](repeating: 3, count: 700_000)
        for client in [stalled, reading] { try client.write(SimpleFrame.ping(request: 1, payload: payload)) }
        try WireClient(daemon.socketPath).ping()
        try daemon.process.kill(.terminate)
        #expect(try reading.frame().body.count == payload.count)
        #expect(try reading.goodbye().code == .shuttingDown)
        try daemon.finish()
    }

    @Test func secondDaemonOnTheSameSocket() throws {
        try DaemonUnderTest.run { daemon in
            let second = try Attempt(["--private", "--socket", daemon.socketPath])
            #expect(second.status == .exited(1))
            #expect(second.lines.count == 1)
            #expect(second.text.contains("another chand serves there"))
            #expect(second.text.contains(daemon.socketPath))
            try Honest(daemon.socketPath).works()
        }
    }

    @Test func staleSocketIsTakenOver() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        let first = try DaemonUnderTest(.init(directory: directory))
        try first.process.kill(.kill)
        #expect(try first.waitForExit() == .signalled(.kill))
        #expect(Files.exists(first.socketPath))
        #expect(throws: SystemError.self) { try WireClient(first.socketPath) }
        let second = try DaemonUnderTest(.init(directory: directory))
        defer { second.kill() }
        try Honest(second.socketPath).works()
        try second.stop()
    }

    @Test func fileThatIsNoSocket() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        try Files.write(Array("precious".utf8), to: "\(directory)/s")
        let attempt = try Attempt(["--private", "--socket", "\(directory)/s"])
        #expect(attempt.status == .exited(1))
        #expect(attempt.lines.count == 1 && attempt.text.contains("not a socket"))
        #expect(try Files.read("\(directory)/s") == Array("precious".utf8))
    }

    /// Whoever starts the daemon wrongly gets one line that says what, and the exit code that says whose fault.
    @Test func wrongArguments() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        let socket = "\(directory)/s"
        let long = "\(directory)/" + String(repeating: "x", count: 108 - directory.utf8.count)
        let cases: [(arguments: [String], code: Int32, words: [String])] = [
            (["--private", "--socket", long], 2, ["107"]),
            (["--private", "--socket", "\(directory)/none/s"], 1, ["\(directory)/none/s"]),
            (
                ["--private", "--socket", socket, "--set", "limits.sesions=3"], 2,
                ["limits.sesions", "did you mean sessions?"]
            ),
            (["--private", "--socket", socket, "--set", "limits.sessions=many"], 2, ["limits.sessions"]),
            (["--private", "--socket", socket, "--set", "limits.sessions=0"], 2, ["limits.sessions"]),
            (["--private", "--socket", socket, "--set", "nothing"], 2, ["KEY=VALUE"]),
            (["--private", "--socket", socket, "--log-level", "loud"], 2, ["loud"]),
            (["--privat", "--socket", socket], 2, ["--privat", "did you mean --private?"]),
            (["--socket", socket, "--private=yes"], 2, ["--private takes no value"]),
            (["--private", "--socket"], 2, ["--socket wants a value"]),
            (["--socket", "--private"], 2, ["--socket wants a value"]),
            (["--private", socket], 2, [socket]),
            (["--config", "\(directory)/none.toml", "--socket", socket], 2, ["none.toml"]),
        ]
        for (arguments, code, words) in cases {
            let attempt = try Attempt(arguments)
            #expect(attempt.status == .exited(code), "\(arguments.last ?? ""): \(attempt.text)")
            #expect(attempt.lines.count == 1, "\(attempt.text)")
            for word in words { #expect(attempt.text.contains(word), "\(attempt.text)") }
        }
        #expect(try Files.names(in: directory).isEmpty)
    }

    @Test(arguments: [["--help"], ["--private", "-h", "--wrong"], ["--version"]])
    func saysWhatItIs(_ arguments: [String]) throws {
        let attempt = try Attempt(arguments)
        #expect(attempt.status == .exited(0))
        #expect(attempt.text.contains(arguments == ["--version"] ? "0." : "--config PATH "))
    }

    /// As a user to whom the directory is closed; only root can become one.
    @Test func directoryThatIsClosed() throws {
        guard ThisProcess.effectiveUid == 0, Files.exists("/usr/bin/setpriv") else {
            try Test.cancel("needs root and setpriv to become another user")
        }
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        try Files.setPermissions(directory, 0o755)
        // Where the clone lies may be closed to others: they run a copy.
        let program = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(program) }
        try Files.setPermissions(program, 0o755)
        try BuiltProgram.copy("chand", to: "\(program)/chand")
        let attempt = try Attempt(
            ["--reuid", "54321", "--regid", "54321", "--clear-groups", "\(program)/chand", "--private"]
                + ["--socket", "\(directory)/s"], program: "/usr/bin/setpriv")
        #expect(attempt.status == .exited(1), "\(attempt.text)")
        #expect(
            attempt.lines.count == 1 && attempt.text.contains("start chand as a user who may write there"))
    }

    @Test func configurationFile() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        let file = "\(directory)/chand.toml"
        try Files.write(Array("[limits]\nsessions = 3\nsesions = 4\n".utf8), to: file)
        let attempt = try Attempt(["--config", file, "--check-config"])
        #expect(attempt.status == .exited(2))
        #expect(attempt.text.contains("chand.toml:3") && attempt.text.contains("sesions"), "\(attempt.text)")
        try Files.write(Array("[limits]\nsessions = 3\n".utf8), to: file)
        #expect(try Attempt(["--config", file, "--check-config"]).status == .exited(0))
    }
}

/// A program that is expected to end by itself, and what it said.
struct Attempt {
    let status: ChanSystem.ExitStatus
    let text: String
    var lines: [Substring] { text.split(separator: "\n") }

    init(
        _ arguments: [String], program: String? = nil, milliseconds: UInt64 = Patience.milliseconds
    ) throws {
        let output = try Descriptor.pipe()
        let process = try ChildProcess.spawn(
            program ?? BuiltProgram.path("chand"), arguments: arguments,
            environment: DaemonUnderTest.environment(), stdout: .descriptor(output.writing.raw),
            stderr: .descriptor(output.writing.raw))
        _ = consume output.writing
        // Read before it ends: what it says may be more than the pipe holds.
        let log = try ProcessLog(reading: output.reading)
        if let status = try process.wait(timeoutMilliseconds: milliseconds) {
            self.status = status
        } else {
            try process.kill(.kill)
            status = try process.wait()
        }
        _ = log.waitForEnd()
        text = log.text
    }
}
