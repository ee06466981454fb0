// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChandConfig
import ChandServer
import Glibc

@main
struct Chand {
    private let options: Options

    static func main() {
        Descriptor.keepStandard()
        do {
            let options = try Options(Array(CommandLine.arguments.dropFirst()))
            if options.showsHelp { return try say(Options.help, to: 1) }
            if options.showsVersion { return try say("\(Server.version)\n", to: 1) }
            try Chand(options: options).serve()
        } catch {
            // Wrong usage is one line and exit 2, as everywhere in chand.
            let usage = (error as? Options.UsageError)?.message
            // Where standard error takes nothing, the exit code is all there is to say.
            try? say("chand: \(usage ?? "\(error)")\n", to: 2)
            exit(usage != nil || error is ConfigurationError ? 2 : 1)
        }
    }

    private static func say(_ text: String, to descriptor: Int32) throws {
        try Array(text.utf8).withUnsafeBytes { try Transfer.writeAll(descriptor, $0) }
    }

    private func serve() throws {
        let source = try source()
        let configuration = try source.load()
        if options.checksConfig { return }
        try Server.runDaemon(
            configuration: configuration, source: source, stopWithStdin: options.stopsWithStdin,
            checksInvariants: options.checksInvariants)
    }

    private func source() throws -> ConfigurationSource {
        var overrides: [ConfigurationOverride] = []
        for assignment in options.assignments {
            guard let override = ConfigurationOverride(assignment: assignment, option: "--set") else {
                throw Options.UsageError(message: "--set wants KEY=VALUE, not \"\(assignment)\"")
            }
            overrides.append(override)
        }
        for (key, text, option) in [
            ("daemon.socket", options.socket, "--socket"),
            ("daemon.log_level", options.logLevel, "--log-level"),
        ] {
            if let text { overrides.append(ConfigurationOverride(key: key, text: text, option: option)) }
        }
        let settings = overrides
        if options.isPrivate {
            return ConfigurationSource(name: "") { () throws(ConfigurationError) in
                var configuration = Configuration.privateDefaults(socket: Configuration().daemon.socketPath)
                try configuration.set(settings)
                return configuration
            }
        }
        let path = options.config
        return ConfigurationSource(name: path ?? Configuration.defaultPath) { () throws(ConfigurationError) in
            try Configuration.load(
                path: path, environment: ThisProcess.environment(), overrides: settings)
        }
    }
}
