// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Channels

/// Discards what lies in a channel.
struct Purge: Verb {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Discards the messages that lie in a channel, for good, and says how many.",
        usage: "chanctl purge CHAN [--yes]",
        discussion: """
            Goes: what is queued, and what is set aside. Stays: what receivers have not finished with, and what \
            waiting senders have, which moves in. A sender that waits for settlement is told. It needs the \
            channel's owner or an administrator.

            At a terminal it asks first; elsewhere it does nothing without --yes.

            With --json: an object with version (1), channel (the absolute name) and purged (how many messages).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Flag(help: "Do not ask.")
    var yes = false

    func perform(_ client: ChandClient) async throws {
        let status = try await client.inspect(channel)
        if !yes { try await confirm(status) }
        let count = try await client.purge(channel)
        try Output.write { output in
            guard !common.json else {
                return try output.line(
                    [
                        "version": .number(JSON.schemaVersion), "channel": .string(status.name),
                        "purged": .number(count),
                    ] as JSON)
            }
            try output.line("\(count) \(count == 1 ? "message" : "messages") discarded")
        }
    }

    private func confirm(_ status: ChannelStatus) async throws {
        guard Terminal.isTerminal(0), Terminal.isTerminal(2) else {
            throw Failure.usage("purge discards messages for good; add --yes where nobody can be asked")
        }
        let count = status.length + status.setAside
        Complaint.write("discard \(count) of the messages in \(status.name) for good? [y/N] ")
        let answer = try await Self.answer()
        guard ["y", "yes"].contains(answer.lowercased()) else {
            throw Failure("refused", "nothing was discarded", channel: status.name, exit: .failed)
        }
    }

    /// The line that is typed; none at the end of the input.
    ///
    /// Not by readLine, which knows nothing of cancelling: the interrupt key would have to wait for the answer.
    private static func answer() async throws -> String {
        let reader = try InputReader.start(InputSplitter(.lines, maxMessageBytes: longestAnswer))
        while let batch = try await reader.next() {
            if let line = batch.messages.first { return String(decoding: line, as: UTF8.self) }
        }
        return ""
    }

    /// What a terminal passes on as one line.
    private static let longestAnswer = 4096
}
