// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// Exit codes and complaints that all verbs share.
@Suite struct ErrorTests {
    /// Verbs with arguments that are right.
    static let verbs: [[String]] = [
        [], ["list"], ["show", "q"], ["create", "q"], ["send", "q", "x"], ["recv", "q"],
        ["select", "recv:q"],
        ["close", "q"], ["remove", "q"], ["wait", "q", "closed"], ["ping"],
        ["ps"], ["monitor"], ["blocked"], ["graph"], ["stat"], ["metrics"],
        ["exec", "q", "--", "true"], ["peek", "q"], ["purge", "q", "--yes"], ["drain", "q"], ["pause", "q"],
        ["resume", "q"],
    ]

    static func run(_ arguments: [String], socket: String? = nil) throws -> Outcome {
        var environment = DaemonUnderTest.environment()
        environment["CHAND_SOCKET"] = socket
        return try CtlProcess(arguments, input: [], environment: environment).finish()
    }

    @Test(arguments: verbs)
    func withoutADaemonItIsThree(_ verb: [String]) throws {
        let outcome = try Self.run(verb, socket: "/nonexistent/chand.sock")
        #expect(outcome.code == 3)
        #expect(outcome.complaint.contains("/nonexistent/chand.sock"))
        #expect(outcome.complaint.contains("chanctl run"))
        #expect(outcome.complaint.split(separator: "\n").count == 1)
        let object = try Self.run(["--json"] + verb, socket: "/nonexistent/chand.sock").error()
        #expect(Set(object.keys) == ["version", "code", "message", "channel", "exit"])
        #expect(object["exit"] as? Int == 3)
        #expect(object["version"] as? Int == 1)
    }

    @Test func theSocketIsTheOneThatWasGiven() throws {
        try DaemonUnderTest.run { (daemon) throws in
            for arguments in [
                ["--socket", daemon.socketPath, "list"], ["list", "--socket=\(daemon.socketPath)"],
            ] {
                #expect(try Self.run(arguments, socket: "/nonexistent").code == 0)
            }
        }
        let path = "/" + String(repeating: "x", count: 200)
        let outcome = try Self.run(["list", "--socket", path])
        #expect(outcome.code == 3)
        #expect(outcome.complaint.contains("107"))
    }

    @Test(arguments: [
        ["show", "jbos"], ["close", "jbos"], ["remove", "jbos"], ["peek", "jbos"],
        ["purge", "jbos"], ["drain", "jbos"], ["pause", "jbos"], ["resume", "jbos"],
    ])
    func anUnknownChannelIsFourAndTheNearestIsNamed(_ arguments: [String]) throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(try daemon.start(arguments).finish().complaint.contains("chanctl list"))
            try daemon.ctl("create", "jobs")
            let outcome = try daemon.start(arguments).finish()
            #expect(outcome.code == 4)
            #expect(outcome.complaint.contains("did you mean jobs?"))
            let object = try daemon.start(arguments + ["--json"]).finish().error()
            #expect(object["code"] as? String == "noSuchChannel")
            #expect(object["channel"] as? String == "jbos")
            let absolute = try daemon.ctl(arguments[0], "/uid/\(ThisProcess.uid)/jbos")
            #expect(absolute.complaint.contains("did you mean /uid/\(ThisProcess.uid)/jobs?"))
        }
    }

    @Test(arguments: [
        ["show"], ["create"], ["send", "x"], ["recv"], ["close"], ["remove"],
        ["peek"], ["purge"], ["drain"], ["pause"], ["resume"], ["exec", "--", "true"], ["wait", "closed"],
    ])
    func whatIsNotPermittedIsSeven(_ verb: [String]) throws {
        var options = DaemonUnderTest.Options()
        options.isPrivate = false
        let daemon = try DaemonUnderTest(options)
        defer { daemon.kill() }
        let outcome = try daemon.start([verb[0], "/not-granted/q"] + verb.dropFirst()).finish()
        #expect(outcome.code == 7, "\(outcome.complaint)")
        #expect(outcome.complaint.contains("/not-granted"))
        try daemon.stop()
    }

    @Test func aQuotaIsEight() throws {
        try DaemonUnderTest.run(["limits.channels_per_user": "1", "limits.messages_per_user": "2"]) {
            daemon in
            try daemon.ctl("create", "a", "--capacity", "unbounded")
            let create = try daemon.ctl("create", "b")
            #expect(create.code == 8)
            #expect(create.complaint.contains("channels_per_user"))
            let send = try daemon.ctl("send", "a", "1", "2", "3", "--json")
            #expect(send.code == 8)
            #expect(try send.error()["code"] as? String == "quotaExceeded")
        }
    }

    @Test func withoutASessionLeftEveryVerbIsEight() throws {
        try DaemonUnderTest.run(["limits.sessions": "1"]) { (daemon) throws in
            let holder = try WireClient(daemon.socketPath)
            defer { withExtendedLifetime(holder) {} }
            for verb in Self.verbs {
                let outcome = try daemon.start(verb).finish()
                #expect(outcome.code == 8, "\(verb): \(outcome.complaint)")
                #expect(outcome.complaint.contains("limit sessions"), "\(verb): \(outcome.complaint)")
            }
        }
    }

    @Test(arguments: verbs)
    func aServerOfAnotherKindIsNine(_ verb: [String]) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        defer { try? Files.removeTree(directory) }
        let listener = try UnixSocket.listen(path: "\(directory)/s")
        let process = try CtlProcess(
            verb, input: [], environment: ["CHAND_SOCKET": "\(directory)/s", "PATH": "/bin"])
        _ = try Transfer.wait(listener.descriptor, for: .read, until: Patience.deadline())
        guard case .connection(let connection) = listener.accept() else {
            Issue.record("nobody connected")
            return
        }
        let reply = Array("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".utf8)
        _ = reply.withUnsafeBytes { Transfer.send(connection.raw, $0) }
        let outcome = try process.finish()
        #expect(outcome.code == 9, "\(outcome.complaint)")
    }

    @Test(arguments: [".q", "a//b", "-", "a/", "", "a b", "ü", "x\u{1}", String(repeating: "x", count: 201)])
    func aBadNameIsTwo(_ name: String) throws {
        try DaemonUnderTest.run { (daemon) throws in
            for verb in [["show"], ["recv"], ["send"], ["create"], ["close"]] {
                let outcome = try daemon.start(verb + ["--", name]).finish()
                #expect(outcome.code == 2, "\(verb) \(name): \(outcome.complaint)")
                #expect(outcome.complaint.split(separator: "\n").count == 1)
                #expect(!outcome.complaint.contains("\u{1}"))
            }
        }
    }

    @Test(arguments: [
        (["lsit"], "did you mean `chanctl list`?"), (["xyzzy"], "chanctl --help"),
        (["recv"], "usage: chanctl recv"),
        (["send"], "usage: chanctl send"), (["recv", "q", "-n", "0"], "1 or more"),
        (["recv", "q", "-n", "x"], "1 or more"), (["recv", "q", "--timeout", "5x"], "50ms, 1.5s"),
        (["recv", "q", "--format", "hxe"], "did you mean hex?"),
        (["recv", "q", "--follow", "-n", "2"], "choose one"),
        (["recv", "q", "--try", "--timeout", "1s"], "choose one"),
        (["recv", "q", "extra"], "usage: chanctl recv"),
        (["recv", "q", "--meta", "--format", "raw"], "raw"),
        (["send", "q", "x", "--null"], "chanctl: DATA and an option"),
        (["help", "nope"], "there is no verb \"nope\""), (["help", "sned"], "did you mean `chanctl send`?"),
        (["send", "q", "--null", "--whole"], "choose one"),
        (["send", "q", "--chunk", "0"], "64KiB"), (["list", "--sort", "nmae"], "did you mean name?"),
        (["list", "[a"], "["), (["monitor", "[a"], "["), (["monitor", "-n", "0"], "1 or more"),
        (["list", "a", "b"], "usage: chanctl list"), (["--frob"], "usage: chanctl"),
        (["ping", "-n", "0"], "1 to 1000000"), (["run"], "chanctl run -- CMD"),
        (["run", "true"], "chanctl run -- CMD"), (["exec", "q"], "chanctl exec CHAN -- CMD"),
        (["exec", "q", "-P", "0", "--", "x"], "1 to 1024"),
        (["exec", "q", "--lease", "1ms", "--", "x"], "1s or more"),
        (["exec", "q", "--attempts", "0", "--", "x"], "1 to 65535"),
        (["exec", "q", "--dead-letter", "d", "--", "x"], "add --attempts N"),
        (["show", "q", "--jsn"], "--json"), (["close", "q", "--code", "-1"], "--code"),
        (["close", "q", "--code", "x"], "--code"), (["--socket"], "--socket"),
    ])
    func wrongUsageIsTwoAndOneLine(arguments: [String], hint: String) throws {
        let outcome = try Self.run(arguments)
        #expect(outcome.code == 2, "\(outcome.complaint)")
        #expect(outcome.complaint.hasPrefix("chanctl: "))
        #expect(outcome.complaint.contains(hint), "\(outcome.complaint)")
        #expect(outcome.complaint.split(separator: "\n").count == 1)
        #expect(outcome.output.isEmpty)
    }

    @Test(arguments: [
        ["pause", "q", "--sort", "bytes"], ["send", "q", "-l"], ["recv", "q", "--reverse"],
        ["--sort=name", "ping"], ["-l", "show", "q"],
    ])
    func optionsOfListAreNoOtherVerbs(_ arguments: [String]) throws {
        let outcome = try Self.run(arguments, socket: "/nonexistent")
        #expect(outcome.code == 2)
        #expect(outcome.complaint.contains("is an option of list"), "\(outcome.complaint)")
        #expect(outcome.complaint.split(separator: "\n").count == 1)
    }

    @Test(arguments: [
        ["run", "--socket", "/x", "--", "true"], ["config", "show", "--socket", "/x"],
        ["completion", "bash", "--socket=/x"], ["--socket", "/x", "bench", "latency"],
    ])
    func aSocketIsForVerbsThatTalkToADaemon(_ arguments: [String]) throws {
        let outcome = try Self.run(arguments)
        #expect(outcome.code == 2)
        #expect(outcome.complaint.contains("--socket is for verbs"), "\(outcome.complaint)")
        #expect(outcome.output.isEmpty)
    }

    @Test func optionsBehindTheDashesAreTheCommands() throws {
        let words = ["exec", "q", "--", "ls", "-l", "--sort", "--socket"]
        #expect(try Self.run(words, socket: "/nonexistent").code == 3)
    }

    @Test func wrongUsageIsJSONToo() throws {
        for arguments in [["--json", "lsit"], ["recv", "--json"], ["recv", "q", "-n", "0", "--json"]] {
            let object = try Self.run(arguments).error()
            #expect(object["code"] as? String == "usage")
            #expect(object["exit"] as? Int == 2)
        }
    }

    @Test func helpIsNoFailure() throws {
        for arguments in [
            ["--help"], ["help", "send"], ["--socket", "/x", "help", "send"], ["-h"], ["--version"],
        ]
            + Self.verbs.dropFirst().map({ [$0[0], "--help"] })
        {
            let outcome = try Self.run(arguments)
            #expect(outcome.code == 0)
            #expect(!outcome.output.isEmpty)
            #expect(outcome.complaint.isEmpty)
        }
        // Every option of every verb says what it does.
        for verb in Self.verbs.dropFirst() + [["run"], ["bench"], ["config"], ["completion"]] {
            let help = try Self.run([verb[0], "--help"]).text
            #expect(help.contains("USAGE: chanctl \(verb[0])"))
            let lines = help.split(separator: "\n")
            let column = String(repeating: " ", count: 26)
            for (line, next) in zip(lines, lines.dropFirst()) where line.hasPrefix("  -") {
                #expect(line.count > 26 || next.hasPrefix(column), "\(line)")
            }
        }
    }

    @Test func pingsAreCounted() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let text = try daemon.ctl("ping", "-n", "10").text
            #expect(text.hasPrefix("10 round trips to chand"))
            for mark in ["min ", "p50 ", "p90 ", "p99 ", "max "] { #expect(text.contains(mark)) }
            let object = try daemon.ctl("ping", "--json").json()
            #expect(
                Set(object.keys) == [
                    "version", "daemon", "socket", "count", "min_seconds", "p50_seconds", "p90_seconds",
                    "p99_seconds", "max_seconds",
                ])
            #expect(object["count"] as? Int == 100)
            let times = try ["min", "p50", "p90", "p99", "max"].map {
                try #require(object["\($0)_seconds"] as? Double)
            }
            #expect(times == times.sorted() && times[0] > 0)
        }
    }

    @Test(arguments: [
        ["list"], ["show", "q"], ["recv", "q", "--follow"], ["recv", "q", "--format", "json", "--follow"],
        ["ping"],
        ["select", "recv:q", "--loop"], ["--help"],
    ])
    func aBrokenPipeIsQuiet(_ arguments: [String]) throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "10")
            try daemon.ctl("send", "q", "x", "y", "z")
            let pipe = try Descriptor.pipe()
            let process = try daemon.start(arguments, output: pipe.writing.raw)
            _ = consume pipe
            let outcome = try process.finish()
            // As `seq` does: ended by SIGPIPE (13), or where that is ignored, with a code and without a word.
            let ways: [ChanSystem.ExitStatus] = [.signalled(Signal(rawValue: 13)), .exited(1), .exited(0)]
            #expect(ways.contains(outcome.status), "\(outcome.status)")
            #expect(outcome.complaint.isEmpty, "\(outcome.complaint)")
        }
    }

    @Test func anIgnoredBrokenPipeIsQuietToo() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let script = "trap '' PIPE; { chanctl list; echo $? >&2; } | true"
            let complaint = try daemon.shell(script).complaint
            #expect(["1\n", "0\n"].contains(complaint))
        }
    }

    @Test func aFullDiskIsAFailure() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let outcome = try daemon.shell("chanctl list > /dev/full")
            #expect(outcome.code == 1)
            #expect(outcome.complaint.contains("No space left"))
        }
    }

    @Test func badInputIsOneAndWhatWasGoodIsSent() throws {
        try DaemonUnderTest.run(["limits.message_bytes": "1KiB"]) { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "10")
            let long = Array("good\n".utf8) + [UInt8](repeating: 65, count: 2000) + Array("\nmore\n".utf8)
            let lines = try daemon.ctl("send", "q", input: long)
            #expect(lines.code == 1)
            #expect(lines.complaint.contains("message 2 ") && lines.complaint.contains("--chunk"))
            #expect(try daemon.ctl("recv", "q", "-n", "10", "--try").text == "good\n")
            let cut = try daemon.ctl(
                "send", "q", "--length-prefixed", "--json", input: [1, 0, 0, 0, 65, 9, 0])
            #expect(cut.code == 1)
            #expect(try cut.error()["code"] as? String == "truncatedInput")
            #expect(try daemon.ctl("recv", "q", "-n", "10", "--try").text == "A\n")
            #expect(try daemon.ctl("send", "q", "--chunk", "2KiB").code == 2)
            #expect(try daemon.ctl("send", "q", "--whole", input: long).code == 1)
            #expect(try daemon.ctl("send", "q", String(repeating: "x", count: 1025)).code == 1)
        }
    }
}
