// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// Tries, timeouts, closing in the middle, and the interrupt key.
@Suite struct WaitingTests {
    @Test func triesDoNotWait() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "2")
            let receive = try daemon.ctl("recv", "q", "--try")
            #expect(receive.code == 6 && receive.output.isEmpty)
            let send = try daemon.ctl("send", "q", "a", "b", "c", "--try")
            #expect(send.code == 6)
            #expect(send.complaint.contains("2 were accepted"))
            #expect(
                try daemon.ctl("send", "q", "c", "--try", "--json").error()["code"] as? String == "wouldBlock"
            )
            #expect(try daemon.ctl("recv", "q", "-n", "2", "--try").text == "a\nb\n")
        }
    }

    @Test func timeoutsEnd() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receive = try daemon.ctl("recv", "q", "--timeout", "20ms", "--json")
            #expect(receive.code == 6)
            #expect(try receive.error()["code"] as? String == "timeout")
            try daemon.ctl("create", "q", "--capacity", "1")
            let send = try daemon.ctl("send", "q", "a", "b", "--timeout", "20ms")
            #expect(send.code == 6)
            #expect(send.complaint.contains("1 messages were accepted"))
            #expect(try daemon.channel("q")["queued"] as? Int == 1)
            #expect(try daemon.ctl("recv", "q", "--timeout", "1h").text == "a\n")
            #expect(try daemon.ctl("select", "recv:q", "--timeout", "10ms").code == 6)
        }
    }

    @Test func aSlowReceiverIsNoTimeoutWhileItReceives() throws {
        try DaemonUnderTest.run { (daemon) throws in
            // Each message in time, all together not: no message is waited for as long as the timeout.
            let sender = try daemon.start(
                ["send", "q", "--timeout", "5s"], input: Array("1\n2\n3\n4\n5\n".utf8))
            for number in 1...5 { #expect(try daemon.ctl("recv", "q").text == "\(number)\n") }
            #expect(try sender.finish().code == 0)
        }
    }

    @Test func closingInTheMiddleSaysHowMuchWasAccepted() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let input = Array((1...20_000).map { "\($0)\n" }.joined().utf8)
            let sender = try daemon.start(["send", "q"], input: input)
            #expect(try daemon.ctl("recv", "q", "-n", "10").lines.count == 10)
            try daemon.ctl("close", "q")
            let outcome = try sender.finish()
            #expect(outcome.code == 5)
            #expect(outcome.complaint.contains("10 messages were accepted"), "\(outcome.complaint)")
        }
    }

    @Test func aFailedSendIsKnownWhileTheInputIsSilent() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let sender = try daemon.start(["send", "q"], input: nil)
            try sender.write("first\n")
            try daemon.wait("q", "waiting_senders", 1)
            try daemon.ctl("close", "q")
            #expect(try sender.finish().code == 5)
        }
    }

    @Test func inputIsSentAsItComes() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let sender = try daemon.start(["send", "q"], input: nil)
            try sender.write("first\nsec")
            #expect(try daemon.ctl("recv", "q").text == "first\n")
            try sender.write("ond\nlast")
            #expect(try daemon.ctl("recv", "q").text == "second\n")
            sender.endInput()
            #expect(try daemon.ctl("recv", "q").text == "last\n")
            #expect(try sender.finish().code == 0)
        }
    }

    @Test func whatIsReceivedIsShownAtOnce() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiver = try daemon.start(["recv", "q", "-n", "2"])
            try daemon.ctl("send", "q", "one")
            try eventually("it is shown") { receiver.outputSoFar == "one\n" }
            try daemon.ctl("send", "q", "two")
            #expect(try receiver.finish().text == "one\ntwo\n")
        }
    }

    @Test func theInterruptKeyWithdrawsAReceive() throws {
        try DaemonUnderTest.run { (daemon) throws in
            for arguments in [["recv", "q"], ["recv", "q", "--follow"], ["select", "recv:q", "recv:q"]] {
                let receiver = try daemon.start(arguments)
                try daemon.wait("q", "waiting_receivers", arguments[0] == "select" ? 2 : 1)
                try receiver.process.kill(.interrupt)
                let outcome = try receiver.finish()
                #expect(outcome.code == 130)
                #expect(outcome.complaint.isEmpty)
            }
        }
    }

    @Test func theInterruptKeyLeavesAPrefixSent() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            // More than is on its way at a time.
            let input = Array((1...200_000).map { "\($0)\n" }.joined().utf8)
            let sender = try daemon.start(["send", "q", "--json"], input: input)
            try daemon.wait("q", "queued", 3)
            let taken = try daemon.ctl("recv", "q", "-n", "5").text
            try daemon.wait("q", "queued", 3)
            try sender.process.kill(.interrupt)
            let outcome = try sender.finish()
            #expect(outcome.code == 130)
            #expect(outcome.complaint.contains("8 messages were accepted"), "\(outcome.complaint)")
            #expect(try taken + daemon.ctl("recv", "q", "-n", "3").text == "1\n2\n3\n4\n5\n6\n7\n8\n")
            #expect(try daemon.ctl("recv", "q", "--try").code == 6)
        }
    }

    @Test func theInterruptKeyEndsWaitingForInput() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            let sender = try daemon.start(["send", "q"], input: nil)
            try sender.write("a\n")
            try daemon.wait("q", "queued", 1)
            try sender.process.kill(.interrupt)
            #expect(try sender.finish().code == 130)
        }
    }

    @Test func startOrderDoesNotMatter() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let sender = try daemon.start(["send", "q", "x"])
            try daemon.wait("q", "waiting_senders", 1)
            #expect(try daemon.ctl("recv", "q").text == "x\n")
            #expect(try sender.finish().code == 0)
            let receiver = try daemon.start(["recv", "q"])
            try daemon.wait("q", "waiting_receivers", 1)
            #expect(try daemon.ctl("send", "q", "y").code == 0)
            #expect(try receiver.finish().text == "y\n")
        }
    }
}
