// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Channels

/// Sends messages.
struct Send: Verb {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Sends its arguments, or what it reads from standard input, as messages.",
        usage: "chanctl send CHAN [DATA ...] [--try | --timeout DURATION] [--close]",
        discussion: """
            Each argument DATA is a message. Without arguments each line of standard input is one, without \
            its newline; other options cut the input otherwise. Bytes arrive as they are.

            A send waits until there is room in the channel, or on a rendezvous channel until it is \
            received. Where it fails half-way, the error says how many messages were accepted, all of them \
            the first ones.

            With --json: an object with version (1), channel (the absolute name), sent (how many messages) \
            and closed_now (whether it was --close that closed the channel).
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel; it is created if need be.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Argument(help: ArgumentHelp("Messages. Put -- before one that begins with a dash.", valueName: "DATA"))
    var data: [String] = []

    @Flag(help: "Cut standard input at NUL bytes rather than at newlines, as find -print0 writes it.")
    var null = false

    @Flag(
        help: """
            Read messages that each stand behind their length: four bytes, least significant first.
            """)
    var lengthPrefixed = false

    @Option(
        help: ArgumentHelp("Cut standard input into messages of this size, as in 64KiB.", valueName: "SIZE"),
        transform: Quantities.size)
    var chunk: Int?

    @Flag(help: "Send all of standard input as one message, even if it is empty.")
    var whole = false

    @Flag(name: .customLong("try"), help: "Send what can be sent at once; exit with 6 if that is not all.")
    var isTry = false

    @Option(
        help: ArgumentHelp(
            "Give up with exit code 6 when no message has been accepted for this long.", valueName: "DURATION"
        ),
        transform: Quantities.duration)
    var timeout: Duration?

    @Flag(help: "Close the channel when everything is sent.")
    var close = false

    func validate() throws {
        let framings = [null, lengthPrefixed, chunk != nil, whole].count { $0 }
        if framings > 1 {
            throw ValidationError(
                "--null, --length-prefixed, --chunk and --whole exclude each other; choose one")
        }
        if framings == 1, !data.isEmpty {
            throw ValidationError("DATA and an option for standard input exclude each other; leave one out")
        }
        if isTry, timeout != nil {
            throw ValidationError("--try and --timeout exclude each other; choose one")
        }
    }

    private var framing: InputFraming {
        if let chunk { return .chunks(chunk) }
        return null ? .null : lengthPrefixed ? .lengthPrefixed : whole ? .whole : .lines
    }

    func perform(_ client: ChandClient) async throws {
        let limit = client.daemon.limits.maxMessageBytes
        if let chunk, chunk > limit {
            throw Failure.usage(
                "--chunk \(chunk) is over the \(limit) bytes that the daemon allows for a message")
        }
        let job = SendJob(
            channel: channel, arguments: data.map { RawArguments.bytes(of: $0)[...] }, framing: framing,
            pace: isTry ? .atOnce : timeout.map { .within($0) } ?? .pipelined, closes: close)
        let outcome = try await client.run { try await job.run(client) }
        guard common.json else { return }
        try Output.write { output in
            try output.line(
                [
                    "version": .number(JSON.schemaVersion), "channel": .string(outcome.name),
                    "sent": .number(outcome.count), "closed_now": .bool(outcome.closed),
                ] as JSON)
        }
    }
}

/// What one `send` does, on the client's own thread.
private struct SendJob: Sendable {
    let channel: String
    let arguments: [ArraySlice<UInt8>]
    let framing: InputFraming
    let pace: SendPipeline.Pace
    let closes: Bool

    func run(_ client: ChandClient) async throws -> (name: String, count: Int, closed: Bool) {
        let channel = try await client.channel(channel, of: Piece.self, role: .send)
        var pipeline = SendPipeline(channel, client, pace)
        if arguments.isEmpty {
            let limit = client.daemon.limits.maxMessageBytes
            let reader = try InputReader.start(InputSplitter(framing, maxMessageBytes: limit))
            try await pass(reader, to: &pipeline)
        } else {
            try await pipeline.send(arguments)
            try await pipeline.finish()
        }
        let closed = closes ? try await channel.close() : false
        return (channel.name, pipeline.accepted, closed)
    }

    private func pass(_ reader: InputReader, to pipeline: inout SendPipeline) async throws {
        // A send that fails while the next input is awaited is to be known at once, not at the next line.
        pipeline.onFailure { reader.abandon() }
        var progress = Progress(isWanted: !Terminal.isTerminal(0))
        defer { progress.end() }
        do {
            while let batch = try await reader.next() {
                try await pipeline.send(batch.messages)
                progress.add(batch.messages.reduce(0) { $0 + $1.count })
                guard let fault = batch.fault else { continue }
                try await pipeline.finish()
                throw fault
            }
            try await pipeline.finish()
        } catch is CancellationError {
            // Whichever ended the waiting: a failed send says so here, and the interrupt key leaves the rest.
            try await pipeline.finish()
            throw CancellationError()
        }
    }
}
