// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Frees a channel's name.
struct Remove: Verb {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Frees a channel's name at once; processes that have it open can still drain it.",
        usage: "chanctl remove CHAN",
        discussion: """
            The channel is closed with the reason "removed". Who opens the name from now on gets another \
            channel. It needs its owner or an administrator.

            With --json: an object with version (1) and channel (the name as given).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    func perform(_ client: ChandClient) async throws {
        try await client.remove(channel)
        guard common.json else { return }
        try Output.write { try $0.line(channel: channel) }
    }
}
