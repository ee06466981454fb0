// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One setting from the command line.
public struct ConfigurationOverride: Sendable, Equatable {
    /// The key's full name, `limits.sessions`; those of `[daemon]` also without their section.
    public let key: String
    /// Its value: a string without quotes, everything else as in the file.
    public let text: String
    /// What to call it in messages, as in `--socket`.
    public let option: String

    /// A setting that an option of its own stands for.
    public init(key: String, text: String, option: String) {
        self.key = key
        self.text = text
        self.option = option
    }

    /// Reads `KEY=VALUE`, the argument of an option such as `--set`; `nil` where there is no `=`.
    public init?(assignment: String, option: String) {
        // As a Character, the sign is one with a mark behind it that combines.
        let scalars = assignment.unicodeScalars
        guard let equals = scalars.firstIndex(of: "=") else { return nil }
        let key = String(scalars[..<equals])
        let text = String(scalars[scalars.index(after: equals)...])
        self.init(key: key, text: text, option: "\(option) \(key)")
    }
}

extension Configuration {
    /// Where the configuration is looked for where nobody names a file.
    public static let defaultPath = "/etc/chand/chand.toml"

    /// Where files lie that are read after `file`: `/etc/chand/chand.d` for `/etc/chand/chand.toml`.
    public static func dropInDirectory(of file: String) -> String {
        (file.hasSuffix(".toml") ? String(file.dropLast(5)) : file) + ".d"
    }

    /// Reads the file and its drop-ins, then the environment over them, then the flags over all.
    ///
    /// The drop-ins are the files `*.toml` of ``dropInDirectory(of:)``, in the order of their names.
    ///
    /// - Parameters:
    ///   - path: The file, which has to be there; with `nil` it is `defaultPath`, which need not.
    ///   - environment: The variables; every `CHAND_…` that is a key's counts.
    ///   - overrides: What the command line sets.
    ///   - names: Who knows users and groups.
    ///   - daemonUserID: As whom the daemon runs or will run: the file must be root's or his. By
    ///     default this process's own.
    /// - Throws: Everything that is wrong, at once.
    public static func load(
        path: String? = nil, environment: [String: String] = [:], overrides: [ConfigurationOverride] = [],
        names: NameLookup = .system, daemonUserID: UInt32? = nil
    ) throws(ConfigurationError) -> Configuration {
        try reader(path, environment, overrides, names, daemonUserID).finish()
    }

    /// Reads all of it, and leaves it to ask what is wrong and where values come from.
    fileprivate static func reader(
        _ path: String?, _ environment: [String: String], _ overrides: [ConfigurationOverride],
        _ names: NameLookup, _ daemonUserID: UInt32?
    ) -> ConfigurationReader {
        var reader = ConfigurationReader(names: names)
        let file = path ?? defaultPath
        do throws(ConfigurationProblem.AsError) {
            if let text = try ConfigurationFile.read(file, daemonUserID: daemonUserID ?? geteuid()) {
                reader.read(text, path: file)
            } else if path != nil {
                reader.problems.append(
                    ConfigurationProblem(.unreadable, at: .file(path: file, line: 0), "there is no such file")
                )
            }
            let directory = dropInDirectory(of: file)
            for name in try ConfigurationFile.names(in: directory) {
                let path = "\(directory)/\(name)"
                if let text = try ConfigurationFile.read(path, daemonUserID: daemonUserID ?? geteuid()) {
                    reader.read(text, path: path)
                }
            }
        } catch {
            reader.problems.append(error.problem)
        }
        reader.read(environment: environment)
        for override in overrides { reader.read(override) }
        return reader
    }

    /// Reads a text as if it stood in a file of that name, whose permissions nobody asks about.
    public static func parse(
        _ text: String, file: String, names: NameLookup = .system
    ) throws(ConfigurationError) -> Configuration {
        try parse(Array(text.utf8), file: file, names: names)
    }

    /// The same with bytes that need not be a text.
    package static func parse(
        _ text: [UInt8], file: String, names: NameLookup
    ) throws(ConfigurationError) -> Configuration {
        var reader = ConfigurationReader(names: names)
        reader.read(text, path: file)
        return try reader.finish()
    }

    /// Sets one key from text, with the same checks as in a file.
    public mutating func set(
        _ override: ConfigurationOverride, names: NameLookup = .system
    ) throws(ConfigurationError) {
        try set([override], names: names)
    }

    /// Sets several keys; what they demand of each other is checked when all are set.
    public mutating func set(
        _ overrides: [ConfigurationOverride], names: NameLookup = .system
    ) throws(ConfigurationError) {
        var reader = ConfigurationReader(names: names)
        reader.configuration = self
        for override in overrides { reader.read(override) }
        self = try reader.finish()
    }

    /// A key's value as it would be written in the file; `nil` for no key of the sections.
    public func text(of fullName: String) -> String? {
        ConfigurationSchema.bindings.first { $0.key.fullName == fullName }?.text(self)
    }
}

/// A configuration with where its values come from.
public struct LoadedConfiguration: Sendable {
    /// The values.
    public let configuration: Configuration
    /// Who set each key that has another value than the default's, or the same said again; by full name.
    public let origins: [String: ConfigurationProblem.Origin]

    /// Reads a file with its drop-ins, and the environment over them, as ``Configuration/load(path:environment:overrides:names:daemonUserID:)``
    /// does.
    public init(path: String?, environment: [String: String]) throws(ConfigurationError) {
        let reader = Configuration.reader(path, environment, [], .system, nil)
        origins = reader.origins
        configuration = try reader.finish()
    }
}
