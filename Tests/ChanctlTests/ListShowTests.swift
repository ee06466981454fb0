// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// `list`, `show`, and chanctl without a verb.
@Suite struct ListShowTests {
    /// The keys of a channel in JSON: part of the contract.
    static let channelKeys: Set = [
        "name", "state", "kept", "removed", "paused", "capacity", "queued", "queued_bytes", "max_bytes",
        "unsettled",
        "ahead", "leased", "set_aside", "waiting_senders",
        "waiting_receivers", "send_handles", "receive_handles", "send_ready", "receive_ready", "accepted",
        "settled", "delivered", "owner", "owner_name", "group", "group_name", "mode", "type",
        "close_with_last_sender",
        "fail_with_last_receiver", "close_code", "close_text", "generation",
    ]

    @Test func theTableIsAlignedAndRelative() throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(try daemon.ctl().lines.count == 1)
            try daemon.ctl("create", "short", "--capacity", "3")
            try daemon.ctl("create", "a/much/longer/name")
            try daemon.ctl("send", "short", "x", "yy")
            let lines = try daemon.ctl("list").lines
            #expect(lines.map { $0.split(separator: " ").first } == ["NAME", "a/much/longer/name", "short"])
            #expect(lines[2].contains("3       2          0          0  0s 0r"))
            #expect(lines[1].contains("undecided"))
            #expect(lines[2].hasSuffix("open, kept"))
            let column = try #require(lines[0].firstRange(of: "HANDLES")?.lowerBound).utf16Offset(
                in: lines[0])
            for line in lines.dropFirst() { #expect(line.utf8.dropFirst(column).starts(with: "0s 0r".utf8)) }
            #expect(try daemon.ctl().text == daemon.ctl("list").text)
            // No terminal, no colour.
            #expect(!lines.joined().contains("\u{1B}"))
        }
    }

    @Test func patternsChoose() throws {
        try DaemonUnderTest.run { (daemon) throws in
            for name in ["jobs", "jobs/a", "jobs/b", "other"] { try daemon.ctl("create", name) }
            func names(_ pattern: String) throws -> [String] {
                try daemon.ctl("list", pattern).lines.dropFirst().map { String($0.prefix { $0 != " " }) }
            }
            #expect(try names("jobs") == ["jobs"])
            #expect(try names("jobs*") == ["jobs"])
            #expect(try names("jobs/*") == ["jobs/a", "jobs/b"])
            #expect(try names("jobs**") == ["jobs", "jobs/a", "jobs/b"])
            #expect(try names("/uid/*/other") == ["other"])
            #expect(try names("none") == [])
        }
    }

    @Test func orderIsAsAskedFor() throws {
        try DaemonUnderTest.run { (daemon) throws in
            for (name, count) in [("b", 1), ("a", 3), ("c", 2)] {
                try daemon.ctl("create", name, "--capacity", "\(count + 1)")
                _ = try daemon.start(["send", name] + Array(repeating: "x", count: count)).finish()
            }
            func names(_ arguments: String...) throws -> String {
                try daemon.start(["list"] + arguments).finish().lines.dropFirst().map { String($0.prefix(1)) }
                    .joined()
            }
            #expect(try names() == "abc")
            #expect(try names("--reverse") == "cba")
            #expect(try names("--sort", "queued") == "acb")
            #expect(try names("--sort", "capacity", "--reverse") == "bca")
            for key in ["bytes", "waiting", "handles", "owner", "state"] {
                #expect(try names("--sort", key).count == 3)
            }
        }
    }

    @Test func jsonHasTheDocumentedKeys() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "unbounded", "--type", "text", "--mode", "640")
            try daemon.ctl("create", "undecided")
            let list = try daemon.ctl("--json").json()
            #expect(Set(list.keys) == ["version", "channels"])
            #expect(list["version"] as? Int == 1)
            let channels = try #require(list["channels"] as? [[String: Any]])
            #expect(channels.count == 2)
            for channel in channels { #expect(Set(channel.keys) == Self.channelKeys) }
            #expect(channels[0]["name"] as? String == "/uid/\(ThisProcess.uid)/q")
            #expect(channels[0]["capacity"] as? Int == -1)
            #expect(channels[0]["mode"] as? String == "0640")
            #expect(channels[0]["type"] as? String == "text")
            #expect(channels[0]["owner"] as? Int == Int(ThisProcess.uid))
            #expect(channels[0]["kept"] as? Bool == true)
            #expect(channels[1]["capacity"] as? Int == nil)
        }
    }

    @Test func longListsHaveMore() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--type", "a type", "--mode", "0600")
            let lines = try daemon.ctl("-l").lines
            for heading in [
                "BYTES", "UNSETTLED", "ACCEPTED", "SETTLED", "MODE", "GROUP", "GENERATION", "TYPE",
            ] {
                #expect(lines[0].contains(heading))
            }
            #expect(lines[1].contains("0600"))
            #expect(lines[1].hasSuffix("a type"))
        }
    }

    @Test func manyPagesAreListed() throws {
        try DaemonUnderTest.run(DaemonUnderTest.Options(checksInvariants: false)) { (daemon) throws in
            // A select opens all channels of its cases at once, and cases are the cheap way to have many.
            let cases = (0..<600).map { "recv:many/\($0)" }
            let holder = try daemon.start(["select"] + cases)
            try eventually("600 channels are there") {
                let channels = try daemon.ctl("list", "many/*", "--json").json()["channels"] as? [Any]
                return channels?.count == 600
            }
            try holder.process.kill(.terminate)
            _ = try holder.finish()
        }
    }

    @Test func showTellsWhoWaitsAndSinceWhen() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiver = try daemon.start(["recv", "q"])
            try daemon.wait("q", "waiting_receivers", 1)
            let object = try daemon.ctl("show", "q", "--json").json()
            #expect(Set(object.keys) == ["version", "channel", "handles", "waiters"])
            let channel = try #require(object["channel"] as? [String: Any])
            #expect(Set(channel.keys) == Self.channelKeys)
            let handle = try #require((object["handles"] as? [[String: Any]])?.first)
            #expect(handle["role"] as? String == "receive")
            #expect(
                Set(handle.keys)
                    == ["role", "open_seconds", "since", "session", "pid", "uid", "user", "command", "unit"])
            let waiter = try #require((object["waiters"] as? [[String: Any]])?.first)
            #expect(
                Set(waiter.keys) == [
                    "operation", "select", "waiting_seconds", "since", "session", "pid", "uid", "user",
                    "command",
                    "unit",
                ])
            #expect(waiter["operation"] as? String == "receive")
            #expect(waiter["select"] as? Bool == false)
            #expect(waiter["pid"] as? Int == Int(receiver.process.pid))
            #expect((waiter["command"] as? String)?.hasSuffix("chanctl recv q") == true)
            #expect(waiter["waiting_seconds"] as? Double ?? -1 > 0)
            let text = try daemon.ctl("show", "q").text
            #expect(text.contains("WAITS TO"))
            #expect(text.contains("chanctl recv q"))
            #expect(text.contains("\(receiver.process.pid)"))
            try daemon.ctl("send", "q", "x")
            #expect(try receiver.finish().text == "x\n")
        }
    }

    @Test func showTellsOfSelectsAndClosing() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let selecting = try daemon.start(["select", "send:a=1", "recv:b"])
            try daemon.wait("a", "waiting_senders", 1)
            #expect(try daemon.ctl("show", "a").text.contains("send, in a select"))
            try daemon.ctl("send", "b", "x")
            #expect(try selecting.finish().text == "recv:b x\n")
            try daemon.ctl("create", "c", "--capacity", "2")
            try daemon.ctl("close", "c", "--reason", "over\nand out", "--code", "3")
            let text = try daemon.ctl("show", "c").text
            #expect(text.contains("closed, kept"))
            #expect(text.contains(#"3 over\nand out"#))
            #expect(try daemon.channel("c")["close_code"] as? Int == 3)
            #expect(try daemon.channel("c")["close_text"] as? String == "over\nand out")
        }
    }
}
