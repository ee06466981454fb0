// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Foundation
import Testing
import chanctl

/// `monitor`: what happens, a line an event.
@Suite struct MonitorTests {
    /// Starts it, and waits until it has begun.
    private static func start(_ daemon: DaemonUnderTest, _ arguments: String...) throws -> CtlProcess {
        let monitor = try daemon.start(["monitor"] + arguments)
        try eventually("it has begun") { monitor.outputSoFar.hasPrefix("TIME ") }
        return monitor
    }

    @Test func eventsAreLines() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let monitor = try Self.start(daemon)
            let chosen = try Self.start(daemon, "[a-q]*", "-n", "2")
            try daemon.ctl("create", "r", "--capacity", "4")
            try daemon.ctl("create", "q", "--capacity", "4")
            // It stays, so that it can be looked up.
            let sending = try daemon.start(["send", "q"], input: nil)
            try sending.write("x\n")
            let outcome = try chosen.finish()
            #expect(outcome.code == 0 && outcome.lines.count == 3)
            #expect(outcome.lines.dropFirst().allSatisfy { $0.contains(" open            1 ") })
            try eventually("the send is told") { monitor.outputSoFar.contains(" send  ") }
            try eventually("the line is whole") { monitor.outputSoFar.hasSuffix("\n") }
            sending.endInput()
            #expect(try sending.finish().code == 0)
            try monitor.process.kill(.interrupt)
            let all = try monitor.finish()
            #expect(all.code == 130 && all.complaint.isEmpty)
            let line = try #require(all.lines.first { $0.contains(" send  ") })
            let words = line.split(separator: " ")
            #expect(words[1...4].elementsEqual(["send", "1", "\(sending.process.pid)", "q"]))
            #expect(line.hasSuffix("chanctl send q") && all.lines.contains { $0.contains(" r  ") })
        }
    }

    /// It runs for months, and sessions come and go.
    @Test func processesThatAreGoneAreForgotten() {
        var processes = Processes(most: 100)
        for session in UInt64(1)...1000 {
            processes.lookUp(0, pid: ThisProcess.pid, sessionAge: .zero)
            processes.lookUp(session, pid: 0, sessionAge: .zero)
            #expect(processes.count <= 100)
        }
        // Who is spoken of all the time stays, and is looked up once: a second look with that number finds nothing.
        processes.lookUp(0, pid: 0, sessionAge: .zero)
        #expect(processes[0].command != nil)
        let count = processes.count
        processes.forget(0)
        #expect(processes[0].command == nil && processes.count == count - 1)
    }

    @Test func eventsAreObjects() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let monitor = try daemon.start(["monitor", "--json"])
            try eventually("something is told") {
                try daemon.ctl("send", "q", "--try", "x")
                return monitor.outputSoFar.contains("\n")
            }
            try monitor.process.kill(.interrupt)
            let outcome = try monitor.finish()
            #expect(outcome.code == 130 && outcome.lines.count > 0)
            for line in outcome.lines {
                let object = try Outcome.object(Array(line.utf8), #_sourceLocation)
                #expect(
                    Set(object.keys) == [
                        "version", "time", "event", "count", "channel", "session", "pid", "uid", "user",
                        "command", "unit",
                    ])
                #expect(object["version"] as? Int == 1 && object["event"] as? String == "open")
                #expect(object["channel"] as? String == "/uid/\(ThisProcess.effectiveUid)/q")
                #expect(
                    object["uid"] as? Int == Int(ThisProcess.effectiveUid) && object["count"] as? Int == 1)
            }
        }
    }

    /// A monitor that was stopped for a while says how much it missed.
    @Test func whatIsLeftOutIsSaid() throws {
        let settings = ["limits.output_high_watermark": "8KiB", "limits.output_low_watermark": "0"]
        try DaemonUnderTest.run(DaemonUnderTest.Options(settings, checksInvariants: false)) {
            (daemon) throws in
            for isJSON in [false, true] {
                let monitor = try daemon.start(["monitor"] + (isJSON ? ["--json"] : []))
                try eventually("something is told") {
                    try daemon.ctl("send", "q", "--try", "x")
                    return monitor.outputSoFar.contains("open")
                }
                try monitor.process.stop()
                let worker = try WireClient(daemon.socketPath)
                for _ in 0..<8000 { try worker.closeHandle(worker.open("many", capacity: 1)) }
                try monitor.process.kill(.resume)
                try eventually("it says what it missed") { monitor.outputSoFar.contains("dropped") }
                try monitor.process.kill(.interrupt)
                #expect(try monitor.finish().code == 130)
            }
        }
    }

    @Test func exitCodes() throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        let monitors = try (0..<4).map { _ in try Self.start(daemon) }
        #expect(try daemon.ctl("monitor").code == 8)
        try daemon.stop()
        for monitor in monitors {
            let outcome = try monitor.finish()
            #expect(outcome.code == 3 && outcome.complaint.hasPrefix("chanctl: "))
        }
    }

    /// Others' channels are not for everybody; only root can become another user.
    @Test func othersChannelsAreNotTold() throws {
        guard ThisProcess.effectiveUid == 0, Files.exists("/usr/bin/setpriv") else {
            try Test.cancel("needs root and setpriv to become another user")
        }
        try DaemonUnderTest.run { (daemon) throws in
            // Where the clone lies may be closed to others: they run a copy.
            let program = try Files.makeTemporaryDirectory(prefix: "chand-live")
            defer { try? Files.removeTree(program) }
            try Files.setPermissions(program, 0o755)
            try BuiltProgram.copy("chanctl", to: "\(program)/chanctl")
            try Files.setPermissions(daemon.directory, 0o755)
            try Files.setPermissions(daemon.socketPath, 0o666)
            func other(_ arguments: String...) throws -> CtlProcess {
                try CtlProcess(
                    ["--reuid", "54321", "--regid", "54321", "--clear-groups", "\(program)/chanctl"]
                        + arguments,
                    program: "/usr/bin/setpriv", input: [], environment: daemon.clientEnvironment)
            }
            let all = try Self.start(daemon)
            let monitor = try other("monitor")
            try eventually("it has begun") { monitor.outputSoFar.hasPrefix("TIME ") }
            try daemon.ctl("create", "mine", "--capacity", "1")
            #expect(try other("create", "others", "--capacity", "1").finish().code == 0)
            try eventually("its own is told") { monitor.outputSoFar.contains("others") }
            try eventually("all is told") {
                all.outputSoFar.contains("mine") && all.outputSoFar.contains("/uid/54321/others")
            }
            try monitor.process.kill(.interrupt)
            let text = try monitor.finish().text
            #expect(!text.contains("mine") && text.split(separator: "\n").count >= 2)
            try all.process.kill(.interrupt)
            _ = try all.finish()
        }
    }
}
