// SPDX-License-Identifier: Apache-2.0

import ChandConfig

/// What is said about a wrong command line: what is wrong, and what would be right.
enum Usage {
    /// The parser's words, made one line, with the verb's usage behind them.
    static func failure(_ message: String, verb: String?) -> Failure {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        // DATA and other names of values stay as they are.
        let isName = line.dropFirst().first?.isUppercase == true
        let first: String = isName ? line : line.prefix(1).lowercased() + line.dropFirst()
        // What the verbs' own readers say is about one value, and says it all.
        if let own = first.firstRange(of: "': ") { return .usage(cause(first, own)) }
        // A complaint that ends by saying what would be right needs no more.
        if first.contains("; ") { return .usage(first) }
        let ending = first.last.map { ".!?".contains($0) } == true ? "" : ";"
        return .usage("\(first)\(ending) usage: \(Chanctl.usage(of: verb))")
    }

    /// "the value '5x' is invalid for '--timeout <DURATION>': reason", without what the reason repeats.
    private static func cause(_ text: String, _ separator: Range<String.Index>) -> String {
        let quoted = text[..<separator.lowerBound].split(separator: "'")
        let reason = text[separator.upperBound...]
        return quoted.last.map { "\($0): \(reason)" } ?? String(reason)
    }

    /// What is said about a word that is none of those possible.
    static func choice(_ word: String, _ kind: String, _ choices: [String]) -> String {
        let near = Nearest.of(word, among: choices).map { "did you mean \($0)?" }
        return "\"\(word)\" is no \(kind): \(near ?? "there are " + choices.joined(separator: ", "))"
    }
}

/// The words of the command line before the parser sees them.
///
/// The parser would take an option before the verb for the root command's, and an unknown verb for an
/// argument too many: so options go behind the verb here, and verbs are looked up.
package struct Invocation {
    /// What to parse.
    package private(set) var words: [String]
    /// The verb, if there is a known one.
    package private(set) var verb: String?
    /// What is wrong already.
    private(set) var fault: Failure?
    /// Whether errors are to be JSON; known before parsing, as parsing may fail.
    package let wantsJSON: Bool

    /// What this process was called with.
    static var ofThisProcess: Invocation { Invocation(RawArguments.ofThisProcess()) }

    /// Options before the verb that have a value in the next word.
    static let optionsWithValue: Set = ["--socket", "--sort"]
    /// The verbs that start a daemon of their own, or ask none.
    private static let verbsWithoutSocket: Set = ["bench", "completion", "config", "run"]

    package init(_ words: [String]) {
        self.words = words
        wantsJSON = words.prefix { $0 != "--" }.contains("--json")
        // What a shell asks has the words of another command line behind it.
        if words.first == "---completion" { return }
        var index = 0
        while index < words.count, words[index].hasPrefix("-") {
            if words[index] == "--" || words[index].hasPrefix("--generate-completion") { return }
            index += Self.optionsWithValue.contains(words[index]) ? 2 : 1
        }
        guard index < words.count else { return }
        let verbs = Chanctl.verbs + ["help"]
        guard verbs.contains(words[index]) else {
            fault = Self.unknown(words[index], verbs)
            return
        }
        verb = words[index]
        self.words = [words[index]] + words[..<index] + words[(index + 1)...]
        fault = Self.misplaced(self.words.dropFirst(), verb: words[index])
    }

    /// What is said about an option that is another verb's.
    ///
    /// The root command has the options of `list`, and the parser would take them for its own behind any verb.
    private static func misplaced(_ words: ArraySlice<String>, verb: String) -> Failure? {
        for word in words.prefix(while: { $0 != "--" }) where word.hasPrefix("-") {
            let name = String(word.unicodeScalars.prefix { $0 != "=" })
            // Other options of one letter may be in the same word.
            let isLong = name.hasPrefix("-l")
            if verb != "list", isLong || name == "--sort" || name == "--reverse" {
                let option = isLong ? "-l" : name
                if ["run", "exec"].contains(verb) {
                    return .usage(
                        "\(option) is no option of \(verb); where it is the command's, put -- before the command"
                    )
                }
                return .usage("\(option) is an option of list, and \(verb) has no use for it; leave it out")
            }
            if name == "--socket", verbsWithoutSocket.contains(verb) {
                return .usage(
                    "--socket is for verbs that talk to a daemon that runs; \(verb) does not: leave it out")
            }
        }
        return nil
    }

    private static func unknown(_ word: String, _ verbs: [String]) -> Failure {
        let near = Nearest.of(word, among: verbs)
        let hint = near.map { "did you mean `chanctl \($0)`?" } ?? "`chanctl --help` shows the verbs"
        return .usage("there is no verb \"\(word)\": \(hint)")
    }
}
