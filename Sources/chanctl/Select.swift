// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Channels

/// Waits for the first of several operations.
struct Select: Verb {
    static let configuration = CommandConfiguration(
        commandName: "select",
        abstract: "Waits until one of several sends and receives can proceed, does it, and says which.",
        usage: "chanctl select CASE ... [--timeout DURATION | --default] [--loop] [--format FORMAT]",
        discussion: """
            A CASE is recv:CHAN or send:CHAN=DATA. Exactly one takes effect; of several that can, one is \
            drawn. The output is a line with the case and its value, as in "recv:jobs hello" or \
            "send:results done", or the word default.

            A case whose channel is closed proceeds, too: the exit code is 5. With --loop such a case is \
            left out from then on, and the loop ends with exit code 0 when none is left.

            A message that was received and can't be written goes back to its channel.

            With --json: an object with version (1), operation (recv, send or default), and unless it is \
            default case (counted from 0), channel (the absolute name), bytes, and text or base64.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("What to wait for: recv:CHAN or send:CHAN=DATA.", valueName: "CASE"),
        completion: ChannelNames.ofCases, transform: SelectCaseArgument.init)
    var cases: [SelectCaseArgument]

    @Option(
        help: ArgumentHelp("Give up with exit code 6 after this long.", valueName: "DURATION"),
        transform: Quantities.duration)
    var timeout: Duration?

    @Flag(help: "Do not wait: print \"default\" if no case can proceed at once.")
    var `default` = false

    @Flag(help: "Select again and again. --timeout then is the time between two winners.")
    var loop = false

    @Option(
        help: ArgumentHelp("How values are printed, as with recv, but not raw.", valueName: "FORMAT"),
        completion: .list(MessageFormat.allCases.map(\.rawValue)), transform: MessageFormat.argument)
    var format: MessageFormat?

    func validate() throws {
        if `default`, timeout != nil {
            throw ValidationError("--default and --timeout exclude each other; choose one")
        }
        if `default`, loop {
            throw ValidationError("--default and --loop together never wait; use --timeout to stop a loop")
        }
        if format == .raw { throw ValidationError("select prints lines; choose another format than raw") }
        if common.json, let format, format != .json {
            throw ValidationError("--json and --format \(format.rawValue) exclude each other; choose one")
        }
    }

    func perform(_ client: ChandClient) async throws {
        let job = SelectJob(
            cases: cases, timeout: `default` ? .zero : timeout, loops: loop,
            printer: MessagePrinter(common.json ? .json : format))
        try await client.run { try await job.run(client) }
    }
}

/// What one `select` does, on the client's own thread.
private struct SelectJob: Sendable {
    let cases: [SelectCaseArgument]
    /// nil: for ever, zero: not at all.
    let timeout: Duration?
    let loops: Bool
    let printer: MessagePrinter

    /// A case with its channel open; without one once that is closed.
    private enum Open {
        case receive(Chan<MessageBytes>?)
        case send(Piece, Chan<Piece>?)

        var selectCase: SelectCase<SelectWinner> {
            switch self {
            case .receive(let channel): Channels.receive(from: channel)
            case .send(let piece, let channel): Channels.send(piece, to: channel)
            }
        }

        var name: String? {
            switch self {
            case .receive(let channel): channel?.name
            case .send(_, let channel): channel?.name
            }
        }

        /// The same, which never proceeds any more.
        var closed: Open {
            switch self {
            case .receive: .receive(nil)
            case .send(let piece, _): .send(piece, nil)
            }
        }
    }

    func run(_ client: ChandClient) async throws {
        var open: [Open] = []
        for argument in cases {
            switch argument.operation {
            case .receive:
                open.append(.receive(try await client.channel(argument.channel, role: .receive)))
            case .send(let data):
                let channel = try await client.channel(argument.channel, of: Piece.self, role: .send)
                open.append(.send(Piece(data[...]), channel))
            }
        }
        var output = Output()
        repeat {
            guard let winner = try await next(open) else {
                try noWinner(&output)
                return
            }
            if loops, winner.isClosed {
                open[winner.index] = open[winner.index].closed
                continue
            }
            try print(winner, open[winner.index], &output)
        } while loops && open.contains { $0.name != nil }
    }

    private func next(_ open: [Open]) async throws -> SelectWinner? {
        let cases = open.map(\.selectCase)
        guard let timeout else { return try await Channels.select(cases) }
        return try await Channels.select(cases, timeout: timeout)
    }

    private func noWinner(_ output: inout Output) throws {
        if let timeout, timeout > .zero {
            let time = Quantities.text(timeout)
            throw Failure("timeout", "no case could proceed within \(time)", exit: .timeout)
        }
        if printer.isJSON {
            try output.line(
                ["version": .number(JSON.schemaVersion), "operation": .string("default")] as JSON)
        } else {
            try output.line("default")
        }
        try output.flush()
    }

    private func print(_ winner: SelectWinner, _ open: Open, _ output: inout Output) throws {
        switch (winner.outcome, open) {
        case (.received(let value), _):
            guard let message = value as? MessageBytes else { return }
            show(winner.index, "recv", message, open, &output)
        case (.sent, .send(let piece, _)):
            show(winner.index, "send", piece.bytes, open, &output)
        default:
            if let error = winner.error { throw error }
        }
        do { try output.flush() } catch { Program.endUnsettled(error) }
    }

    private func show(
        _ index: Int, _ operation: String, _ message: some Collection<UInt8>, _ open: Open,
        _ output: inout Output
    ) {
        guard printer.isJSON else {
            output.bytes.append(contentsOf: "\(cases[index].label) ".utf8)
            printer.append(message, to: &output.bytes)
            return
        }
        let pairs: [(key: String, value: JSON)] = [
            ("version", .number(JSON.schemaVersion)), ("operation", .string(operation)),
            ("case", .number(index)), ("channel", .text(open.name)),
        ]
        let line = JSON.object(pairs + MessageFormat.fields(of: message)).description
        output.bytes.append(contentsOf: (line + "\n").utf8)
    }
}
