// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
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
        try Output.write { try $0.line(Chanctl.completionScript(for: shell)) }
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

    /// The channels of the daemon that a command line so far speaks to; none where it does not answer.
    private static func names(_ words: [String], isAbsolute: Bool) -> [String] {
        let found = Lock<[String]>([])
        let socket = words.firstIndex(of: "--socket").map { words[$0...].dropFirst() }?.first
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
        return found.withLock { $0 }
    }
}
