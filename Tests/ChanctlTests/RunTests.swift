// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Glibc
import Testing

/// `run`: a daemon for one command, and nothing left of it.
@Suite struct RunTests {
    /// A place for the private daemon's directory in which everything that stays behind is seen.
    final class Place {
        let directory: String

        init() throws { directory = try Files.makeTemporaryDirectory(prefix: "chanctl-run") }
        deinit { try? Files.removeTree(directory) }

        var environment: [String: String] {
            var environment = DaemonUnderTest.environment()
            environment["XDG_RUNTIME_DIR"] = directory
            return environment
        }

        func start(_ arguments: [String], changing: [String: String] = [:]) throws -> CtlProcess {
            try CtlProcess(
                ["run"] + arguments, input: [], environment: environment.merging(changing) { $1 })
        }

        func run(_ arguments: [String], changing: [String: String] = [:]) throws -> Outcome {
            let outcome = try start(arguments, changing: changing).finish()
            #expect(try Files.names(in: directory).isEmpty)
            return outcome
        }

        /// The processes that were started for this place: its path is in their command lines.
        func processes() throws -> [String] {
            try Files.names(in: "/proc").filter { name in
                guard Int32(name) != nil, let line = try? Files.read("/proc/\(name)/cmdline") else {
                    return false
                }
                return line.firstRange(of: Array(directory.utf8)) != nil
            }
        }

        func expectNothingLeft() throws {
            try eventually("the directory goes") { try Files.names(in: directory).isEmpty }
            try eventually("the processes end") { try processes().isEmpty }
        }
    }

    @Test(arguments: [
        ("true", 0 as Int32), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("exit 255", 255),
    ])
    func theStatusIsTheCommands(script: String, code: Int32) throws {
        let place = try Place()
        #expect(try place.run(["--", "sh", "-c", script]).code == code)
        try place.expectNothingLeft()
    }

    @Test func theCommandFindsAFreshPrivateDaemon() throws {
        let place = try Place()
        let chanctl = try BuiltProgram.path("chanctl")
        let script = """
            stat -c %a "$(dirname "$CHAND_SOCKET")"
            "$0" send q x & "$0" recv q; wait; "$0" list; cat
            """
        let outcome = try place.run(["--", "sh", "-c", script, chanctl])
        #expect(outcome.code == 0)
        #expect(outcome.lines.first == "700")
        #expect(outcome.lines.dropFirst().first == "x")
        #expect(outcome.lines.count == 3)
        #expect(outcome.complaint.isEmpty, "\(outcome.complaint)")
    }

    @Test func aLongRuntimeDirectoryIsAvoided() throws {
        let place = try Place()
        let long = "\(place.directory)/\(String(repeating: "x", count: 90))"
        try Files.makeDirectory(long)
        let chanctl = try BuiltProgram.path("chanctl")
        let outcome = try place.start(["--", chanctl, "list"], changing: ["XDG_RUNTIME_DIR": long]).finish()
        #expect(outcome.code == 0, "\(outcome.complaint)")
    }

    @Test(arguments: [
        ("no-such-command-here", 127 as Int32), ("/no/such/file", 127), ("/etc/passwd", 126), ("/", 126),
    ])
    func commandsThatCannotBeRun(command: String, code: Int32) throws {
        let place = try Place()
        let outcome = try place.run(["--", command])
        #expect(outcome.code == code)
        #expect(outcome.complaint.contains("command"))
        #expect(try place.run(["--json", "--", command]).error()["exit"] as? Int == Int(code))
    }

    @Test func aDaemonThatDoesNotStartIsSaidClearly() throws {
        let place = try Place()
        let ends = try place.run(["--", "true"], changing: ["CHAND_BINARY": "/bin/false"])
        #expect(ends.code == 3)
        #expect(ends.complaint.contains("/bin/false ended before it was ready: exit code 1"))
        let missing = try place.run(["--", "true"], changing: ["CHAND_BINARY": "/no/chand"])
        #expect(missing.code == 1)
        #expect(missing.complaint.contains("CHAND_BINARY"))
    }

    @Test(arguments: [Signal.terminate, .interrupt, .hangup])
    func signalsArePassedOn(_ signal: Signal) throws {
        let place = try Place()
        let name = [Signal.terminate: "TERM", .interrupt: "INT", .hangup: "HUP"][signal] ?? ""
        let chanctl = try BuiltProgram.path("chanctl")
        // What runs in a shell's background has the interrupt key ignored, which a shell below could not trap.
        if signal == .interrupt { _ = Glibc.signal(SIGINT, SIG_DFL) }
        let script = "trap 'exit 42' \(name); \"$0\" recv never & echo ready; wait"
        let process = try place.start(["--", "bash", "-c", script, chanctl])
        try eventually("it is ready") { process.outputSoFar == "ready\n" }
        try process.process.kill(signal)
        #expect(try process.finish().code == 42)
        try place.expectNothingLeft()
    }

    /// As one outside of the container that chanctl is in: the kernel gives no number then, as for the terminal's.
    @Test func signalsOfSendersWithoutANumberArePassedOn() throws {
        let place = try Place()
        let chanctl = try BuiltProgram.path("chanctl")
        let script = "trap 'exit 42' TERM; \"$0\" recv never & echo ready; wait"
        let process = try place.start(["--", "bash", "-c", script, chanctl])
        try eventually("it is ready") { process.outputSoFar == "ready\n" }
        #expect(try sendWithoutNumber(.terminate, to: process.process.pid) == 0)
        #expect(try process.finish().code == 42)
        try place.expectNothingLeft()
    }

    /// Calls rt_sigqueueinfo, for which the C library has no function.
    private func sendWithoutNumber(_ signal: Signal, to pid: Int32) throws -> Int {
        // A siginfo: the signal, two words on SI_QUEUE (-1), for which the sender's number is taken as it stands in the fifth.
        var words = [Int32](repeating: 0, count: 32)
        words[0] = signal.rawValue
        words[2] = -1
        #if arch(x86_64)
            let number = 129
        #else
            let number = 138
        #endif
        typealias Call = @convention(c) (Int, Int, Int, UnsafeMutableRawPointer?) -> Int
        let function = try #require(dlsym(nil, "syscall"))
        let call = unsafeBitCast(function, to: Call.self)
        return words.withUnsafeMutableBytes { call(number, Int(pid), Int(signal.rawValue), $0.baseAddress) }
    }

    @Test func theEnvironmentArrivesAsItIs() throws {
        let place = try Place()
        // Bytes that are no text, and a mark that would combine with the sign before it.
        let script = "export A=$'\\xff\\xfe' B=$'\\xcc\\x81'; chanctl run -- bash -c 'printf %s \"$A$B\"'"
        let outcome = try shellProcess(script, environment: place.environment).finish()
        #expect(outcome.output == [0xff, 0xfe, 0xcc, 0x81], "\(outcome.complaint)")
        try place.expectNothingLeft()
    }

    @Test func theNameOfAProgramNeedNotBeText() throws {
        let place = try Place()
        let script = """
            directory=$(mktemp -d)
            echo '#!/bin/sh' > "$directory/"$'\\xff'
            chmod +x "$directory/"$'\\xff'
            chanctl run -- "$directory/"$'\\xff' && PATH=$directory:$PATH chanctl run -- $'\\xff'
            status=$?
            rm -r "$directory"
            exit $status
            """
        let outcome = try shellProcess(script, environment: place.environment).finish()
        #expect(outcome.code == 0, "\(outcome.complaint)")
        try place.expectNothingLeft()
    }

    @Test func killedItLeavesNothingBehind() throws {
        let place = try Place()
        let chanctl = try BuiltProgram.path("chanctl")
        let process = try place.start(["--", "sh", "-c", "echo ready; exec \"$0\" recv never", chanctl])
        try eventually("it is ready") { process.outputSoFar == "ready\n" }
        #expect(try !place.processes().isEmpty)
        try process.process.kill(.kill)
        #expect(try process.finish().status == ChanSystem.ExitStatus.signalled(.kill))
        try place.expectNothingLeft()
    }

    @Test func aKilledDaemonIsSaidAndTidiedUp() throws {
        let place = try Place()
        let script = """
            dir=$(dirname "$CHAND_SOCKET"); echo ready
            for p in /proc/[0-9]*; do
                tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q -- "--private --socket $dir" &&
                    kill -9 ${p#/proc/}
            done
            while [ -e "$CHAND_SOCKET" ]; do :; done
            exit 9
            """
        let outcome = try place.run(["--", "bash", "-c", script])
        #expect(outcome.code == 9)
        #expect(outcome.complaint.contains("the private daemon has ended"))
        try place.expectNothingLeft()
    }

    @Test func descriptorsOfTheDaemonAreNotTheCommands() throws {
        let place = try Place()
        // Whoever holds the pipe that keeps the daemon alive keeps it alive: only chanctl may.
        let outcome = try place.run(["--", "sh", "-c", "ls /proc/self/fd"])
        #expect(outcome.lines == ["0", "1", "2", "3"])
    }
}
