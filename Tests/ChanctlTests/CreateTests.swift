// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// `create`, `close` and `remove`.
@Suite struct CreateTests {
    @Test func whatIsCreatedStays() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let made = try daemon.ctl("create", "q", "--capacity", "5", "--json")
            #expect(made.code == 0 && made.complaint.isEmpty)
            let object = try made.json()
            #expect(Set(object.keys) == ["version", "channel", "created", "generation"])
            #expect(object["created"] as? Bool == true)
            #expect(object["channel"] as? String == "/uid/\(ThisProcess.uid)/q")
            #expect(try daemon.channel("q")["capacity"] as? Int == 5)
            #expect(try daemon.ctl("create", "quiet").output.isEmpty)
        }
    }

    @Test(arguments: [("0", 0), ("rendezvous", 0), ("-1", -1), ("unbounded", -1), ("1000000", 1_000_000)])
    func capacitiesAreNumbersOrWords(text: String, capacity: Int) throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(try daemon.ctl("create", "q", "--capacity", text).code == 0)
            #expect(try daemon.channel("q")["capacity"] as? Int == capacity)
        }
    }

    @Test func optionsArrive() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let created = try daemon.ctl(
                "create", "q", "--mode", "0622", "--owner", "\(ThisProcess.uid)", "--group",
                "\(ThisProcess.gid)",
                "--type", "ünï", "--fail-with-last-receiver", "--max-bytes", "64KiB")
            #expect(created.code == 0, "\(created.complaint)")
            let channel = try daemon.channel("q")
            #expect(channel["mode"] as? String == "0622")
            #expect(channel["type"] as? String == "ünï")
            #expect(channel["max_bytes"] as? Int == 65536)
            #expect(try daemon.ctl("show", "q").text.contains("sends wait from 64KiB on"))
            #expect(channel["fail_with_last_receiver"] as? Bool == true)
            #expect(channel["close_with_last_sender"] as? Bool == false)
        }
    }

    @Test func creatingAgainSaysWhatDiffers() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "5", "--type", "a")
            let same = try daemon.ctl("create", "q", "--capacity", "5")
            #expect(same.code == 1)
            #expect(same.complaint.contains("exists already, with these options"))
            let other = try daemon.ctl(
                "create", "q", "--capacity", "6", "--type", "b", "--mode", "0644", "--close-with-last-sender",
                "--max-bytes", "1KiB")
            #expect(other.code == 1)
            #expect(other.complaint.contains("its capacity is 5, not 6"))
            #expect(other.complaint.contains("its bound of bytes is none, not 1024"))
            #expect(other.complaint.contains("its type is \"a\", not \"b\""))
            #expect(other.complaint.contains("its mode is 600, not 644"))
            #expect(other.complaint.contains("does not close with its last sender"))
            #expect(try daemon.ctl("create", "q", "--json").error()["code"] as? String == "exists")
        }
    }

    @Test func whatSomebodyHasOpenIsAdopted() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiver = try daemon.start(["recv", "q"])
            try daemon.wait("q", "waiting_receivers", 1)
            let made = try daemon.ctl("create", "q", "--capacity", "2", "--json")
            #expect(try made.json()["created"] as? Bool == false)
            #expect(try daemon.channel("q")["capacity"] as? Int == 2)
            #expect(try daemon.channel("q")["kept"] as? Bool == true)
            try daemon.ctl("send", "q", "x")
            #expect(try receiver.finish().text == "x\n")
        }
    }

    @Test func whatNobodyStatedIsDecidedOnce() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiver = try daemon.start(["recv", "q"])
            try daemon.wait("q", "waiting_receivers", 1)
            let made = try daemon.ctl("create", "q", "--close-with-last-sender")
            #expect(made.code == 0, "\(made.complaint)")
            let again = try daemon.ctl("create", "q", "--capacity", "4")
            #expect(again.code == 1)
            #expect(again.complaint.contains("its capacity is undecided, not 4"))
            try receiver.process.kill(.terminate)
            _ = try receiver.finish()
        }
    }

    @Test func creatingDoesNotEndWhatItStates() throws {
        try DaemonUnderTest.run { (daemon) throws in
            // The handle of `create` itself is no sender and no receiver whose end would mean something.
            try daemon.ctl("create", "a", "--capacity", "2", "--close-with-last-sender")
            #expect(try daemon.channel("a")["state"] as? String == "open")
            #expect(try daemon.ctl("send", "a", "x").code == 0)
            #expect(try daemon.ctl("recv", "a", "--follow").text == "x\n")
            try daemon.ctl("create", "b", "--capacity", "2", "--fail-with-last-receiver")
            #expect(try daemon.ctl("send", "b", "x").code == 0)
            #expect(try daemon.ctl("recv", "b").text == "x\n")
            let late = try daemon.ctl("send", "b", "y")
            #expect(late.code == 1)
            #expect(late.complaint.contains("receiver"))
        }
    }

    @Test(arguments: [
        (["--capacity", "-2"], 2 as Int32, "capacity"), (["--capacity", "x"], 2, "rendezvous"),
        (["--max-bytes", "0"], 2, "no size"), (["--max-bytes", "x"], 2, "64KiB"),
        (["--mode", "0999"], 2, "octal"), (["--mode", "7777"], 2, "octal"), (["--mode", "6"], 2, "octal"),
        (["--owner", "no-such-user"], 2, "no user"), (["--group", "no-such-group"], 2, "no group"),
        (["--type", String(repeating: "x", count: 201)], 2, "200"), (["--capacity"], 2, "--capacity"),
    ])
    func badOptions(arguments: [String], code: Int32, hint: String) throws {
        try DaemonUnderTest.run { (daemon) throws in
            let outcome = try daemon.start(["create", "q"] + arguments).finish()
            #expect(outcome.code == code)
            #expect(outcome.complaint.contains(hint), "\(outcome.complaint)")
            #expect(outcome.complaint.split(separator: "\n").count == 1)
        }
    }

    @Test func closingTellsBothSidesWhy() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "2")
            try daemon.ctl("send", "q", "left")
            #expect(
                try daemon.ctl("close", "q", "--reason", "done", "--code", "4", "--json").json()["closed_now"]
                    as? Bool == true)
            #expect(try daemon.ctl("close", "q", "--json").json()["closed_now"] as? Bool == false)
            let send = try daemon.ctl("send", "q", "x")
            #expect(send.code == 5)
            #expect(send.complaint.contains("done (reason 4)"))
            #expect(try daemon.ctl("recv", "q").text == "left\n")
            #expect(try daemon.ctl("recv", "q").code == 5)
            #expect(try daemon.ctl("close", "q").output.isEmpty)
        }
    }

    @Test func removingFreesTheName() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "2")
            let removed = try daemon.ctl("remove", "q", "--json")
            #expect(try Set(removed.json().keys) == ["version", "channel"])
            #expect(try daemon.ctl("show", "q").code == 4)
            #expect(try daemon.ctl("create", "q", "--capacity", "7").code == 0)
            let waiting = try daemon.start(["recv", "q"])
            try daemon.wait("q", "waiting_receivers", 1)
            try daemon.ctl("remove", "q")
            let outcome = try waiting.finish()
            #expect(outcome.code == 5)
            #expect(outcome.complaint.contains("removed"))
        }
    }
}
