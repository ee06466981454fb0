// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import ChandConfig
import ChandServer

@main
struct Chand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chand",
        abstract: "The daemon of chand: named channels with Go's semantics between the processes of a host.",
        version: Server.version)

    @Option(help: ArgumentHelp("The configuration file.", valueName: "path"))
    var config: String?
    @Option(help: ArgumentHelp("The socket to listen on, unless systemd passes one.", valueName: "path"))
    var socket: String?
    @Option(help: ArgumentHelp("error, warning, info or debug.", valueName: "level"))
    var logLevel: String?
    @Option(
        help: ArgumentHelp("Any key of the configuration, as limits.sessions=100.", valueName: "key=value"))
    var set: [String] = []
    @Flag(help: "No configuration file; all shared spaces are granted to this user.")
    var `private` = false
    @Flag(help: "Stop when standard input ends, as it does when the process that started this one dies.")
    var stopWithStdin = false
    @Flag(help: "Check the configuration, say what is wrong with it, and end.")
    var checkConfig = false
    /// For tests: a wrong state ends the daemon at the frame that made it, not where it shows.
    @Flag(help: .hidden)
    var checkInvariants = false

    static func main() {
        do {
            let command = try parse()
            try command.serve()
        } catch {
            // Help and version are no errors; wrong usage is one line and exit 2, as everywhere in chand.
            guard exitCode(for: error).rawValue != 0 else { exit(withError: error) }
            let line = "chand: \(message(for: error))\n"
            // Where standard error takes nothing, the exit code is all there is to say.
            try? Array(line.utf8).withUnsafeBytes { try Transfer.writeAll(2, $0) }
            let isUsage = exitCode(for: error) == .validationFailure || error is ConfigurationError
            exit(withError: ExitCode(isUsage ? 2 : 1))
        }
    }

    private func serve() throws {
        let source = try source()
        let configuration = try source.load()
        if checkConfig { return }
        try Server.runDaemon(
            configuration: configuration, source: source, stopWithStdin: stopWithStdin,
            checksInvariants: checkInvariants)
    }

    private func source() throws -> ConfigurationSource {
        var overrides: [ConfigurationOverride] = []
        for assignment in set {
            guard let override = ConfigurationOverride(assignment: assignment, option: "--set") else {
                throw ValidationError("--set wants KEY=VALUE, not \"\(assignment)\"")
            }
            overrides.append(override)
        }
        for (key, text, option) in [
            ("daemon.socket", socket, "--socket"), ("daemon.log_level", logLevel, "--log-level"),
        ] {
            if let text { overrides.append(ConfigurationOverride(key: key, text: text, option: option)) }
        }
        let settings = overrides
        if `private` {
            return ConfigurationSource(name: "") { () throws(ConfigurationError) in
                var configuration = Configuration.privateDefaults(socket: Configuration().daemon.socketPath)
                try configuration.set(settings)
                return configuration
            }
        }
        let path = config
        return ConfigurationSource(name: path ?? Configuration.defaultPath) { () throws(ConfigurationError) in
            try Configuration.load(
                path: path, environment: ThisProcess.environment(), overrides: settings)
        }
    }
}
