// SPDX-License-Identifier: Apache-2.0

/// Why a configuration was refused: everything that is wrong with it, so that an operator mends it in one go.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// At least one, in the order in which they were found.
    public let problems: [ConfigurationProblem]

    /// An error of one problem or more.
    public init(_ problems: [ConfigurationProblem]) {
        self.problems = problems
    }

    /// One line per problem.
    public var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

/// One thing that is wrong, where it stands, and what would be right.
public struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
    /// What kind of fault it is; more kinds may come.
    public struct Code: Sendable, Hashable {
        private enum Kind: Hashable {
            case unreadable, unsafePermissions, syntax, unknownKey, wrongType, impossibleValue, unknownName,
                missingKey
        }

        private let kind: Kind

        /// The file can't be opened or read.
        public static let unreadable = Code(kind: .unreadable)
        /// Somebody else could have written the file.
        public static let unsafePermissions = Code(kind: .unsafePermissions)
        /// The file is not TOML.
        public static let syntax = Code(kind: .syntax)
        /// No key or section has this name.
        public static let unknownKey = Code(kind: .unknownKey)
        /// The value is of another type than the key's.
        public static let wrongType = Code(kind: .wrongType)
        /// The value is outside the key's range, or contradicts another's.
        public static let impossibleValue = Code(kind: .impossibleValue)
        /// The machine has no such user or group.
        public static let unknownName = Code(kind: .unknownName)
        /// A key that has no default is not there.
        public static let missingKey = Code(kind: .missingKey)
    }

    /// Where a value came from.
    public enum Origin: Sendable, Hashable, CustomStringConvertible {
        /// A file, and the line in it; 0 where it concerns the whole file.
        case file(path: String, line: Int)
        /// An environment variable.
        case environment(variable: String)
        /// An option on the command line.
        case flag(String)

        /// As compilers write it: `path:line`.
        public var description: String {
            switch self {
            case .file(let path, let line): line > 0 ? "\(path):\(line)" : path
            case .environment(let variable): "environment variable \(variable)"
            case .flag(let name): name
            }
        }
    }

    /// The kind of fault.
    public let code: Code
    /// Where the value or the fault stands.
    public let origin: Origin
    /// The full name of the key, as in `limits.sessions`; none where the whole file is at fault.
    public let key: String?
    /// What is wrong and what would be right.
    public let message: String

    /// A problem.
    public init(_ code: Code, at origin: Origin, key: String? = nil, _ message: String) {
        self.code = code
        self.origin = origin
        self.key = key
        self.message = message
    }

    /// One line: where, which key, what; control characters out of the file are escaped.
    public var description: String {
        inOneLine(key.map { "\(origin): \($0): \(message)" } ?? "\(origin): \(message)")
    }

    /// The problem on its way up, where the first one ends the reading.
    struct AsError: Error {
        let problem: ConfigurationProblem
    }
}
