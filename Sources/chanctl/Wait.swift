// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Waits for a channel's state.
struct Wait: Verb {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Waits until a channel is in a state, without taking a message or counting as a party.",
        usage: "chanctl wait CHAN EXPR [--timeout DURATION]",
        discussion: """
            EXPR is one of closed; drained (closed, and nothing is queued or unsettled); empty (nothing is \
            queued or unsettled); receivers>0, senders>0 (another process may receive, or send; any \
            number in place of 0); queued>=N. Quote it: the shell takes > for itself.

            Exits with 0 once it is so, with 6 when the time is over, with 4 when there is no such channel, \
            or none any more, and with 5 when it is closed and can't have so many messages.

            With --json: an object with version (1), channel, code and reason (what the close said; 0 and \
            empty where the channel is open).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Argument(
        help: ArgumentHelp("The state.", valueName: "EXPR"),
        completion: .list(["closed", "drained", "empty", "receivers>0", "senders>0", "queued>="]),
        transform: Self.condition)
    var condition: ChannelCondition

    @Option(
        help: ArgumentHelp("Give up after so long.", valueName: "DURATION"), transform: Quantities.duration)
    var timeout: Duration?

    /// Reads an expression.
    private static func condition(_ text: String) throws -> ChannelCondition {
        let words: [String: ChannelCondition] = ["closed": .closed, "drained": .drained, "empty": .empty]
        if let condition = words[text] { return condition }
        let counted: [(name: String, make: (Int) -> ChannelCondition)] = [
            ("receivers", ChannelCondition.receivers), ("senders", ChannelCondition.senders),
            ("queued", ChannelCondition.queued),
        ]
        for (name, make) in counted where text.hasPrefix(name) {
            let rest = text.dropFirst(name.count)
            if rest.hasPrefix(">="), let count = number(rest.dropFirst(2)) { return make(count) }
            if rest.hasPrefix(">"), let count = number(rest.dropFirst()) { return make(count + 1) }
        }
        throw ValidationError(
            "\"\(text)\" is no state; write closed, drained, empty, receivers>0, senders>0 or queued>=N")
    }

    private static func number(_ text: Substring) -> Int? {
        guard let number = Int(text), number >= 0, number < Int.max, text.first != "+" else { return nil }
        return number
    }

    func perform(_ client: ChandClient) async throws {
        let reason = try await client.wait(for: channel, until: condition, timeout: timeout)
        guard common.json else { return }
        try Output.write { output in
            try output.line(
                [
                    "version": .number(JSON.schemaVersion), "channel": .string(channel),
                    "code": .number(Int(reason.code)), "reason": .string(reason.text),
                ] as JSON)
        }
    }
}
