// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Channels

extension MessageFormat {
    /// Reads a format of the command line.
    static func argument(_ text: String) throws -> MessageFormat {
        if let format = MessageFormat(rawValue: text) { return format }
        throw ValidationError(Usage.choice(text, "format", allCases.map(\.rawValue)))
    }

    /// Checks a format with the options beside it.
    static func check(_ format: MessageFormat?, isJSON: Bool, withMeta: Bool) throws {
        if isJSON, let format, format != .json {
            throw ValidationError("--json and --format \(format.rawValue) exclude each other; choose one")
        }
        if withMeta, format == .raw {
            throw ValidationError("raw output has no place for --meta; choose another format")
        }
    }
}

/// Receives messages.
struct Recv: Verb {
    static let configuration = CommandConfiguration(
        commandName: "recv",
        abstract: "Receives messages and prints them.",
        usage: "chanctl recv CHAN [-n COUNT | --follow] [--format FORMAT] [--try | --timeout DURATION]",
        discussion: """
            Receives one message, COUNT messages, or all until the channel is closed, and waits for them. \
            If the channel is closed before COUNT messages were received, the exit code is 5.

            Messages that can't be written go back to the channel, and with them those that came at the same \
            time, some of which may have been written.

            A message is printed as a line with its bytes as they are; on a terminal, one that is not a \
            line of text is printed in quotes. Formats: raw (the bytes and nothing else), lines, quoted, \
            hex, base64, and json: per message a line with an object with version (1), channel, bytes (the \
            size), and text or, where it is not UTF-8, base64; with --meta also number and received_at \
            (UTC).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel; it is created if need be.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Option(
        name: .customShort("n"),
        help: ArgumentHelp("Receive so many messages, and no more.", valueName: "COUNT"),
        transform: Quantities.count)
    var count: Int?

    @Flag(help: "Receive until the channel is closed; that is no failure then.")
    var follow = false

    @Option(
        help: ArgumentHelp("How messages are printed; --json is the same as json.", valueName: "FORMAT"),
        completion: .list(MessageFormat.allCases.map(\.rawValue)), transform: MessageFormat.argument)
    var format: MessageFormat?

    @Flag(
        name: .customLong("try"),
        help: "Take what is there; exit with 6 if it is fewer messages than asked for.")
    var isTry = false

    @Option(
        help: ArgumentHelp(
            "Give up with exit code 6 when no message has come for this long.", valueName: "DURATION"),
        transform: Quantities.duration)
    var timeout: Duration?

    @Flag(help: "Put the message's number, the time, and its size before it, with a tab behind each.")
    var meta = false

    func validate() throws {
        if follow, count != nil { throw ValidationError("-n and --follow exclude each other; choose one") }
        if isTry, timeout != nil {
            throw ValidationError("--try and --timeout exclude each other; choose one")
        }
        try MessageFormat.check(format, isJSON: common.json, withMeta: meta)
    }

    func perform(_ client: ChandClient) async throws {
        let job = RecvJob(
            channel: channel, count: follow ? nil : count ?? 1, timeout: isTry ? .zero : timeout,
            printer: MessagePrinter(common.json ? .json : format, withMeta: meta))
        try await client.run { try await job.run(client) }
    }
}

/// What one `recv` does, on the client's own thread.
///
/// It writes there, too: while nobody takes the output, there is nothing else that the client could do.
private struct RecvJob: Sendable {
    let channel: String
    /// nil: until the channel is closed.
    let count: Int?
    let timeout: Duration?
    let printer: MessagePrinter

    private static let maxBatch = 65_536

    func run(_ client: ChandClient) async throws {
        let channel = try await client.channel(channel, of: MessageBytes.self, role: .receive)
        var output = Output()
        var received = 0
        var progress = Progress(isWanted: !Terminal.isTerminal(1))
        defer { progress.end() }
        while received < count ?? .max {
            let wanted = min((count ?? .max) - received, Self.maxBatch)
            do {
                let messages = try await next(channel, upTo: wanted)
                let now = WallClock.now()
                do {
                    for message in messages {
                        received += 1
                        printer.append(
                            message, number: received, of: channel.name, at: now, to: &output.bytes)
                        try output.flushIfLarge()
                    }
                    // Nobody should wait for a message that is here.
                    try output.flush()
                } catch {
                    progress.end()
                    Program.endUnsettled(error)
                }
                progress.add(messages.reduce(0) { $0 + $1.count })
            } catch is ChannelClosed where count == nil {
                return
            } catch let error as ChandError where error.code == .timeout {
                throw Failure("timeout", "\(error)", channel: channel.name, exit: .timeout)
            }
        }
    }

    private func next(_ channel: Chan<MessageBytes>, upTo count: Int) async throws -> [MessageBytes] {
        guard timeout == .zero else { return try await channel.receive(upTo: count, timeout: timeout) }
        let messages = try await channel.tryReceive(upTo: count)
        guard !messages.isEmpty else {
            throw Failure.wouldBlock(
                "channel \(channel.name): nothing can be received without waiting", channel: channel.name)
        }
        return messages
    }
}

/// Prints messages in a format, by itself a sensible one.
struct MessagePrinter: Sendable {
    private let format: MessageFormat
    /// Whether what is no line of text is quoted, lest it changes the terminal.
    private let quotesOthers: Bool
    private let withMeta: Bool

    init(_ format: MessageFormat?, withMeta: Bool = false) {
        self.format = format ?? .lines
        quotesOthers = format == nil && Terminal.isTerminal(1)
        self.withMeta = withMeta
    }

    /// Whether messages are JSON objects.
    var isJSON: Bool { format == .json }

    /// Appends a message with all that is said about it.
    func append(
        _ message: MessageBytes, number: Int, of channel: String, at instant: Duration,
        to output: inout [UInt8]
    ) {
        guard !isJSON else {
            var pairs: [(key: String, value: JSON)] = [
                ("version", .number(JSON.schemaVersion)), ("channel", .string(channel)),
            ]
            if withMeta {
                pairs += [
                    ("number", .number(number)), ("received_at", .string(WallClock.universal(instant))),
                ]
            }
            output.append(contentsOf: JSON.object(pairs + MessageFormat.fields(of: message)).description.utf8)
            output.append(UInt8(ascii: "\n"))
            return
        }
        if withMeta {
            let meta = "\(number)\t\(WallClock.universal(instant))\t\(message.count)\t"
            output.append(contentsOf: meta.utf8)
        }
        append(message, to: &output)
    }

    /// Appends a message alone.
    func append(_ message: some Collection<UInt8>, to output: inout [UInt8]) {
        let chosen = quotesOthers && !Printable.isOneLine(message) ? .quoted : format
        chosen.append(message, to: &output)
    }
}
