// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChanSystem
import ChandConfig

/// The daemon's configuration files, whether it runs or not.
struct Config: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Shows the daemon's configuration, checks a file, or explains a key.",
        usage: "chanctl config show|check [FILE] | explain [KEY]",
        discussion: """
            Reads files, and asks no daemon.

            show     prints each key with its value, and where that comes from: a line of a file, an environment \
            variable, or the default.
            check    says what is wrong with a file and those of the directory beside it, a line for each fault, and \
            exits with 1 if anything is.
            explain  says what a key is for, or every key.

            FILE is /etc/chand/chand.toml by itself. It is read as the daemon would read it that you would start: with \
            your environment over it. chanctl daemon status says which file a \
            running daemon has read.

            With --json: an object with version (1) and keys, a list of objects with key, section, name and, for \
            show, value and origin (or null for the default), for explain type, unit, least and most (or null), \
            default (or null), variable (or null) and text. check prints nothing where all is well.
            """)

    @Flag(help: "Write results, and errors on standard error, as JSON with a version.")
    var json = false

    @Argument(
        help: ArgumentHelp("What to do.", valueName: "ACTION"),
        completion: .list(Action.allCases.map(\.rawValue)), transform: Self.action)
    var action: Action

    @Argument(
        help: ArgumentHelp("The file, or the key.", valueName: "FILE|KEY"),
        completion: Choices.configSubjects)
    var subject: String?

    /// What can be done.
    enum Action: String, CaseIterable, Sendable {
        case show, check, explain
    }

    /// The flag, which the root command has as well and takes for its own.
    private var isJSON: Bool { Invocation.ofThisProcess.wantsJSON }

    private static func action(_ text: String) throws -> Action {
        if let action = Action(rawValue: text) { return action }
        throw ValidationError(Usage.choice(text, "action of chanctl config", Action.allCases.map(\.rawValue)))
    }

    func run() throws {
        switch action {
        case .show: try show()
        case .check: _ = try load()
        case .explain: try explain()
        }
    }

    private func load() throws -> LoadedConfiguration {
        do {
            return try LoadedConfiguration(path: subject, environment: ThisProcess.environment())
        } catch {
            // All that is wrong at once: each is mended by itself.
            for problem in error.problems.dropLast() { Complaint.line(line(Self.failure(problem))) }
            throw error.problems.last.map(Self.failure) ?? Failure(error)
        }
    }

    private static func failure(_ problem: ConfigurationProblem) -> Failure {
        Failure("invalidConfiguration", problem.description, exit: .failed)
    }

    private func line(_ failure: Failure) -> String {
        isJSON ? failure.json.description : "chanctl: \(failure.message)"
    }

    private func show() throws {
        let loaded = try load()
        let keys = ConfigurationSchema.keys.compactMap { key in
            loaded.configuration.text(of: key.fullName).map { (key, $0, loaded.origins[key.fullName]) }
        }
        try Output.write { output in
            guard isJSON else {
                for (key, value, origin) in keys {
                    let words = origin.map { "\($0)" } ?? "default"
                    try output.line(Printable.line("\(key.fullName) = \(value)  # \(words)"))
                }
                return
            }
            try output.line(
                Self.object(
                    keys.map { key, value, origin in
                        Self.name(key) + [
                            ("value", .string(value)), ("origin", .text(origin.map { "\($0)" })),
                        ]
                    }))
        }
    }

    private func explain() throws {
        let all = ConfigurationSchema.keys
        // A name alone is enough where one section has it.
        let keys = subject.map { subject in all.filter { [$0.fullName, $0.name].contains(subject) } } ?? all
        if let subject, keys.isEmpty {
            let near = Nearest.of(subject, among: all.map(\.fullName) + all.map(\.name))
            let hint = near.map { "did you mean \($0)?" } ?? "`chanctl config explain` shows all"
            throw Failure.usage("\"\(subject)\" is no key: \(hint)")
        }
        try Output.write { output in
            guard isJSON else {
                for (index, key) in keys.enumerated() {
                    if index > 0 { try output.line("") }
                    try output.line(key.fullName)
                    let variable = key.environmentVariable.map { ["# Environment: \($0)."] } ?? []
                    for line in (key.shippedLines.filter { $0.hasPrefix("# ") } + variable) {
                        try output.line("    " + line.dropFirst(2))
                    }
                }
                return
            }
            try output.line(
                Self.object(
                    keys.map { key in
                        Self.name(key) + [
                            ("type", .string(key.type)), ("unit", .string(key.unit)),
                            ("least", .text(key.bounds?.least)), ("most", .text(key.bounds?.most)),
                            ("default", .text(key.defaultText)), ("variable", .text(key.environmentVariable)),
                            ("text", .string(key.documentation.joined(separator: " "))),
                        ]
                    }))
        }
    }

    private static func name(_ key: ConfigurationKey) -> [(key: String, value: JSON)] {
        [("key", .string(key.fullName)), ("section", .string(key.section)), ("name", .string(key.name))]
    }

    private static func object(_ keys: [[(key: String, value: JSON)]]) -> JSON {
        ["version": .number(JSON.schemaVersion), "keys": .array(keys.map(JSON.object))]
    }
}
