// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Lets receives go on.
struct Resume: Verb {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Lets a channel's receives go on after pause.",
        usage: "chanctl resume CHAN",
        discussion: """
            What waited goes on in its order. Resuming what is not paused is no error. It needs the channel's owner or an \
            administrator.

            With --json: an object with version (1) and channel (the name as given).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    func perform(_ client: ChandClient) async throws {
        try await client.resume(channel)
        guard common.json else { return }
        try Output.write { try $0.line(channel: channel) }
    }
}
