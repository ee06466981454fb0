// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing
import chanctl

/// `top`, at a terminal and without one.
@Suite struct TopTests {
    private static func picture(_ terminal: PseudoTerminal, columns: Int = 80, rows: Int = 24)
        -> TerminalPicture
    {
        TerminalPicture(columns: columns, rows: rows, terminal.log.text)
    }

    private static func start(
        _ daemon: DaemonUnderTest, _ terminal: PseudoTerminal, _ arguments: [String] = []
    ) throws -> ChildProcess {
        var environment = daemon.clientEnvironment
        environment["NO_COLOR"] = "1"
        return try terminal.start(
            BuiltProgram.path("chanctl"), ["top", "--interval", "20ms"] + arguments, environment: environment)
    }

    private static func names(_ picture: TerminalPicture) -> [String] {
        picture.lines.dropFirst(3).dropLast().compactMap { $0.split(separator: " ").first.map(String.init) }
    }

    @Test func itDrawsOrdersFollowsTheSizeAndLeavesTheTerminalAsItWas() throws {
        try DaemonUnderTest.run { (daemon) throws in
            for (name, count) in [
                ("a", 1), ("bb", 4), ("a-name-that-is-much-longer-than-there-is-room/for", 2),
            ] {
                try daemon.ctl("create", name, "--capacity", "4")
                _ = try daemon.start(["send", name] + Array(repeating: "x", count: count)).finish()
            }
            let terminal = try PseudoTerminal()
            let settings = try terminal.settings()
            let top = try Self.start(daemon, terminal)
            try eventually("the table is there") { Self.picture(terminal).lines[23].hasPrefix("order:") }
            let picture = Self.picture(terminal)
            #expect(picture.isAlternate && !picture.hasCursor && picture.unknown.isEmpty)
            #expect(picture.lines[2].hasPrefix("NAME") && picture.lines[2].hasSuffix("W-RECV"))
            #expect(picture.lines.contains { $0.hasPrefix("bb ") && $0.contains("[##########]        4") })
            #expect(picture.lines.contains { $0.hasPrefix("a ") && $0.contains("[###       ]        1") })
            #expect(picture.lines.contains { $0.contains("~ [#####     ]") })
            #expect(try terminal.settings() != settings)

            try terminal.type("l")
            try eventually("the longest is first") { Self.names(Self.picture(terminal)).first == "bb" }
            try terminal.type("r")
            try eventually("the longest is last") { Self.names(Self.picture(terminal)).last == "bb" }
            try terminal.type("n")
            try eventually("they are in the order of names") {
                Self.names(Self.picture(terminal)).first?.hasPrefix("a-name") == false
                    && Self.names(Self.picture(terminal)).last == "bb"
            }
            try terminal.resize(columns: 110, rows: 10)
            try eventually("it has the new size") {
                Self.picture(terminal, columns: 110, rows: 10).lines.contains { $0.contains("room/for ") }
            }
            try terminal.type("q")
            #expect(try top.wait(timeoutMilliseconds: Patience.milliseconds) == .exited(0))
            try eventually("the screen is as before") {
                let end = Self.picture(terminal)
                return !end.isAlternate && end.hasCursor
            }
            #expect(try terminal.settings() == settings)
        }
    }

    @Test(arguments: [Signal.terminate, .interrupt, .hangup])
    func aSignalLeavesTheTerminalAsItWas(_ signal: Signal) throws {
        try DaemonUnderTest.run { (daemon) throws in
            let terminal = try PseudoTerminal()
            let settings = try terminal.settings()
            let top = try Self.start(daemon, terminal)
            try eventually("the table is there") { Self.picture(terminal).lines[23].hasPrefix("order:") }
            if signal == .interrupt { try terminal.type("\u{3}") } else { try top.kill(signal) }
            #expect(try top.wait(timeoutMilliseconds: Patience.milliseconds) == .exited(130))
            try eventually("the screen is as before") { !Self.picture(terminal).isAlternate }
            #expect(try terminal.settings() == settings)
        }
    }

    @Test func aDaemonThatEndsIsToldOutsideTheScreen() throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        let terminal = try PseudoTerminal()
        let settings = try terminal.settings()
        let top = try Self.start(daemon, terminal)
        try eventually("the table is there") { Self.picture(terminal).lines[23].hasPrefix("order:") }
        try daemon.stop()
        #expect(try top.wait(timeoutMilliseconds: Patience.milliseconds) == .exited(3))
        try eventually("it says why") { Self.picture(terminal).lines.contains { $0.hasPrefix("chanctl: ") } }
        #expect(try terminal.settings() == settings)
    }

    @Test func plainFramesAreForScripts() throws {
        try DaemonUnderTest.run { (daemon) throws in
            for name in ["a", "b"] { try daemon.ctl("create", name, "--capacity", "4") }
            let outcome = try daemon.ctl("top", "-b", "-n", "3", "--interval", "10ms")
            #expect(outcome.code == 0 && !outcome.text.contains("\u{1B}"))
            let frames = outcome.text.split(separator: "\n\n")
            #expect(frames.count == 3)
            for frame in frames {
                let lines = frame.split(separator: "\n")
                #expect(lines.count == 5 && lines[0].contains("2 channels") && lines[2].hasPrefix("NAME"))
                #expect(lines.allSatisfy { $0.count <= 80 })
            }
            #expect(try daemon.ctl("top", "-b", "-n", "1", "b").lines.count == 4)
            let without = try daemon.ctl("top")
            #expect(without.code == 2 && without.complaint.contains("add -b"))
            #expect(try daemon.ctl("top", "-b", "--json").code == 2)
            #expect(try daemon.ctl("top", "-b", "[").code == 2)
        }
    }

    @Test func watchedListsAreDrawnInPlace() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "4")
            let terminal = try PseudoTerminal()
            let list = try terminal.start(
                BuiltProgram.path("chanctl"), ["list", "--watch", "-n", "3", "--interval", "10ms"],
                environment: daemon.clientEnvironment)
            #expect(try list.wait(timeoutMilliseconds: Patience.milliseconds) == .exited(0))
            try eventually("the list is there") {
                Self.picture(terminal).lines.prefix(2).map { $0.prefix(2) } == ["NA", "q "]
            }
            #expect(Self.picture(terminal).unknown.isEmpty)
        }
    }

    @Test func barsShowAnythingAndOnlyFullOnesAreFull() {
        let bars: [(Double?, String)] = [
            (nil, "-"), (0, "[          ]"), (0.001, "[#         ]"), (0.5, "[#####     ]"),
            (0.999, "[######### ]"), (1, "[##########]"),
        ]
        for (fullness, bar) in bars { #expect(TopTable.bar(fullness) == bar) }
    }
}
