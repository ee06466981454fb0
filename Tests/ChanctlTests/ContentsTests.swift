// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// peek, purge, drain, pause and resume.
@Suite struct ContentsTests {
    @Test func peekTakesNothing() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "5")
            #expect(try daemon.ctl("peek", "q").output.isEmpty)
            try daemon.ctl("send", "q", "one", "two", "three")
            for _ in 0..<2 { #expect(try daemon.ctl("peek", "q").text == "one\ntwo\nthree\n") }
            #expect(try daemon.ctl("peek", "q", "-n", "2").text == "one\ntwo\n")
            #expect(try daemon.ctl("peek", "q", "-n", "2", "--meta").text == "1\t0\t3\tone\n2\t0\t3\ttwo\n")
            #expect(try daemon.ctl("peek", "q", "--format", "raw").text == "onetwothree")
            #expect(try daemon.ctl("recv", "q", "-n", "3").text == "one\ntwo\nthree\n")
        }
    }

    @Test func peekShowsAllBytesAndManyPages() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let messages = Array(repeating: awkwardMessages(), count: 40).flatMap { $0 }
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            #expect(
                try daemon.ctl("send", "q", "--length-prefixed", input: lengthPrefixed(messages)).code == 0)
            #expect(try daemon.ctl("peek", "q", "--format", "hex").output == hexLines(messages))
            let some = try daemon.ctl("peek", "q", "-n", "300", "--format", "hex")
            #expect(some.output == hexLines(Array(messages.prefix(300))))
        }
    }

    @Test func peekInJSON() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "5")
            try daemon.ctl("send", "q", "one")
            try daemon.ctl("exec", "q", "-n", "1", "--", "false")
            try daemon.ctl("send", "q", "--whole", input: [0xff])
            let objects = try daemon.ctl("peek", "q", "--json").lines.map {
                try Outcome.object(Array($0.utf8), #_sourceLocation)
            }
            #expect(objects.count == 2)
            let common: Set = ["version", "channel", "number", "attempts", "redelivered", "bytes"]
            #expect(Set(objects[0].keys) == common.union(["text"]))
            #expect(Set(objects[1].keys) == common.union(["base64"]))
            #expect(objects[0]["channel"] as? String == "/uid/\(ThisProcess.uid)/q")
            #expect(objects[0]["attempts"] as? Int == 1 && objects[0]["redelivered"] as? Bool == true)
            #expect(objects[1]["number"] as? Int == 2 && objects[1]["base64"] as? String == "/w==")
        }
    }

    @Test func purgeSaysHowMany() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            try daemon.ctl("send", "q", "one", "two", "three")
            let sender = try daemon.start(["send", "q", "four"])
            try daemon.wait("q", "waiting_senders", 1)
            let refused = try daemon.ctl("purge", "q")
            #expect(refused.code == 2 && refused.complaint.contains("--yes"), "\(refused.complaint)")
            #expect(try daemon.channel("q")["queued"] as? Int == 3)
            #expect(try daemon.ctl("purge", "q", "--yes").text == "3 messages discarded\n")
            #expect(try sender.finish().code == 0)
            let object = try daemon.ctl("purge", "q", "--yes", "--json").json()
            #expect(Set(object.keys) == ["version", "channel", "purged"])
            #expect(object["purged"] as? Int == 1)
            #expect(try daemon.ctl("peek", "q").output.isEmpty)
        }
    }

    @Test func purgeOfMoreThanOneTurns() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            let input = Array((1...40_000).map { "\($0)\n" }.joined().utf8)
            #expect(try daemon.ctl("send", "q", input: input).code == 0)
            #expect(try daemon.ctl("purge", "q", "--yes").text == "40000 messages discarded\n")
        }
    }

    @Test func drainWaitsForTheLast() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            #expect(try daemon.ctl("drain", "q").code == 0)
            try daemon.ctl("send", "q", "one")
            #expect(try daemon.ctl("drain", "q", "--timeout", "1ms").code == 6)
            let drain = try daemon.start(["drain", "q", "--json"])
            try daemon.ctl("recv", "q")
            let outcome = try drain.finish()
            #expect(outcome.code == 0)
            let object = try outcome.json()
            #expect(object["channel"] as? String == "q" && object["version"] as? Int == 1)
        }
    }

    @Test func pauseHoldsReceivesUntilResume() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            #expect(try daemon.ctl("pause", "q").code == 0)
            #expect(try daemon.ctl("pause", "q", "--json").json()["channel"] as? String == "q")
            try daemon.ctl("send", "q", "one")
            let receiver = try daemon.start(["recv", "q"])
            try daemon.wait("q", "waiting_receivers", 1)
            #expect(try daemon.channel("q")["paused"] as? Bool == true)
            #expect(try daemon.ctl("list").text.contains("paused"))
            #expect(try daemon.ctl("peek", "q").text == "one\n")
            #expect(try daemon.ctl("resume", "q").code == 0)
            #expect(try receiver.finish().text == "one\n")
            #expect(try daemon.ctl("resume", "q", "--json").json()["version"] as? Int == 1)
            #expect(try daemon.channel("q")["paused"] as? Bool == false)
        }
    }
}
