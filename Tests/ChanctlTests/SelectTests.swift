// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// `select`.
@Suite struct SelectTests {
    @Test func oneCaseWinsAndIsNamed() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let selecting = try daemon.start(["select", "recv:a", "send:b=hello", "recv:c"])
            try daemon.wait("c", "waiting_receivers", 1)
            #expect(try daemon.ctl("recv", "b").text == "hello\n")
            #expect(try selecting.finish().text == "send:b hello\n")
            let other = try daemon.start(["select", "recv:a", "send:b=hello", "--json"])
            try daemon.wait("a", "waiting_receivers", 1)
            try daemon.ctl("send", "a", "ünï")
            let object = try other.finish().json()
            #expect(Set(object.keys) == ["version", "operation", "case", "channel", "bytes", "text"])
            #expect(object["operation"] as? String == "recv")
            #expect(object["case"] as? Int == 0)
            #expect(object["channel"] as? String == "/uid/\(ThisProcess.uid)/a")
            #expect(object["text"] as? String == "ünï")
        }
    }

    @Test func withoutAWinnerItIsDefaultOrTimeout() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let byDefault = try daemon.ctl("select", "recv:a", "send:b=x", "--default")
            #expect(byDefault.code == 0 && byDefault.text == "default\n")
            let object = try daemon.ctl("select", "recv:a", "--default", "--json").json()
            #expect(object["operation"] as? String == "default")
            let late = try daemon.ctl("select", "recv:a", "--timeout", "15ms")
            #expect(late.code == 6)
            #expect(late.complaint.contains("15ms"))
            #expect(
                try daemon.ctl("select", "recv:a", "--timeout", "15ms", "--json").error()["exit"] as? Int == 6
            )
        }
    }

    @Test func aLoopGoesOnUntilAllIsClosed() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let selecting = try daemon.start(["select", "recv:a", "recv:b", "--loop"])
            try daemon.ctl("send", "a", "1")
            try daemon.ctl("send", "b", "2")
            try daemon.ctl("send", "a", "3", "--close")
            try daemon.ctl("send", "b", "4", "--close")
            let outcome = try selecting.finish()
            #expect(outcome.code == 0)
            #expect(outcome.text == "recv:a 1\nrecv:b 2\nrecv:a 3\nrecv:b 4\n")
        }
    }

    @Test func aClosedChannelIsAFailureOfItsOwn() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "a", "--capacity", "1")
            try daemon.ctl("close", "a")
            let outcome = try daemon.ctl("select", "recv:a", "recv:b")
            #expect(outcome.code == 5)
            #expect(outcome.output.isEmpty)
            #expect(try daemon.ctl("select", "send:a=x", "recv:b").code == 5)
        }
    }

    @Test func valuesKeepTheirBytes() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "a", "--capacity", "1")
            let script =
                "chanctl select $'send:a=\\xff=:\\n' --format hex; chanctl select recv:a --format hex"
            #expect(try daemon.shell(script).text == "send:a ff3d3a0a\nrecv:a ff3d3a0a\n")
        }
    }

    @Test func whatCannotBeWrittenGoesBack() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "a", "--capacity", "2")
            try daemon.ctl("send", "a", "x", "y")
            for arguments in ["recv:a", "recv:a --json", "recv:a recv:b --loop"] {
                let outcome = try daemon.shell("chanctl select \(arguments) > /dev/full")
                #expect(outcome.code == 1)
                #expect(outcome.complaint.contains("No space left"), "\(outcome.complaint)")
                try daemon.wait("a", "queued", 2)
            }
            #expect(try daemon.ctl("recv", "a", "-n", "2").text == "x\ny\n")
        }
    }

    @Test(arguments: [
        ["x"], ["recv:"], ["send:a"], [], ["recv:a", "--default", "--timeout", "1s"],
        ["recv:a", "--default", "--loop"], ["recv:a", "--format", "raw"],
        ["recv:a", "--json", "--format", "hex"],
    ])
    func wrongUsage(arguments: [String]) throws {
        let outcome = try CtlProcess(
            ["select"] + arguments, input: [], environment: DaemonUnderTest.environment()
        ).finish()
        #expect(outcome.code == 2)
        #expect(!outcome.complaint.isEmpty)
    }

    @Test func tooManyCasesAreRefused() throws {
        try DaemonUnderTest.run(["limits.select_cases": "2"]) { (daemon) throws in
            let outcome = try daemon.ctl("select", "recv:a", "recv:b", "recv:c")
            #expect(outcome.code == 8)
            #expect(outcome.complaint.contains("2"))
        }
    }
}
