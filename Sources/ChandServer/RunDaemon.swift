// SPDX-License-Identifier: Apache-2.0

import ChanSystem
public import ChandConfig

extension Server {
    /// Runs the whole daemon in this process: signals, log, serving, and the orderly end.
    ///
    /// Returns after SIGTERM, SIGINT or, `stopWithStdin`, the end of standard input; SIGHUP reads the configuration
    /// anew from its source. The signals are blocked in
    /// this thread and those started from it, so it is to be called before any other thread starts.
    /// - Parameter checksInvariants: whether the whole state is checked after every frame, for tests.
    public static func runDaemon(
        configuration: Configuration, source: ConfigurationSource, stopWithStdin: Bool,
        checksInvariants: Bool = false
    ) throws {
        // Before the socket is there: who may not start leaves nothing.
        if stopWithStdin { try UnwatchableInput.check() }
        let signals = try SignalSource([.terminate, .interrupt, .hangup])
        try SignalSource.ignoreBrokenPipes()
        let log = try Log(level: configuration.daemon.logLevel)
        defer { log.close() }
        for warning in configuration.warnings { log.warning("\(warning)", event: .configurationWarning) }
        // As many descriptors as the system lets us have: each session is one.
        let (soft, hard) = try ThisProcess.descriptorLimit()
        if soft < hard { try ThisProcess.setDescriptorLimit(hard) }
        let server = try Server(
            configuration: configuration, source: source, log: log, checksInvariants: checksInvariants)
        try server.run(signals: signals, lifeline: stopWithStdin ? 0 : -1)
        log.info("stopped")
    }
}

/// A standard input whose end can't be waited for: a file, or a device such as `/dev/null`.
private struct UnwatchableInput: Error, CustomStringConvertible {
    var description: String {
        "--stop-with-stdin waits for the end of a pipe, a socket or a terminal, and standard input is none of them; "
            + "give it one, or leave the option out"
    }

    /// Throws where standard input is such a one.
    ///
    /// Asks the kernel, which alone knows what can be watched; closing the poll ends the watching.
    static func check() throws {
        let poll = try EventPoll()
        do throws(SystemError) {
            try poll.add(0, token: 0, interest: .read)
        } catch {
            if error.errno == SystemError.notPermitted { throw UnwatchableInput() }
            throw error
        }
    }
}
