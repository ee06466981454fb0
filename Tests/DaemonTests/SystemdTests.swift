// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Started by systemd, or by what does the same with a socket.
@Suite(.blocking) struct SystemdTests {
    /// Everything of the units that needs a manager: activation, readiness, restart, watchdog, stop.
    @Test(.timeLimit(.minutes(15))) func inTheRig() throws {
        let here = #filePath
        let root = try #require(here.firstRange(of: "/Tests/").map { here[..<$0.lowerBound] })
        let own = try BuiltProgram.path("chand")
        let programs = own.prefix(upTo: try #require(own.lastIndex(of: "/")))
        let run = try Attempt([String(programs)], program: "\(root)/Tests/Systemd/run", milliseconds: 240_000)
        if run.status == .exited(77) {
            try Test.cancel("systemd-rig: \(run.lines.last ?? "cannot run here")")
        }
        #expect(run.status == .exited(0), "\(run.text)")
    }

    private static let activator = "/usr/bin/systemd-socket-activate"

    private static func activate(
        _ options: [String], in directory: String
    ) throws -> (process: ChildProcess, log: ProcessLog) {
        guard Files.exists(activator) else { try Test.cancel("there is no systemd-socket-activate here") }
        let output = try Descriptor.pipe()
        let daemon = [try BuiltProgram.path("chand"), "--private"]
        let process = try ChildProcess.spawn(
            activator, arguments: ["--listen=\(directory)/s"] + options + daemon,
            environment: DaemonUnderTest.environment(), stdout: .descriptor(output.writing.raw),
            stderr: .descriptor(output.writing.raw))
        _ = consume output.writing
        let log = try ProcessLog(reading: output.reading)
        guard log.wait(for: "Listening on") else {
            try process.kill(.kill)
            _ = try process.wait()
            throw LiveFailure("systemd-socket-activate does not listen: \(log.text)")
        }
        return (process, log)
    }

    @Test func socketActivation() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        let (process, log) = try Self.activate(["--fdname=chan"], in: directory)
        defer {
            try? process.kill(.kill)
            _ = try? process.wait()
        }
        // The first client waits while the daemon starts; nothing says that it is a daemon only now.
        try Honest("\(directory)/s").works()
        #expect(log.wait(for: "serving on systemd:chan"))
        let client = try WireClient("\(directory)/s")
        try process.kill(.terminate)
        #expect(try client.goodbye().code == .shuttingDown)
        #expect(try process.wait(timeoutMilliseconds: Patience.milliseconds) == .exited(0))
        // The socket is the activator's: the daemon has neither made nor removed it, and no lock beside it.
        #expect(try Files.names(in: directory) == ["s"])
    }

    @Test func socketOfAnotherKind() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-live")
        defer { try? Files.removeTree(directory) }
        let (process, log) = try Self.activate(["--seqpacket", "--fdname=odd"], in: directory)
        defer {
            try? process.kill(.kill)
            _ = try? process.wait()
        }
        // A stream does not connect there; any event starts the daemon, and the end of its input is none.
        let python = "/usr/bin/python3"
        guard Files.exists(python) else { try Test.cancel("there is no python3 here to connect") }
        let connect =
            "import socket,sys; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect(sys.argv[1])"
        #expect(try Attempt(["-c", connect, "\(directory)/s"], program: python).status == .exited(0))
        #expect(try process.wait(timeoutMilliseconds: Patience.milliseconds) == .exited(1))
        #expect(log.waitForEnd() && log.text.contains("its unit needs ListenStream="), "\(log.text)")
    }
}
