// SPDX-License-Identifier: Apache-2.0

import ChandConfig

/// What the command line asks for.
///
/// Read by hand: a parsing library would bring Foundation, and with it twice the start and twice the memory.
struct Options {
    var config: String?
    var socket: String?
    var logLevel: String?
    var assignments: [String] = []
    var isPrivate = false
    var stopsWithStdin = false
    var checksConfig = false
    /// For tests: a wrong state ends the daemon at the frame that made it, not where it shows.
    var checksInvariants = false
    var showsVersion = false
    var showsHelp = false

    private struct Option {
        let name: String
        /// What its value is called; none where it has none.
        let value: String?
        /// The lines of its help; none for one that only tests use.
        let help: [String]
        let store: (inout Options, String) -> Void
    }

    private static var table: [Option] {
        [
            Option(name: "config", value: "path", help: ["The configuration file."]) { $0.config = $1 },
            Option(
                name: "socket", value: "path", help: ["The socket to listen on, unless systemd passes one."]
            ) { $0.socket = $1 },
            Option(name: "log-level", value: "level", help: ["error, warning, info or debug."]) {
                $0.logLevel = $1
            },
            Option(
                name: "set", value: "key=value",
                help: ["Any key of the configuration, as limits.sessions=100."]
            ) { $0.assignments.append($1) },
            Option(
                name: "private", value: nil,
                help: ["No configuration file; all shared spaces are granted", "to this user."]
            ) { options, _ in options.isPrivate = true },
            Option(
                name: "stop-with-stdin", value: nil,
                help: [
                    "Stop when standard input ends, as it does when the",
                    "process that started this one dies.",
                ]
            ) { options, _ in options.stopsWithStdin = true },
            Option(
                name: "check-config", value: nil,
                help: ["Check the configuration, say what is wrong with it,", "and end."]
            ) { options, _ in options.checksConfig = true },
            Option(name: "check-invariants", value: nil, help: []) { options, _ in
                options.checksInvariants = true
            },
            Option(name: "version", value: nil, help: ["Show the version."]) { options, _ in
                options.showsVersion = true
            },
            Option(name: "help", value: nil, help: ["Show this help, as -h does."]) { options, _ in
                options.showsHelp = true
            },
        ]
    }

    /// What is wrong with the command line, in a line.
    struct UsageError: Error {
        let message: String
    }

    /// Reads the arguments, `--name value` or `--name=value`; what follows a wish for help is not looked at.
    init(_ arguments: [String]) throws(UsageError) {
        let table = Self.table
        var rest = arguments[...]
        while let word = rest.popFirst(), !showsHelp {
            guard word.hasPrefix("--") || word == "-h" else {
                throw UsageError(message: "there are no arguments but options, as \"\(word)\" is none")
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = word == "-h" ? "help" : String(parts[0].dropFirst(2))
            guard let option = table.first(where: { $0.name == name }) else {
                let shown = table.filter { !$0.help.isEmpty }.map(\.name)
                let near = Nearest.of(name, among: shown).map { ": did you mean --\($0)?" } ?? ""
                throw UsageError(message: "there is no option --\(name)\(near)")
            }
            var value = parts.count > 1 ? String(parts[1]) : nil
            if let called = option.value {
                if value == nil, rest.first?.hasPrefix("--") == false { value = rest.popFirst() }
                guard value != nil else {
                    throw UsageError(message: "--\(name) wants a value, --\(name) \(called.uppercased())")
                }
            } else if value != nil {
                throw UsageError(message: "--\(name) takes no value")
            }
            option.store(&self, value ?? "")
        }
    }

    /// The text of `--help`.
    static var help: String {
        let shown = table.filter { !$0.help.isEmpty }
        var text =
            "The daemon of chand: named channels with Go's semantics between the processes of a host.\n\n"
        text += "usage: chand [OPTION...]\n\n"
        for option in shown {
            var head = "  --\(option.name)\(option.value.map { " \($0.uppercased())" } ?? "")"
            for line in option.help {
                text += head + String(repeating: " ", count: 22 - head.utf8.count) + line + "\n"
                head = ""
            }
        }
        return text + "\nchand(8) and chand.toml(5) say more.\n"
    }
}
