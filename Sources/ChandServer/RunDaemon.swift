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
