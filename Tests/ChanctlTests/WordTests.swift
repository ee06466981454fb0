// SPDX-License-Identifier: Apache-2.0

import ChandConfig
import Testing
import chanctl

/// The words of the command line, and what is made of them.
@Suite struct WordTests {
    @Test(arguments: [
        [], Array("plain".utf8), Array("ünï 🙂".utf8), [0xff], [0x61, 0xc3, 0x28, 0xe2, 0x82],
        [0xf4, 0x90, 0x80, 0x80],
        // Scalars of the range that stands for bytes, as text: U+10FF41 and U+10FFFF.
        [0xf4, 0x8f, 0xbd, 0x81], [0xf4, 0x8f, 0xbf, 0xbf, 0xff, 0x41], Array(1...255),
    ])
    func argumentsKeepTheirBytes(_ bytes: [UInt8]) {
        #expect(RawArguments.bytes(of: RawArguments.text(of: bytes)) == bytes)
    }

    @Test func randomArgumentsKeepTheirBytes() {
        var random = SeededNumbers(3)
        for _ in 0..<2000 {
            let bytes = random.bytes(Int.random(in: 0...12, using: &random))
            #expect(RawArguments.bytes(of: RawArguments.text(of: bytes)) == bytes)
        }
    }

    @Test(arguments: [
        (["send", "q", "x"], ["send", "q", "x"], "send"),
        (["--socket", "/s", "send", "q"], ["send", "--socket", "/s", "q"], "send"),
        (["--socket=/s", "--json", "list"], ["list", "--socket=/s", "--json"], "list"),
        (["--json", "run", "--", "list"], ["run", "--json", "--", "list"], "run"),
        (["-l", "--sort", "name"], ["-l", "--sort", "name"], nil),
        ([], [], nil), (["--help"], ["--help"], nil), (["help", "send"], ["help", "send"], "help"),
    ])
    func optionsGoBehindTheVerb(words: [String], ordered: [String], verb: String?) {
        let invocation = Invocation(words)
        #expect(invocation.words == ordered)
        #expect(invocation.verb == verb)
    }

    @Test func jsonBehindTheDashesIsTheCommands() {
        #expect(Invocation(["run", "--json", "--", "x"]).wantsJSON)
        #expect(!Invocation(["run", "--", "x", "--json"]).wantsJSON)
    }

    @Test(arguments: [
        ("lsit", "list"), ("sned", "send"), ("recieve", nil), ("rec", "recv"), ("shwo", "show"), ("x", nil),
        ("zz", nil), ("creat", "create"), ("", nil),
    ])
    func theNearestWordIsMeant(word: String, near: String?) {
        let verbs = ["list", "show", "create", "send", "recv", "select", "close", "remove", "ping", "run"]
        #expect(Nearest.of(word, among: verbs) == near)
    }

    @Test(arguments: [
        ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3),
    ])
    func distanceCountsSlips(left: String, right: String, distance: Int) {
        #expect(Nearest.distance(left, right) == distance)
    }

    @Test func casesOfASelect() throws {
        let receive = try SelectCaseArgument("recv:a/b")
        #expect(receive.channel == "a/b" && receive.operation == .receive && receive.label == "recv:a/b")
        let send = try SelectCaseArgument("send:/pub/x=a=b:c")
        #expect(send.channel == "/pub/x" && send.operation == .send(Array("a=b:c".utf8)))
        #expect(try SelectCaseArgument("send:x=").operation == .send([]))
    }

    @Test func aMarkThatCombinesIsOneOfTheValue() throws {
        let mark = "\u{301}"
        let send = try SelectCaseArgument("send:q=\(mark)")
        #expect(send.channel == "q" && send.operation == .send(Array(mark.utf8)))
        #expect(try SelectCaseArgument("recv:\(mark)").channel == mark)
        let override = ConfigurationOverride(assignment: "daemon.socket=\(mark)", option: "--set")
        #expect(override?.key == "daemon.socket" && override?.text == mark)
    }

    @Test(arguments: ["", "a", "recv", "recv:", "send:x", "send:=x", "get:a", "recv:a=b", "send:"])
    func whatIsNoCase(text: String) {
        let error = #expect(throws: (any Error).self) { try SelectCaseArgument(text) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(":CHAN"))
    }

    @Test func namesInOnesOwnSpaceAreRelative() {
        let space = OwnSpace(user: 10)
        #expect(space.relative("/uid/10/a/b") == "a/b")
        #expect(space.relative("/uid/100/a") == "/uid/100/a")
        #expect(space.relative("/pub/a") == "/pub/a")
    }

    @Test func commandLinesAreShownOnOneLine() {
        #expect(ProcessFacts.command(of: Array("sh\u{0}-c\u{0}a b\nc\u{0}".utf8)) == #"sh -c a b\nc"#)
        #expect(ProcessFacts.command(of: Array("x\u{0}\u{0}".utf8)) == "x ")
        #expect(ProcessFacts.command(of: []) == "")
    }

    @Test(arguments: [
        ("0::/system.slice/cron.service\n", "cron.service"),
        ("0::/user.slice/user-0.slice/user@0.service/app.slice/x.scope\n", "x.scope"),
        ("12:pids:/a.service\n1:name=systemd:/system.slice/b.service\n0::/\n", "b.service"),
        ("0::/\n", nil), ("", nil), ("rubbish", nil), ("0::/user.slice\n", nil),
        ("0::/system.slice/a.service/inner/deep\n", "a.service"),
    ])
    func unitsAreFoundInControlGroups(text: String, unit: String?) {
        #expect(ProcessFacts.unit(in: text) == unit)
    }
}
