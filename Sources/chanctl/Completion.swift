// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import ChandConfig
import Channels

/// Prints a script that makes a shell complete chanctl's command lines.
struct Completion: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Prints a script with which a shell completes verbs, options, and the daemon's channels.",
        usage: "chanctl completion bash|zsh|fish",
        discussion: """
            bash: put it where bash-completion looks, as in \
            ~/.local/share/bash-completion/completions/chanctl, or say source <(chanctl completion bash) in ~/.bashrc.

            zsh: put it into a directory of $fpath as _chanctl.

            fish: put it into ~/.config/fish/completions/chanctl.fish.

            Channels are asked for at the daemon each time, the one that --socket names or the environment. With \
            --json only errors are JSON.
            """)

    @Flag(help: "Write errors on standard error as JSON.")
    var json = false

    @Argument(
        help: ArgumentHelp("The shell.", valueName: "SHELL"), completion: .list(Self.shells),
        transform: Self.shell)
    var shell: CompletionShell

    private static let shells = ["bash", "zsh", "fish"]

    private static func shell(_ text: String) throws -> CompletionShell {
        guard shells.contains(text), let shell = CompletionShell(rawValue: text) else {
            throw ValidationError(Usage.choice(text, "shell that can be completed", shells))
        }
        return shell
    }

    func run() throws {
        let script = Chanctl.completionScript(for: shell)
        try Output.write { try $0.line(shell == .bash ? Self.joiningValues(script) : script) }
    }

    /// The script for bash, made to understand `--socket=PATH`, which bash takes for three words.
    private static func joiningValues(_ script: String) -> String {
        let previous = #"    local -r prev="${3}""#
        let words = #"    local -a unparsed_words=("${COMP_WORDS[@]:1:${COMP_CWORD}}")"#
        return script.replacing(
            previous,
            with: #"""
                    local prev="${3}"
                    [[ "${prev}" = '=' ]] && prev="${COMP_WORDS[COMP_CWORD - 2]}"
                """#
        ).replacing(
            words,
            with: words + "\n"
                + #"""
                    # An = between an option and its value is no word.
                    local -i option_index
                    for ((option_index = 1; option_index < COMP_CWORD - 1; option_index++)); do
                        if [[ "${COMP_WORDS[option_index]}" = --* && "${COMP_WORDS[option_index + 1]}" = '=' ]]; then
                            unset "unparsed_words[${option_index}]"
                        fi
                    done
                """#)
    }
}

/// The names of channels, for shells.
enum ChannelNames {
    /// More than a person looks through; completing must not take long.
    private static let most = 1000

    /// What can be typed where a channel is named.
    static var completion: CompletionKind {
        .custom { words, _, prefix in names(words, isAbsolute: prefix.hasPrefix("/")) }
    }

    /// What can be typed as a case of `select`.
    static var ofCases: CompletionKind {
        .custom { words, index, prefix in cases(words, index, prefix) }
    }

    private static func cases(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
        // bash takes the colon for a word of its own, and wants only what comes behind it.
        if words.dropFirst(max(index - 1, 0)).prefix(2).contains(":") {
            return names(words, isAbsolute: prefix.hasPrefix("/"))
        }
        let operations = ["recv:", "send:"]
        let typed = operations.first { prefix.hasPrefix($0) }
        let channels = names(words, isAbsolute: prefix.dropFirst(typed?.count ?? 0).hasPrefix("/"))
        return (typed.map { [$0] } ?? operations).flatMap { operation in channels.map { operation + $0 } }
    }

    /// The socket that a command line so far names.
    private static func socket(in words: [String]) -> String? {
        for (index, word) in words.enumerated() {
            if word.hasPrefix("--socket=") { return String(word.dropFirst("--socket=".count)) }
            guard word == "--socket" else { continue }
            let rest = words[(index + 1)...]
            // bash takes the = for a word of its own.
            return rest.first == "=" ? rest.dropFirst().first : rest.first
        }
        return nil
    }

    /// The channels of the daemon that a command line so far speaks to; none where it does not answer.
    private static func names(_ words: [String], isAbsolute: Bool) -> [String] {
        let found = Lock<[String]>([])
        let socket = socket(in: words)
        // Whatever is wrong with the daemon is no matter of a key that completes.
        try? Program.wait(
            for: {
                let client = try await ChandClient.connect(
                    to: socket, name: "chanctl", timeout: .seconds(1), reconnect: .never)
                let space = OwnSpace(user: client.daemon.user)
                for try await channel in client.list() {
                    let name = isAbsolute ? channel.name : space.relative(channel.name)
                    let count = found.withLock { names in
                        names.append(name)
                        return names.count
                    }
                    if count == most { break }
                }
                await client.close()
            }, { _ in })
        return found.withLock { $0 }.filter(Choices.isPlain)
    }
}

/// What can be typed where that depends on the words before.
enum Choices {
    /// What a daemon can log, behind `daemon log-level`.
    static var logLevels: CompletionKind {
        .custom { words, _, _ in words.contains("log-level") ? LogLevel.allCases.map(\.rawValue) : [] }
    }

    /// A key behind `config explain`, else a file.
    static var configSubjects: CompletionKind {
        .custom { words, _, prefix in words.contains("explain") ? keys : files(prefix) }
    }

    private static var keys: [String] { ConfigurationSchema.keys.map(\.fullName) }

    /// The files that a path can go on with; directories end in a slash.
    private static func files(_ prefix: String) -> [String] {
        let directory = prefix.lastIndex(of: "/").map { String(prefix[...$0]) } ?? ""
        let wantsHidden = prefix.dropFirst(directory.count).hasPrefix(".")
        let names = (try? Files.names(in: directory.isEmpty ? "." : directory)) ?? []
        let paths = names.filter { wantsHidden || !$0.hasPrefix(".") }.map { directory + $0 }
        return paths.filter(isPlain).sorted().map { Files.exists("\($0)/.") ? "\($0)/" : $0 }
    }

    /// Whether a shell takes a word as it is: bash expands what it is offered, and would run what is in `$(...)`.
    static func isPlain(_ word: String) -> Bool {
        word.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || "0123456789_./-+@%,:".unicodeScalars.contains(scalar)
        }
    }
}
