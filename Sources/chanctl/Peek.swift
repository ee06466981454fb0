// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Shows messages without taking them.
struct Peek: Verb {
    static let configuration = CommandConfiguration(
        commandName: "peek",
        abstract: "Shows the messages that lie in a channel, and leaves them there.",
        usage: "chanctl peek CHAN [-n COUNT] [--format FORMAT] [--meta]",
        discussion: """
            They are shown in the order in which they would be received, all or the first COUNT. It needs the right \
            to receive. What waiting senders have, what receivers have not finished with, and what is set \
            aside, is not shown: chanctl show counts those.

            The formats are those of chanctl recv. With json each message is a line with an object with version (1), \
            channel (the absolute name), number (its place in the channel's order), attempts (how often it was \
            delivered before), redelivered (whether somebody may have seen it), bytes (the size), and text or, \
            where it is not UTF-8, base64.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Option(
        name: .customShort("n"),
        help: ArgumentHelp("Show so many messages, and no more.", valueName: "COUNT"),
        transform: Quantities.count)
    var count: Int?

    @Option(
        help: ArgumentHelp("How messages are printed; --json is the same as json.", valueName: "FORMAT"),
        completion: .list(MessageFormat.allCases.map(\.rawValue)), transform: MessageFormat.argument)
    var format: MessageFormat?

    @Flag(help: "Put the message's number, its attempts, and its size before it, with a tab behind each.")
    var meta = false

    func validate() throws { try MessageFormat.check(format, isJSON: common.json, withMeta: meta) }

    func perform(_ client: ChandClient) async throws {
        let name = try await client.inspect(channel).name
        let printer = MessagePrinter(common.json ? .json : format)
        var output = Output()
        var left = count ?? .max
        var cursor: QueuedPage.Cursor?
        repeat {
            let page = try await client.peek(channel, from: cursor, count: left)
            for message in page.messages {
                append(message, of: name, printer, to: &output.bytes)
                try output.flushIfLarge()
            }
            left -= page.messages.count
            cursor = page.next
        } while cursor != nil && left > 0
        try output.flush()
    }

    private func append(
        _ message: QueuedMessage, of name: String, _ printer: MessagePrinter, to output: inout [UInt8]
    ) {
        guard printer.isJSON else {
            if meta {
                let words = "\(message.number)\t\(message.attempts)\t\(message.bytes.count)\t"
                output.append(contentsOf: words.utf8)
            }
            return printer.append(message.bytes, to: &output)
        }
        let pairs: [(key: String, value: JSON)] = [
            ("version", .number(JSON.schemaVersion)), ("channel", .string(name)),
            ("number", .unsigned(message.number)), ("attempts", .number(message.attempts)),
            ("redelivered", .bool(message.isRedelivered)),
        ]
        let line = JSON.object(pairs + MessageFormat.fields(of: message.bytes)).description
        output.append(contentsOf: (line + "\n").utf8)
    }
}
