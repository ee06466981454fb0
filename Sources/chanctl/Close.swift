// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Closes a channel.
struct Close: Verb {
    static let configuration = CommandConfiguration(
        commandName: "close",
        abstract:
            "Closes a channel for everybody: nothing can be sent any more, what is in it can be received.",
        usage: "chanctl close CHAN [--reason TEXT] [--code N]",
        discussion: """
            Closing a channel that is closed already is no error, and changes nothing.

            With --json: an object with version (1), channel (the absolute name) and closed_now (whether \
            it was this call that closed it).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Option(help: ArgumentHelp("Tell senders and receivers why, in up to 200 bytes.", valueName: "TEXT"))
    var reason = ""

    @Option(help: ArgumentHelp("Tell them a number, too.", valueName: "N"))
    var code: UInt32 = 0

    func perform(_ client: ChandClient) async throws {
        guard reason.utf8.count <= 200 else {
            throw Failure.usage("the reason has \(reason.utf8.count) bytes; up to 200 are possible")
        }
        let options = ChannelOptions(mustExist: true)
        let channel = try await client.channel(channel, of: MessageBytes.self, role: .send, options: options)
        let closed = try await channel.close(reason: CloseReason(code: code, reason))
        guard common.json else { return }
        try Output.write { output in
            try output.line(
                [
                    "version": .number(JSON.schemaVersion), "channel": .string(channel.name),
                    "closed_now": .bool(closed),
                ] as JSON)
        }
    }
}
