// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// The root command: without a verb it lists, through its own options.
struct Chanctl: Verb {
    /// The version of the tools; the daemon's own is in what `ping --json` prints.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "chanctl",
        abstract: "Looks at channels, sends, receives and selects: the command line of chand.",
        usage: "chanctl [VERB] [ARGUMENTS]",
        discussion: """
            Without a verb, chanctl lists the channels. The name of a channel is relative to your own \
            space, or absolute with a leading /, as in /pub/jobs.

            The daemon's socket is the one given with --socket, else $CHAND_SOCKET, else \
            $XDG_RUNTIME_DIR/chand/chand.sock if that exists, else /run/chand/chand.sock. No daemon runs? \
            Try chanctl run -- sh -c 'seq 3 | chanctl send q & chanctl recv q -n 3'.

            Nothing moves? chanctl blocked lists what waits and for how long, chanctl graph who waits for \
            whom.

            Durations are written 50ms, 1.5s, 2m, 1h, sizes 64KiB, 1MiB; a bare number is seconds or \
            bytes.

            Exit codes: 0 done; 1 failed; 2 usage; 3 daemon not reachable; 4 no such channel; 5 channel \
            closed; 6 timeout or would block; 7 not permitted; 8 quota; 9 protocol or version; 130 \
            interrupted; check has codes of its own. Errors are one line on standard error; with --json they are an object with the \
            keys version, code, message, channel (or null) and exit.
            """,
        version: "chanctl \(version)",
        subcommands: [
            List.self, Show.self, Ps.self, Blocked.self, Graph.self, Stat.self, Metrics.self, Check.self,
            Top.self, Monitor.self, Create.self, Send.self, Recv.self, Select.self, Exec.self, Peek.self,
            Close.self,
            Remove.self, Drain.self, Purge.self, Pause.self, Resume.self, Wait.self, Ping.self, Run.self,
            Bench.self,
            Daemon.self, Config.self, Completion.self,
        ])

    /// All verbs, as they are typed.
    static var verbs: [String] {
        configuration.subcommands.compactMap { $0.configuration.commandName }
    }

    /// What a verb is used like; the whole program's where it is none.
    static func usage(of verb: String?) -> String {
        let command = configuration.subcommands.first { $0.configuration.commandName == verb }
        return (command?.configuration ?? configuration).usage ?? ""
    }

    @OptionGroup var common: CommonOptions
    @OptionGroup var listing: ListingOptions

    func perform(_ client: ChandClient) async throws {
        try await listing.list(nil, client, common)
    }
}
