// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Holds receives.
struct Pause: Verb {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Holds a channel's receives: messages stay in it until resume.",
        usage: "chanctl pause CHAN",
        discussion: """
            Senders go on until the buffer is full, then wait. What receivers have already, they can finish. Pausing what is \
            paused is no error. It needs the channel's owner or an administrator.

            With --json: an object with version (1) and channel (the name as given).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    func perform(_ client: ChandClient) async throws {
        try await client.pause(channel)
        guard common.json else { return }
        try Output.write { try $0.line(channel: channel) }
    }
}
