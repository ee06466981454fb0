// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// chanctl exec: a command for each message.
@Suite struct ExecTests {
    /// A directory for what commands leave.
    final class Place {
        let directory: String
        init() throws { directory = try Files.makeTemporaryDirectory(prefix: "chanctl-exec") }
        deinit { try? Files.removeTree(directory) }

        func names() throws -> [String] { try Files.names(in: directory).sorted() }
    }

    static func fill(_ daemon: DaemonUnderTest, _ messages: [String], close: Bool = true) throws {
        try daemon.ctl("create", "q", "--capacity", "unbounded")
        #expect(
            try daemon.start(["send", "q"] + (close ? ["--close"] : []) + ["--"] + messages).finish().code
                == 0)
    }

    @Test func eachMessageIsTheCommandsInput() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["one", "two", "three"])
            let outcome = try daemon.ctl("exec", "q", "--", "sh", "-c", "cat; echo \" $CHAND_ATTEMPT\"")
            #expect(
                outcome.code == 0 && outcome.lines == ["one 1", "two 1", "three 1"], "\(outcome.complaint)")
            #expect(outcome.complaint.isEmpty)
            #expect(try daemon.channel("q")["settled"] as? Int == 3)
        }
    }

    @Test func eachMessageTakesItsPlaceInTheArguments() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a b", ""])
            let outcome = try daemon.ctl("exec", "q", "--", "printf", "%s|", "{}", "x{}{}y", "z")
            #expect(outcome.text == "a b|xa ba by|z||xy|z|")
            #expect(outcome.code == 0)
        }
    }

    @Test func theEnvironmentArrivesAsItIs() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["x"])
            // A byte that is no text, and a mark that would combine with the sign before it.
            let script = """
                export A=$'\\xff' B=$'\\xcc\\x81'
                chanctl exec q -- bash -c 'printf %s "$A$B$CHAND_ATTEMPT"'
                """
            let outcome = try daemon.shell(script)
            #expect(outcome.output == [0xff, 0xcc, 0x81, UInt8(ascii: "1")], "\(outcome.complaint)")
        }
    }

    @Test func bytesArriveAsTheyAre() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let messages = awkwardMessages()
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            try daemon.ctl("send", "q", "--length-prefixed", "--close", input: lengthPrefixed(messages))
            let outcome = try daemon.ctl("exec", "q", "--", "cat")
            #expect(outcome.output == messages.flatMap { $0 } && outcome.code == 0)
        }
        try DaemonUnderTest.run { (daemon) throws in
            let bytes = Array(1...255) as [UInt8]
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            try daemon.ctl("send", "q", "--whole", "--close", input: bytes)
            #expect(try daemon.ctl("exec", "q", "--", "printf", "%s", "{}").output == bytes)
        }
    }

    /// A NUL byte ends an argument, and one of 200 KB is longer than any may be: those jobs fail, and no others.
    @Test(arguments: [[0, 1] as [UInt8], [UInt8](repeating: 65, count: 200_000)])
    func whatIsNoArgument(message: [UInt8]) throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            try daemon.ctl("send", "q", "--whole", input: message)
            try daemon.ctl("send", "q", "good", "--close")
            let outcome = try daemon.ctl("exec", "q", "--attempts", "1", "--", "echo", "{}")
            #expect(outcome.code == 1 && outcome.text == "good\n")
            #expect(outcome.complaint.contains("argument"))
            #expect(try daemon.channel("q")["set_aside"] as? Int == 1)
        }
    }

    @Test func whatFailsGoesBackAndIsTriedAgain() throws {
        let place = try Place()
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a"])
            let script = "mkdir '\(place.directory)/'$CHAND_ATTEMPT; test $CHAND_ATTEMPT = 3"
            let outcome = try daemon.ctl("exec", "q", "--json", "--", "sh", "-c", script)
            #expect(outcome.code == 1)
            #expect(try place.names() == ["1", "2", "3"])
            let object = try outcome.json()
            #expect(object["done"] as? Int == 1 && object["failed"] as? Int == 2)
            #expect(
                object["channel"] as? String == "/uid/\(ThisProcess.uid)/q" && object["version"] as? Int == 1)
            let errors = try outcome.complaint.split(separator: "\n").map {
                try Outcome.object(Array($0.utf8), #_sourceLocation)["code"] as? String
            }
            #expect(errors == ["jobFailed", "jobFailed", "jobsFailed"])
            #expect(try daemon.channel("q")["settled"] as? Int == 1)
        }
    }

    @Test func afterTheLastAttemptItIsADeadLetter() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["good", "bad", "fine"])
            let outcome = try daemon.ctl(
                "exec", "q", "--attempts", "2", "--dead-letter", "dead", "--", "grep", "-v", "bad")
            #expect(outcome.code == 1 && Set(outcome.lines) == ["good", "fine"])
            #expect(outcome.complaint.contains("grep: exit code 1; the message goes back, attempt 1 of 2"))
            #expect(outcome.complaint.contains("the message ends its attempts, attempt 2 of 2"))
            #expect(outcome.complaint.contains("2 of 4 runs of \"grep\" failed"))
            #expect(try daemon.ctl("recv", "dead", "--try").text == "bad\n")
        }
    }

    @Test func asManyAtATimeAsAskedFor() throws {
        let place = try Place()
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["1", "2", "3", "4", "5", "6"])
            // Each waits until three are there: with fewer at a time it would be for ever.
            let script = """
                touch '\(place.directory)/'{}
                while [ $(ls '\(place.directory)' | wc -l) -lt 3 ]; do :; done
                """
            #expect(try daemon.ctl("exec", "q", "-P", "3", "--", "sh", "-c", script).code == 0)
            #expect(try place.names() == ["1", "2", "3", "4", "5", "6"])
        }
    }

    @Test func noMoreRunsThanAskedFor() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["1", "2", "3"], close: false)
            #expect(try daemon.ctl("exec", "q", "-n", "2", "-P", "8", "--", "cat").text.count == 2)
            #expect(try daemon.channel("q")["queued"] as? Int == 1)
            try daemon.ctl("close", "q")
            let outcome = try daemon.ctl("exec", "q", "-n", "2", "--", "cat")
            #expect(outcome.code == 5 && outcome.text == "3")
        }
    }

    @Test(arguments: [
        ("no-such-command-here", 127 as Int32), ("/no/such/file", 127), ("/etc/passwd", 126),
    ])
    func aCommandThatCannotBeRunTakesNothing(command: String, code: Int32) throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a"], close: false)
            let outcome = try daemon.ctl("exec", "q", "--", command)
            #expect(outcome.code == code && outcome.complaint.contains("command"), "\(outcome.complaint)")
            try daemon.wait("q", "queued", 1)
        }
    }

    /// The first signal lets the running command finish, whoever gets the messages behind it.
    @Test(arguments: [(Signal.terminate, 0 as Int32), (.interrupt, 130)])
    func theFirstSignalLetsWhatRunsFinish(signal: Signal, code: Int32) throws {
        let place = try Place()
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a"], close: false)
            let script = "echo begun; while [ ! -e '\(place.directory)/go' ]; do :; done; echo ended"
            let process = try daemon.start(["exec", "q", "-P", "2", "--", "sh", "-c", script])
            try eventually("it runs") { process.outputSoFar == "begun\n" }
            try daemon.wait("q", "waiting_receivers", 1)
            try process.process.kill(signal)
            // What is not there any more was withdrawn by the signal.
            try daemon.wait("q", "waiting_receivers", 0)
            try daemon.ctl("send", "q", "b")
            try Files.write([], to: "\(place.directory)/go")
            let outcome = try process.finish()
            #expect(outcome.text == "begun\nended\n")
            #expect(outcome.code == code, "\(outcome.complaint)")
            let channel = try daemon.channel("q")
            #expect(channel["settled"] as? Int == 1 && channel["queued"] as? Int == 1)
        }
    }

    @Test func aSignalEndsWaitingForMessages() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let process = try daemon.start(["exec", "q", "-P", "2", "--", "cat"])
            try daemon.wait("q", "waiting_receivers", 2)
            try process.process.kill(.terminate)
            let outcome = try process.finish()
            #expect(outcome.code == 0 && outcome.complaint.isEmpty, "\(outcome.complaint)")
        }
    }

    /// The summary comes at the end, whatever the end is.
    @Test func interruptedItSaysWhatWasDone() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a"], close: false)
            let process = try daemon.start(["exec", "q", "--json", "--", "true"])
            try daemon.wait("q", "settled", 1)
            // It waits for the next when it has counted this one.
            try daemon.wait("q", "waiting_receivers", 1)
            try process.process.kill(.interrupt)
            let outcome = try process.finish()
            let object = try outcome.json()
            #expect(outcome.code == 130 && object["done"] as? Int == 1 && object["failed"] as? Int == 0)
        }
    }

    @Test func theSecondSignalGivesBackWhatRuns() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a", "b"], close: false)
            let process = try daemon.start([
                "exec", "q", "-P", "3", "--", "sh", "-c", "echo begun; exec sleep 600",
            ])
            try eventually("both run") { process.outputSoFar == "begun\nbegun\n" }
            try daemon.wait("q", "waiting_receivers", 1)
            try process.process.kill(.terminate)
            // Two signals at once would come in any order.
            try daemon.wait("q", "waiting_receivers", 0)
            try process.process.kill(.interrupt)
            let outcome = try process.finish()
            #expect(outcome.code == 1 && outcome.complaint.contains("signal 15"), "\(outcome.complaint)")
            #expect(try daemon.channel("q")["queued"] as? Int == 2)
        }
    }

    @Test func otherSignalsArePassedOn() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a"])
            let script = "trap 'echo got; exit' USR1; echo begun; while :; do :; done"
            let process = try daemon.start(["exec", "q", "--", "sh", "-c", script])
            try eventually("it runs") { process.outputSoFar == "begun\n" }
            try process.process.kill(.user1)
            let outcome = try process.finish()
            #expect(outcome.code == 0 && outcome.text == "begun\ngot\n")
        }
    }

    @Test func killedItLosesNothingAndLeavesNothing() throws {
        let place = try Place()
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a", "b", "c"], close: false)
            // Commands with children of their own, which would be nobody's then.
            let script = "sleep 600 & echo $! $$ > '\(place.directory)/'{}; echo begun; wait"
            let process = try daemon.start(["exec", "q", "-P", "2", "--", "sh", "-c", script])
            try eventually("both run") { process.outputSoFar == "begun\nbegun\n" }
            try process.process.kill(.kill)
            _ = try process.finish()
            try daemon.wait("q", "queued", 3)
            let files = try place.names().map { "\(place.directory)/\($0)" }
            let numbers = try files.flatMap { try Files.read($0).split { $0 == 32 || $0 == 10 } }
                .map { String(decoding: $0, as: UTF8.self) }
            #expect(numbers.count == 4)
            try eventually("they are ended") {
                numbers.allSatisfy { number in
                    let stat = (try? Files.read("/proc/\(number)/stat")).map {
                        String(decoding: $0, as: UTF8.self)
                    }
                    return stat?.contains(") Z ") ?? true
                }
            }
            #expect(try daemon.ctl("recv", "q", "-n", "3").lines == ["a", "b", "c"])
        }
    }

    /// A lease of a second is not over while its command runs for longer, since it is renewed.
    @Test func theLeaseIsRenewed() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a"])
            let outcome = try daemon.ctl("exec", "q", "--lease", "1s", "--", "sleep", "2.5")
            #expect(outcome.code == 0, "\(outcome.complaint)")
            #expect(try daemon.channel("q")["settled"] as? Int == 1)
        }
    }

    /// A chanctl that hangs renews nothing: somebody else gets the message, and is not disturbed by its end.
    @Test func whoHangsLosesTheMessage() throws {
        let place = try Place()
        try DaemonUnderTest.run { (daemon) throws in
            try Self.fill(daemon, ["a"], close: false)
            let script = "echo begun; while [ ! -e '\(place.directory)/go' ]; do :; done"
            let process = try daemon.start([
                "exec", "q", "--lease", "1s", "-n", "1", "--", "sh", "-c", script,
            ])
            try eventually("it runs") { process.outputSoFar == "begun\n" }
            try process.process.kill(.stop)
            #expect(try daemon.ctl("recv", "q").text == "a\n")
            try Files.write([], to: "\(place.directory)/go")
            try process.process.kill(.resume)
            let outcome = try process.finish()
            #expect(outcome.code == 1 && outcome.complaint.contains("it took longer"), "\(outcome.complaint)")
        }
    }

    @Test func theDaemonGoesAway() throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        try Self.fill(daemon, ["a"], close: false)
        let place = try Place()
        let script = "echo begun; while [ ! -e '\(place.directory)/go' ]; do :; done; echo ended"
        let process = try daemon.start(["exec", "q", "--", "sh", "-c", script])
        try eventually("it runs") { process.outputSoFar == "begun\n" }
        daemon.kill()
        try Files.write([], to: "\(place.directory)/go")
        let outcome = try process.finish()
        // Nobody else has the message any more: what runs is not ended.
        #expect(outcome.code == 3 && outcome.text == "begun\nended\n", "\(outcome.complaint)")
    }
}
