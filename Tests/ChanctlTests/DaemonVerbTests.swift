// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// `daemon`.
@Suite struct DaemonVerbTests {
    @Test func statusForPeopleAndPrograms() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("send", "q", "a", "b", "--try")
            try daemon.ctl("create", "q", "--capacity", "4")
            try daemon.ctl("send", "q", "a", "b")
            let text = try daemon.ctl("daemon", "status")
            #expect(text.code == 0)
            #expect(text.text.contains("2 there, 2 accepted so far"))
            #expect(text.text.contains("process \(daemon.process.pid)"))
            let json = try daemon.ctl("daemon", "status", "--json").json()
            #expect(json["version"] as? Int == 1)
            #expect(json["process"] as? Int == Int(daemon.process.pid))
            #expect(json["channels"] as? Int == 1)
            #expect(json["messages"] as? Int == 2)
            #expect(json["log_level"] as? String == "info")
            #expect(
                Set(json.keys) == [
                    "version", "process", "sessions", "channels", "messages", "accepted", "waiting",
                    "longest_wait_seconds", "uptime_seconds", "log_level", "configuration", "reload_failure",
                ])
        }
    }

    /// Of a file there is no end to wait for.
    @Test func aDaemonCannotStopWithAFile() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        defer { try? Files.removeTree(directory) }
        let outcome = try CtlProcess(
            ["--private", "--socket", "\(directory)/s", "--stop-with-stdin"], program: "chand", input: [],
            environment: DaemonUnderTest.environment()
        ).finish()
        #expect(outcome.code == 1)
        #expect(outcome.complaint.hasPrefix("chand: --stop-with-stdin "), "\(outcome.complaint)")
        #expect(outcome.complaint.contains("pipe"))
        #expect(outcome.complaint.split(separator: "\n").count == 1)
        #expect(try Files.names(in: directory).isEmpty)
    }

    @Test func reloadSaysWhatIsWrongInOneLine() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        defer { try? Files.removeTree(directory) }
        let file = "\(directory)/chand.toml"
        try Files.write([], to: file)
        var options = DaemonUnderTest.Options()
        options.isPrivate = false
        options.configuration = file
        try DaemonUnderTest.run(options) { (daemon) throws in
            #expect(try daemon.ctl("daemon", "reload").code == 0)
            try Files.write(Array("[limits]\nsesions = 1\nhandels = 2\n".utf8), to: file)
            let outcome = try daemon.ctl("daemon", "reload")
            #expect(outcome.code == 1)
            #expect(outcome.complaint.split(separator: "\n").count == 1)
            #expect(outcome.complaint.contains("\(file):2") && outcome.complaint.contains("\(file):3"))
            #expect(outcome.complaint.contains("the old configuration stays in force"))
            #expect(try daemon.ctl("daemon", "status").text.contains("not reloaded"))
            let error = try daemon.ctl("daemon", "reload", "--json").error()
            #expect(error["code"] as? String == "invalidConfiguration")
            #expect(error["exit"] as? Int == 1)
        }
    }

    @Test func logLevel() throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(try daemon.ctl("daemon", "log-level", "debug").code == 0)
            #expect(try daemon.ctl("daemon", "status").text.contains("debug"))
            #expect(try daemon.ctl("daemon", "log-level", "loud").code == 2)
        }
    }

    @Test func drainStopsIt() throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        #expect(try daemon.ctl("daemon", "drain").code == 0)
        try daemon.finish()
        #expect(try daemon.ctl("daemon", "status").code == 3)
    }

    @Test(arguments: [
        ["daemon"], ["daemon", "stauts"], ["daemon", "log-level"], ["daemon", "status", "extra"],
    ])
    func wrongUsage(arguments: [String]) throws {
        let outcome = try CtlProcess(arguments, input: [], environment: DaemonUnderTest.environment())
            .finish()
        #expect(outcome.code == 2)
        #expect(outcome.complaint.split(separator: "\n").count == 1)
        if arguments.last == "stauts" { #expect(outcome.complaint.contains("did you mean status?")) }
    }

    /// Who is no administrator is told so, whatever he asks for.
    @Test(arguments: [["status"], ["reload"], ["drain"], ["log-level", "debug"]])
    func notForEverybody(arguments: [String]) throws {
        guard ThisProcess.effectiveUid == 0, Files.exists("/usr/bin/setpriv") else {
            try Test.cancel("needs root and setpriv to become another user")
        }
        // Where the clone lies may be closed to others: they run a copy.
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        defer { try? Files.removeTree(directory) }
        try Files.setPermissions(directory, 0o755)
        let program = "\(directory)/chanctl"
        try BuiltProgram.copy("chanctl", to: program)
        var options = DaemonUnderTest.Options(["daemon.socket_mode": "0666"], directory: directory)
        options.isPrivate = false
        options.configuration = "\(directory)/chand.toml"
        try Files.write([], to: "\(directory)/chand.toml")
        let daemon = try DaemonUnderTest(options)
        defer { daemon.kill() }
        let outcome = try CtlProcess(
            ["--reuid", "54321", "--regid", "54321", "--clear-groups", program, "daemon"] + arguments,
            program: "/usr/bin/setpriv", input: [], environment: daemon.clientEnvironment
        ).finish()
        #expect(outcome.code == 7, "\(outcome.complaint)")
    }
}
