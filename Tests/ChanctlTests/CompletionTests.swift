// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// chanctl completion: scripts for shells, and what they offer.
@Suite struct CompletionTests {
    @Test(arguments: ["bash", "zsh", "fish"])
    func theScriptIsOne(shell: String) throws {
        let outcome = try ErrorTests.run(["completion", shell])
        #expect(outcome.code == 0 && outcome.text.contains("---completion"))
        guard Files.exists("/usr/bin/\(shell)") else { try Test.cancel("there is no \(shell) here") }
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        defer { try? Files.removeTree(directory) }
        try Files.write(outcome.output, to: "\(directory)/script")
        let check = try CtlProcess(
            ["-n", "\(directory)/script"], program: "/usr/bin/\(shell)", input: [],
            environment: DaemonUnderTest.environment()
        ).finish()
        #expect(check.code == 0 && check.complaint.isEmpty, "\(check.complaint)")
    }

    /// Words of a command line, and what completes the last.
    static let lines: [(words: String, offered: String)] = [
        ("rec", "recv"), ("recv jo", "jobs jokes"), ("send jobs", "jobs"), ("recv x", ""),
        ("recv jobs --fo", "--follow --format"), ("recv jobs --format q", "quoted"),
        ("exec jobs --dead-letter jok", "jokes"), ("wait jobs dr", "drained"), ("daemon rel", "reload"),
        ("peek /uid/\(ThisProcess.uid)/jok", "/uid/\(ThisProcess.uid)/jokes"), ("completion f", "fish"),
        ("bench la", "latency"),
    ]

    @Test(arguments: [true, false])
    func bashCompletesWithTheDaemonsChannels(bySocket: Bool) throws {
        try DaemonUnderTest.run { (daemon) throws in
            for name in ["jobs", "jokes", "other"] { try daemon.ctl("create", name) }
            let socket = bySocket ? "--socket \(daemon.socketPath)" : ""
            let script = """
                source <(chanctl completion bash)
                offered() {
                    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMPREPLY=()
                    COMP_POINT=${#COMP_LINE}
                    _chanctl "$1" "${@: -1}" "${@: -2:1}"
                    printf '%s\\n' "${COMPREPLY[@]}" | sort -u | xargs
                }
                """
            let program = try BuiltProgram.path("chanctl")
            for (words, offered) in Self.lines {
                let verb = words.split(separator: " ", maxSplits: 1)
                // Behind the verb, where it has one that is whole.
                let line = verb.count == 2 ? "\(verb[0]) \(socket) \(verb[1])" : words
                var environment = daemon.clientEnvironment
                if bySocket { environment["CHAND_SOCKET"] = "/nonexistent" }
                let needsDaemon = words.contains("jo") && !words.contains("--fo")
                if bySocket, !needsDaemon || ["daemon", "completion", "bench"].contains(verb[0]) { continue }
                let outcome = try shellProcess(
                    "\(script)\noffered '\(program)' \(line)", environment: environment
                )
                .finish()
                #expect(outcome.text == offered + "\n", "\(words): \(outcome.complaint)")
            }
        }
    }

    @Test func withoutADaemonThereIsNothingToOffer() throws {
        let outcome = try ErrorTests.run(
            ["---completion", "recv", "--", "positional@0", "2", "0", "chanctl", "recv", ""],
            socket: "/nonexistent/s")
        #expect(
            outcome.code == 0 && outcome.text == "\n" && outcome.complaint.isEmpty, "\(outcome.complaint)")
    }

    @Test func anotherShellIsWrongUsage() throws {
        let outcome = try ErrorTests.run(["completion", "fihs"])
        #expect(outcome.code == 2 && outcome.complaint.contains("did you mean fish?"), "\(outcome.complaint)")
        #expect(try ErrorTests.run(["completion", "--json"]).error()["exit"] as? Int == 2)
    }
}
