// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Waits until a channel is empty.
struct Drain: Verb {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Waits until nothing is left in a channel, neither queued nor with a receiver.",
        usage: "chanctl drain CHAN [--timeout DURATION]",
        discussion: """
            It takes no message, and keeps nobody from sending more: close the channel first where that matters. What \
            is set aside does not count. Exits with 6 when the time is over.

            With --json: an object with version (1) and channel (the name as given).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Option(
        help: ArgumentHelp("Give up after so long.", valueName: "DURATION"), transform: Quantities.duration)
    var timeout: Duration?

    func perform(_ client: ChandClient) async throws {
        _ = try await client.wait(for: channel, until: .empty, timeout: timeout)
        guard common.json else { return }
        try Output.write { try $0.line(channel: channel) }
    }
}
