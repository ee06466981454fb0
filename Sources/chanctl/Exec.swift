// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import Channels

/// Runs a command for each message.
struct Exec: ParsableCommand, Sendable {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Runs a command for each message, and gives the message back where that fails.",
        usage: "chanctl exec CHAN [-P N] [--attempts N [--dead-letter CHAN]] [-n COUNT] -- CMD [ARG ...]",
        discussion: """
            The message is the command's standard input or, where an argument has {} in it, takes the place of \
            each {}. CHAND_ATTEMPT in its environment is 1 unless the message was tried before. The message is gone \
            when the command exits with 0. Otherwise it goes back to its place for another attempt, after a pause \
            that begins at 100ms and doubles with each attempt up to 10s; after --attempts of them it goes to the \
            dead-letter channel, or is set aside where there is none. Without --attempts a message that \
            always fails is tried for ever.

            A message is leased while its command runs, and the lease renewed: nobody else gets the message, unless \
            chanctl is killed or stopped. If chanctl is killed, its commands are ended, and their messages go back.

            It goes on until the channel is closed and empty. The first SIGTERM or SIGINT lets the running \
            commands finish; the second ends them, and gives their messages back. Neither reaches the \
            commands by itself; SIGUSR1 and SIGUSR2 are passed on to them.

            Exit codes: 0 if every run of the command did, also after a SIGTERM; 1 if one did not; 5 if the channel \
            was closed before COUNT runs; 130 after a SIGINT; 126 and 127 if there is no such command or it \
            can't be run. With --json: at the end an object with version (1), channel (the absolute name), done and \
            failed (how many runs); each failed run is an error of the code jobFailed.
            """)

    @OptionGroup var common: CommonOptions

    @Argument(
        help: ArgumentHelp("The channel; it is created if need be.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var channel: String

    @Option(
        name: .customShort("P"), help: ArgumentHelp("Run so many at a time.", valueName: "N"),
        transform: Self.parallel)
    var parallel = 1

    @Option(
        help: ArgumentHelp("Try a message so often, 1 to 65535 times.", valueName: "N"),
        transform: Self.attempts)
    var attempts: Int?

    @Option(
        help: ArgumentHelp(
            "Where a message goes after its last attempt; made if there is none.", valueName: "CHAN"),
        completion: ChannelNames.completion)
    var deadLetter: String?

    @Option(
        name: .customShort("n"),
        help: ArgumentHelp("Run the command so often, and no more.", valueName: "COUNT"),
        transform: Quantities.count)
    var count: Int?

    @Option(
        help: ArgumentHelp(
            "How long a message waits for a chanctl that hangs, 1m by itself; at least 1s.",
            valueName: "DURATION"),
        transform: Self.lease)
    var lease = Duration.seconds(60)

    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("The command and its arguments.", valueName: "CMD"))
    var command: [String] = []

    private static func parallel(_ text: String) throws -> Int {
        if let number = Int(text), (1...1024).contains(number) { return number }
        throw ValidationError("\"\(text)\" is no number of commands at a time; it is one from 1 to 1024")
    }

    private static func attempts(_ text: String) throws -> Int {
        if let number = Int(text), (1...65_535).contains(number) { return number }
        throw ValidationError("\"\(text)\" is no number of attempts; it is one from 1 to 65535")
    }

    private static func lease(_ text: String) throws -> Duration {
        let duration = try Quantities.duration(text)
        if duration >= .seconds(1) { return duration }
        throw ValidationError("\"\(text)\" is too short; a lease lasts for 1s or more")
    }

    func validate() throws {
        if command.isEmpty {
            throw ValidationError("a command is missing; write chanctl exec CHAN -- CMD [ARG ...]")
        }
        if deadLetter != nil, attempts == nil {
            throw ValidationError("--dead-letter needs a limit; add --attempts N")
        }
    }

    func run() throws {
        // Before any other thread starts, which would get the signals otherwise.
        let signals = try SignalSource(JobGroup.signals)
        let program = try ProgramSearch.command(command[0])
        let jobs = try JobGroup(signals)
        defer { jobs.end() }
        let work = ExecWork(
            channel: channel, terms: LeaseTerms(time: lease, attempts: attempts, deadLetter: deadLetter),
            parallel: parallel, count: count, name: command[0], program: program,
            words: command.dropFirst().map(RawArguments.bytes), jobs: jobs, isJSON: common.json)
        let common = common
        try Program.wait(for: { try await common.withClient(work.run) }) { cancel in
            try jobs.watch(stop: cancel)
        }
    }
}
