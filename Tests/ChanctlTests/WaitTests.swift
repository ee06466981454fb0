// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// chanctl wait: every state, and how it ends otherwise.
@Suite struct WaitTests {
    @Test func everyState() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "5")
            #expect(try daemon.ctl("wait", "q", "empty").code == 0)
            let queued = try daemon.start(["wait", "q", "queued>=2"], input: [])
            try daemon.ctl("send", "q", "a")
            #expect(try daemon.ctl("wait", "q", "queued>=2", "--timeout", "1ms").code == 6)
            try daemon.ctl("send", "q", "b")
            #expect(try queued.finish().code == 0)
            let drained = try daemon.start(["wait", "q", "drained", "--json"], input: [])
            let empty = try daemon.start(["wait", "q", "empty"], input: [])
            try daemon.ctl("close", "q", "--reason", "enough", "--code", "7")
            #expect(try daemon.ctl("wait", "q", "closed").code == 0)
            #expect(try daemon.ctl("recv", "q", "-n", "2").lines == ["a", "b"])
            #expect(try empty.finish().code == 0)
            let outcome = try drained.finish()
            #expect(outcome.code == 0)
            let json = try outcome.json()
            #expect(json["reason"] as? String == "enough" && json["code"] as? Int == 7)
            #expect(try daemon.ctl("wait", "q", "queued>0").code == 5)
        }
    }

    @Test func parties() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q")
            #expect(try daemon.ctl("wait", "q", "receivers>0", "--timeout", "1ms").code == 6)
            let waiting = try daemon.start(["wait", "q", "receivers>0"], input: [])
            let receiver = try daemon.start(["recv", "q"], input: [])
            #expect(try waiting.finish().code == 0)
            #expect(try daemon.ctl("wait", "q", "senders>0", "--timeout", "1ms").code == 6)
            try daemon.ctl("send", "q", "a")
            #expect(try receiver.finish().code == 0)
        }
    }

    @Test func whatIsNotThere() throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(try daemon.ctl("wait", "q", "closed").code == 4)
            for wrong in ["open", "queued", "queued>=x", "receivers<1", "senders>", "queued>=-1"] {
                let outcome = try daemon.ctl("wait", "q", wrong)
                #expect(outcome.code == 2 && outcome.complaint.contains("is no state"), "\(wrong)")
            }
        }
    }
}
