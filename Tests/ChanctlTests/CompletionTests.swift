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
        ("bench la", "latency"), ("stat jo", "jobs jokes"), ("check --format n", "nagios"),
        ("check --format = n", "nagios"), ("daemon log-level w", "warning"), ("daemon status w", ""),
        ("config explain limits.sessi", "limits.sessions limits.sessions_per_user"),
        ("config check /proc/sys/kernel/ostyp", "/proc/sys/kernel/ostype"),
        ("config show /proc/sys/kerne", "/proc/sys/kernel/"),
    ]

    /// How a daemon is named: bash makes three words of `--socket=PATH`.
    @Test(arguments: [nil, "--socket", "--socket ="] as [String?])
    func bashCompletesWithTheDaemonsChannels(option: String?) throws {
        try DaemonUnderTest.run { (daemon) throws in
            for name in ["jobs", "jokes", "other"] { try daemon.ctl("create", name) }
            let bySocket = option != nil
            let socket = option.map { "\($0) \(daemon.socketPath)" } ?? ""
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

    /// Other shells leave `--socket=PATH` as it is.
    @Test func theSocketMayBeInOneWord() throws {
        try DaemonUnderTest.run { (daemon) throws in
            try daemon.ctl("create", "jobs")
            for words in [["--socket=\(daemon.socketPath)"], ["--socket", "=", daemon.socketPath]] {
                let request = ["recv", "--", "positional@0", "\(words.count + 2)", "0"]
                let outcome = try ErrorTests.run(
                    ["---completion"] + request + ["chanctl", "recv"] + words + [""],
                    socket: "/nonexistent/s")
                #expect(outcome.lines == ["jobs"], "\(words): \(outcome.complaint)")
            }
        }
    }

    /// bash expands what it is offered: a file's name must not become a command.
    @Test func filesThatAShellWouldExpandAreNotOffered() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chanctl-test")
        defer { try? Files.removeTree(directory) }
        for name in ["$(id)", "`id`", "a b", ".hidden", "plain.toml"] {
            try Files.write([], to: "\(directory)/\(name)")
        }
        let word = "\(directory)/"
        let request = ["---completion", "config", "--", "positional@1", "3", "\(word.count)"]
        let outcome = try ErrorTests.run(request + ["chanctl", "config", "check", word])
        #expect(outcome.lines == ["\(word)plain.toml"], "\(outcome.complaint)")
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
