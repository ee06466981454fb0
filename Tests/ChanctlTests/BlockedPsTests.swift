// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing
import chanctl

/// `blocked` and `ps`: who waits for what.
@Suite struct BlockedPsTests {
    static let operationKeys: Set = [
        "operation", "channel", "cases", "reads_ahead", "waiting_seconds", "since", "timeout_seconds",
    ]

    private static func operations(_ daemon: DaemonUnderTest) throws -> [[String: Any]] {
        try #require(try daemon.ctl("blocked", "--json").json()["operations"] as? [[String: Any]])
    }

    @Test func aSelectIsOneLineWithAllItsCases() throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(try daemon.ctl("blocked").lines.count == 1)
            let selecting = try daemon.start(["select", "send:a=1", "recv:b", "--timeout", "1h"])
            try daemon.wait("b", "waiting_receivers", 1)
            let receiving = try daemon.start(["recv", "c"])
            try daemon.wait("c", "waiting_receivers", 1)
            let lines = try daemon.ctl("blocked").lines
            #expect(lines.count == 3)
            #expect(lines[1].contains("select: send a, receive b"))
            #expect(lines[1].contains("59m"))
            #expect(lines[1].contains(" \(selecting.process.pid) "))
            #expect(lines[2].contains("receive c"))
            #expect(lines[2].hasSuffix("chanctl recv c"))
            #expect(try daemon.ctl("blocked", "--longer", "1h").lines.count == 1)
            #expect(try daemon.ctl("blocked", "--longer", "0").lines.count == 3)
            try daemon.ctl("send", "b", "x")
            try daemon.ctl("send", "c", "x")
            #expect(try selecting.finish().code == 0)
            #expect(try receiving.finish().code == 0)
        }
    }

    @Test func blockedHasTheDocumentedKeys() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let selecting = try daemon.start(["select", "send:a=1", "recv:b"])
            try daemon.wait("b", "waiting_receivers", 1)
            let waiting = try daemon.start(["wait", "a", "closed", "--timeout", "1h"])
            try eventually("two wait") { try Self.operations(daemon).count == 2 }
            let operations = try Self.operations(daemon)
            for operation in operations {
                #expect(
                    Set(operation.keys)
                        == Self.operationKeys.union(["session", "pid", "uid", "user", "command", "unit"]))
            }
            #expect(operations[0]["operation"] as? String == "select")
            #expect(operations[0]["pid"] as? Int == Int(selecting.process.pid))
            #expect(operations[0]["timeout_seconds"] as? Double == nil)
            let cases = try #require(operations[0]["cases"] as? [[String: Any]])
            #expect(cases.map { $0["operation"] as? String } == ["send", "receive"])
            #expect(
                cases.map { $0["channel"] as? String } == ["a", "b"].map { "/uid/\(ThisProcess.uid)/\($0)" })
            #expect(operations[1]["operation"] as? String == "wait")
            #expect(operations[1]["channel"] as? String == "/uid/\(ThisProcess.uid)/a")
            #expect(try #require(operations[1]["timeout_seconds"] as? Double) > 3000)
            #expect((operations[1]["command"] as? String)?.hasSuffix("wait a closed --timeout 1h") == true)
            try selecting.process.kill(.terminate)
            try waiting.process.kill(.terminate)
        }
    }

    @Test func psShowsEachSessionAndWhatItWaitsFor() throws {
        try DaemonUnderTest.run { (daemon) throws in
            #expect(try daemon.ctl("ps").lines.count == 1)
            let receiving = try daemon.start(["recv", "c"])
            try daemon.wait("c", "waiting_receivers", 1)
            let pid = "\(receiving.process.pid)"
            for selection in [[], [pid], ["chan*"], ["chanctl"]] {
                let lines = try daemon.start(["ps"] + selection).finish().lines
                #expect(lines.count == 2, "\(selection)")
                #expect(lines.last?.contains("receive c") == true)
                #expect(lines.last?.split(separator: " ").first.map(String.init) == pid)
            }
            #expect(try daemon.ctl("ps", "none*").lines.count == 1)
            let missing = try daemon.ctl("ps", "1")
            #expect(missing.code == 1 && missing.complaint.contains("process 1 has no session"))
            let none = try daemon.ctl("ps", "3000000000")
            #expect(none.code == 1 && none.complaint.contains("process 3000000000 has no session"))
            #expect(try daemon.ctl("ps", "[").code == 2)
            try daemon.ctl("send", "c", "x")
            _ = try receiving.finish()
        }
    }

    @Test func psHasTheDocumentedKeys() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiving = try daemon.start(["recv", "c"])
            try daemon.wait("c", "waiting_receivers", 1)
            let object = try daemon.ctl("ps", "--json").json()
            #expect(object["version"] as? Int == 1)
            let sessions = try #require(object["sessions"] as? [[String: Any]])
            let session = try #require(sessions.first)
            #expect(sessions.count == 1)
            #expect(
                Set(session.keys) == [
                    "session", "pid", "uid", "user", "gid", "group", "since", "age_seconds", "handles",
                    "unsettled", "operations", "command", "unit",
                ])
            #expect(session["handles"] as? Int == 1 && session["unsettled"] as? Int == 0)
            #expect(session["uid"] as? Int == Int(ThisProcess.uid))
            let operations = try #require(session["operations"] as? [[String: Any]])
            #expect(operations.count == 1 && Set(operations[0].keys) == Self.operationKeys)
            try daemon.ctl("send", "c", "x")
            _ = try receiving.finish()
        }
    }

    @Test func aProcessThatIsYoungerThanItsSessionIsAnother() {
        let own = ThisProcess.pid
        #expect(ProcessFacts.of(pid: own, sessionAge: .zero).command != nil)
        #expect(ProcessFacts.of(pid: own, sessionAge: .seconds(1_000_000_000)).command == nil)
        #expect(ProcessFacts.of(pid: 0, sessionAge: .zero).command == nil)
        let stat = Array("7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20\n".utf8)
        #expect(ProcessFacts.startTicks(in: stat) == 4711)
        #expect(ProcessFacts.startTicks(in: Array("7 (a) S 1\n".utf8)) == nil)
        #expect(ProcessFacts.startTicks(in: []) == nil)
    }
}
