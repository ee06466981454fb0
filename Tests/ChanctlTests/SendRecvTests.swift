// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Foundation
import Testing

/// `send` and `recv`: what goes in comes out.
@Suite struct SendRecvTests {
    struct Mode: Sendable, CustomTestStringConvertible {
        let name: String
        let arguments: [String]
        let messages: [[UInt8]]
        let input: [UInt8]
        var testDescription: String { name }
    }

    static let modes: [Mode] = {
        let all = awkwardMessages()
        let textual = all.filter { !$0.contains(10) }
        let bytes = all.flatMap { $0 }
        let chunks = stride(from: 0, to: bytes.count, by: 999).map {
            Array(bytes[$0..<min($0 + 999, bytes.count)])
        }
        return [
            Mode(
                name: "lines", arguments: [], messages: textual,
                input: Array(textual.joined(separator: [10])) + [10]),
            Mode(
                name: "null", arguments: ["--null"], messages: all.filter { !$0.contains(0) },
                input: all.filter { !$0.contains(0) }.flatMap { $0 + [0] }),
            Mode(
                name: "length-prefixed", arguments: ["--length-prefixed"], messages: all,
                input: lengthPrefixed(all)),
            Mode(name: "chunk", arguments: ["--chunk", "999"], messages: chunks, input: bytes),
            Mode(name: "whole", arguments: ["--whole"], messages: [bytes], input: bytes),
            Mode(name: "whole, empty", arguments: ["--whole"], messages: [[]], input: []),
        ]
    }()

    @Test(arguments: modes)
    func bytesArriveAsTheyAre(_ mode: Mode) throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            func send() throws {
                let sent = try daemon.start(["send", "q", "--json"] + mode.arguments, input: mode.input)
                    .finish()
                #expect(sent.code == 0, "\(sent.complaint)")
                #expect(try sent.json()["sent"] as? Int == mode.messages.count)
            }
            func receive(_ format: String) throws -> Outcome {
                try daemon.ctl("recv", "q", "-n", "\(mode.messages.count)", "--format", format)
            }
            try send()
            #expect(try receive("raw").output == mode.messages.flatMap { $0 })
            try send()
            #expect(try receive("lines").output == mode.messages.flatMap { $0 + [10] })
            try send()
            #expect(try receive("hex").output == hexLines(mode.messages))
            try send()
            let decoded = try receive("base64").text.split(separator: "\n", omittingEmptySubsequences: false)
                .dropLast().map { Data(base64Encoded: String($0)).map { [UInt8]($0) } }
            #expect(decoded == mode.messages)
            try send()
            let quoted = try receive("quoted").lines
            #expect(quoted.count == mode.messages.count)
            #expect(quoted.allSatisfy { $0.hasPrefix("\"") && $0.hasSuffix("\"") })
            try send()
            let objects = try receive("json").lines.map {
                try Outcome.object(Array($0.utf8), #_sourceLocation)
            }
            let bytes = objects.map { object in
                (object["text"] as? String).map { Array($0.utf8) }
                    ?? (object["base64"] as? String).flatMap { Data(base64Encoded: $0) }.map { [UInt8]($0) }
            }
            #expect(bytes == mode.messages)
        }
    }

    @Test func argumentsAreMessages() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "10")
            #expect(try daemon.ctl("send", "q", "a b", "", "--", "-n").output.isEmpty)
            #expect(
                try daemon.ctl("recv", "q", "-n", "3", "--format", "quoted").text == "\"a b\"\n\"\"\n\"-n\"\n"
            )
            let script = "chanctl send q $'\\xff\\xfe\\x01' && chanctl recv q --format hex"
            #expect(try daemon.shell(script).text == "fffe01\n")
        }
    }

    @Test func recvTakesWhatItIsAskedForAndNoMore() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "100")
            _ = try daemon.start(["send", "q"], input: Array((1...10).map { "\($0)\n" }.joined().utf8))
                .finish()
            #expect(try daemon.ctl("recv", "q").text == "1\n")
            #expect(try daemon.ctl("recv", "q", "-n", "3").text == "2\n3\n4\n")
            let rest = try daemon.ctl("recv", "q", "-n", "100", "--try")
            #expect(rest.text == "5\n6\n7\n8\n9\n10\n")
            #expect(rest.code == 6)
            #expect(try daemon.channel("q")["queued"] as? Int == 0)
            #expect(try daemon.channel("q")["unsettled"] as? Int == 0)
        }
    }

    @Test func followEndsWithTheChannel() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiver = try daemon.start(["recv", "q", "--follow"])
            let sent = try daemon.ctl("send", "q", "a", "b", "--close", "--json")
            #expect(try sent.json()["closed_now"] as? Bool == true)
            #expect(try Set(sent.json().keys) == ["version", "channel", "sent", "closed_now"])
            let outcome = try receiver.finish()
            #expect(outcome.code == 0)
            #expect(outcome.text == "a\nb\n")
        }
    }

    @Test func aChannelThatClosesTooEarlyIsAFailure() throws {
        try DaemonUnderTest.run { (daemon) throws in
            let receiver = try daemon.start(["recv", "q", "-n", "3"])
            try daemon.ctl("send", "q", "a", "--close")
            let outcome = try receiver.finish()
            #expect(outcome.code == 5)
            #expect(outcome.text == "a\n")
        }
    }

    @Test func whatCannotBeWrittenGoesBack() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            let input = Array((1...1000).map { "\($0)\n" }.joined().utf8)
            #expect(try daemon.ctl("send", "q", input: input).code == 0)
            for arguments in ["-n 1000", "", "--follow", "-n 3 --json", "--try"] {
                let outcome = try daemon.shell("chanctl recv q \(arguments) > /dev/full")
                #expect(outcome.code == 1)
                #expect(outcome.complaint.contains("No space left"), "\(outcome.complaint)")
                try daemon.wait("q", "queued", 1000)
            }
            #expect(try daemon.channel("q")["settled"] as? Int == 0)
            #expect(try daemon.ctl("recv", "q", "-n", "1000").output == input)
        }
    }

    @Test func aReaderThatLeavesTakesNothingWithIt() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            // Together more than the pipe and the reader take, and no more than comes at a time.
            let line = [UInt8](repeating: UInt8(ascii: "x"), count: 2000) + [10]
            let input = (0..<100).flatMap { _ in line }
            #expect(try daemon.ctl("send", "q", input: input).code == 0)
            let outcome = try daemon.shell("(trap '' PIPE; chanctl recv q --follow) | head -1")
            #expect(outcome.output == line)
            #expect(outcome.complaint.isEmpty, "\(outcome.complaint)")
            try daemon.wait("q", "queued", 100)
        }
    }

    @Test func closedStandardStreamsAreFailures() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            try daemon.ctl("send", "q", "x")
            let receiving = try daemon.shell("chanctl recv q >&-")
            #expect(receiving.code == 1)
            #expect(receiving.complaint.contains("standard output"), "\(receiving.complaint)")
            try daemon.wait("q", "queued", 1)
            // Nobody can be told either.
            #expect(try daemon.shell("chanctl select recv:q <&- >&- 2>&-").code == 1)
            try daemon.wait("q", "queued", 1)
            let sending = try daemon.shell("chanctl send q <&-")
            #expect(sending.code == 1)
            #expect(sending.complaint.contains("standard input"), "\(sending.complaint)")
            #expect(try daemon.channel("q")["queued"] as? Int == 1)
        }
    }

    @Test func metaStandsBeforeTheMessage() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "10")
            try daemon.ctl("send", "q", "one", "three")
            let fields = try daemon.ctl("recv", "q", "--meta", "-n", "2").lines.map {
                $0.split(separator: "\t")
            }
            #expect(fields.map { $0[0] } == ["1", "2"])
            #expect(fields.map { $0[2] } == ["3", "5"])
            #expect(fields.map { $0[3] } == ["one", "three"])
            #expect(fields[0][1].hasSuffix("Z"))
            try daemon.ctl("send", "q", "x")
            let object = try daemon.ctl("recv", "q", "--meta", "--json").json()
            #expect(Set(object.keys) == ["version", "channel", "number", "received_at", "bytes", "text"])
        }
    }

    @Test func orderHoldsThroughThePipeline() throws {
        // Tiny limits, so that a read of input is many requests, on a channel that is always full.
        let options = DaemonUnderTest.Options(["limits.message_bytes": "1KiB"], checksInvariants: false)
        try DaemonUnderTest.run(options) { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            let input = Array((1...50_000).map { "\($0)\n" }.joined().utf8)
            let receiver = try daemon.start(["recv", "q", "-n", "50000"])
            let sender = try daemon.start(["send", "q"], input: input)
            #expect(try receiver.finish().output == input)
            #expect(try sender.finish().code == 0)
        }
    }

    @Test func moreThanABatchIsReceived() throws {
        let options = DaemonUnderTest.Options(checksInvariants: false)
        try DaemonUnderTest.run(options) { (daemon) throws in
            let input = [UInt8](repeating: 10, count: 150_000)
            let receiver = try daemon.start(["recv", "q", "-n", "150000"])
            let sender = try daemon.start(["send", "q"], input: input)
            #expect(try receiver.finish().output == input)
            #expect(try sender.finish().code == 0)
        }
    }

    @Test func thePromisedPipelineWorks() throws {
        let environment = DaemonUnderTest.environment()
        let script =
            "chanctl run -- bash -c 'seq 100000 | \"$0\" send q & \"$0\" recv q -n 100000 | tail -1' \"$0\""
        let chanctl = try BuiltProgram.path("chanctl")
        let process = try CtlProcess(
            ["-c", script.replacing("chanctl run", with: "\"$0\" run"), chanctl], program: "/bin/bash",
            input: [],
            environment: environment)
        #expect(try process.finish().text == "100000\n")
    }
}
