// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem

/// Runs a command with a daemon of its own.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Starts a private daemon, runs a command that finds it, and stops the daemon again.",
        usage: "chanctl run -- CMD [ARG ...]",
        discussion: """
            The daemon listens on a socket in a new directory that is yours alone, and CHAND_SOCKET in the \
            command's environment names it. Nothing has to be installed, and nothing stays behind, even if \
            chanctl is killed.

            SIGTERM, SIGINT and SIGHUP are passed on to the command. The exit code is the command's, 128 \
            and the signal's number where a signal ended it, 127 if there is no such command, 126 if it \
            can't be run.

            The daemon's program is $CHAND_BINARY, else chand beside chanctl, else ../libexec/chand seen \
            from there, else the first chand in PATH. With --json only errors are JSON.
            """)

    @Flag(help: "Write errors on standard error as JSON.")
    var json = false

    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("The command and its arguments.", valueName: "CMD"))
    var command: [String] = []

    func validate() throws {
        if command.isEmpty {
            throw ValidationError("a command is missing; write chanctl run -- CMD [ARG ...]")
        }
    }

    private static let forwarded: [Signal] = [.terminate, .interrupt, .hangup]

    func run() throws {
        // Before any other thread starts, which would get the signals otherwise.
        let signals = try SignalSource(Self.forwarded)
        let program = try ProgramSearch.command(command[0])
        let daemon = try PrivateDaemon.start(ProgramSearch.daemon())
        let status: Int32
        do {
            status = try run(program, daemon, signals)
        } catch {
            daemon.stop()
            throw error
        }
        daemon.stop()
        throw ExitCode(status)
    }

    private func run(
        _ program: [UInt8], _ daemon: borrowing PrivateDaemon, _ signals: borrowing SignalSource
    ) throws -> Int32 {
        // One that came before there was anybody to pass it to ends this here.
        if let early = try signals.next() { return 128 + early.signal.rawValue }
        let words = command.dropFirst().map(RawArguments.bytes)
        let child: ChildProcess
        do throws(SystemError) {
            child = try ChildProcess.spawn(
                program: program, words: words, changing: ["CHAND_SOCKET": daemon.socket], stdin: .inherit)
        } catch {
            throw ProgramSearch.unusable(command[0], error)
        }
        try watch(child, daemon, signals)
        switch try child.wait() {
        case .exited(let code): return code
        case .signalled(let signal): return 128 + signal.rawValue
        }
    }

    /// Passes signals on until the command has ended.
    private func watch(
        _ child: ChildProcess, _ daemon: borrowing PrivateDaemon, _ signals: borrowing SignalSource
    ) throws {
        let poll = try EventPoll()
        var events = EventBuffer(capacity: 4)
        try poll.add(child.processDescriptor, token: 0, interest: .read)
        try poll.add(signals.descriptor, token: 1, interest: .read)
        try poll.add(daemon.keeper.processDescriptor, token: 2, interest: .read)
        var isSaid = false
        while true {
            try poll.wait(into: &events, timeoutNanoseconds: nil)
            for index in 0..<events.count {
                switch events[index].token {
                case 0:
                    // The keeper removes the socket before it ends itself, and may not have got that far.
                    if !isSaid, !Files.exists(daemon.socket) {
                        Complaint.say("the private daemon has ended before the command")
                    }
                    return
                case 1:
                    while let arrival = try signals.next() {
                        // What the terminal sends, it sends to the command as well. No number says nothing: so
                        // has a sender outside of a container.
                        if !arrival.isFromKernel { try child.kill(arrival.signal) }
                    }
                default:
                    // The command will notice by itself, and may have a use for going on.
                    try poll.remove(daemon.keeper.processDescriptor)
                    Complaint.say("the private daemon has ended; the command goes on")
                    isSaid = true
                }
            }
        }
    }
}
