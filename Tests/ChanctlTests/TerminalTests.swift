// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// What verbs say and ask at a terminal only.
@Suite struct TerminalTests {
    /// Bytes go through pipes, and the terminal shows how many: on standard error alone.
    @Test func sendAndRecvShowHowFarTheyAre() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "unbounded")
            let chanctl = try BuiltProgram.path("chanctl")
            let (sending, receiving) = (try PseudoTerminal(), try PseudoTerminal())
            let input = try Descriptor.pipe()
            let output = try Descriptor.pipe()
            let sender = try sending.start(
                chanctl, ["send", "q", "--close"], environment: daemon.clientEnvironment,
                input: .descriptor(input.reading.raw))
            let receiver = try receiving.start(
                chanctl, ["recv", "q", "--follow"], environment: daemon.clientEnvironment,
                output: .descriptor(output.writing.raw))
            var sent = ""
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            try eventually("both have said something") {
                try Array("line\n".utf8).withUnsafeBytes { try Transfer.writeAll(input.writing.raw, $0) }
                sent += "line\n"
                // Lines come one by one: a read never waits in vain.
                while received.count < sent.utf8.count {
                    guard
                        case .bytes(let count) = buffer.withUnsafeMutableBytes({
                            Transfer.read(output.reading.raw, into: $0)
                        })
                    else { throw LiveFailure("the receiver has ended") }
                    received += buffer[..<count]
                }
                return sending.log.text.contains("/s") && receiving.log.text.contains("/s")
            }
            _ = consume input
            #expect(try sender.wait() == .exited(0))
            #expect(try receiver.wait() == .exited(0))
            #expect(received == Array(sent.utf8))
            let bytes = sent.utf8.count / 5 * 4
            for terminal in [sending, receiving] {
                let last = terminal.log.text.split(separator: "\r").last { $0.contains("/s") }
                #expect(last?.contains("B in ") == true, "\(terminal.log.text)")
                if bytes < 1024 { #expect(last?.hasPrefix("\(bytes)B in ") == true) }
            }
        }
    }

    @Test func purgeAsks() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            try daemon.ctl("send", "q", "one", "two")
            for (answer, code) in [("n", 1 as Int32), ("", 1), ("y", 0)] {
                let terminal = try PseudoTerminal()
                let purge = try terminal.start(
                    BuiltProgram.path("chanctl"), ["purge", "q"], environment: daemon.clientEnvironment)
                #expect(
                    terminal.log.wait(
                        for: "discard 2 of the messages in /uid/\(ThisProcess.uid)/q for good? [y/N] "))
                try terminal.type("\(answer)\r")
                #expect(try purge.wait() == .exited(code))
                #expect(terminal.log.wait(for: code == 0 ? "2 messages discarded" : "nothing was discarded"))
            }
            #expect(try daemon.ctl("peek", "q").output.isEmpty)
        }
    }

    /// The interrupt key ends the question in order: the session says so, and is not found dead.
    @Test func aQuestionCanBeInterrupted() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "q", "--capacity", "3")
            try daemon.ctl("send", "q", "one")
            let monitor = try daemon.start(["monitor"])
            try eventually("it has begun") { monitor.outputSoFar.hasPrefix("TIME ") }
            let terminal = try PseudoTerminal()
            let purge = try terminal.start(
                BuiltProgram.path("chanctl"), ["purge", "q"], environment: daemon.clientEnvironment)
            #expect(terminal.log.wait(for: "for good? [y/N] "))
            try terminal.type("\u{3}")
            #expect(try purge.wait() == .exited(130))
            // A death would be told before what comes later.
            try daemon.ctl("create", "later")
            try eventually("the rest is told") { monitor.outputSoFar.contains(" later ") }
            #expect(!monitor.outputSoFar.contains(" died "))
            try monitor.process.kill(.interrupt)
            _ = try monitor.finish()
            #expect(try daemon.ctl("peek", "q").text == "one\n")
        }
    }
}
