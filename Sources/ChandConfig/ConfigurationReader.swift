// SPDX-License-Identifier: Apache-2.0

/// Applies file, environment and flags in turn, and collects everything that is wrong with any of them.
struct ConfigurationReader {
    typealias Origin = ConfigurationProblem.Origin

    var configuration = Configuration()
    var problems: [ConfigurationProblem] = []
    /// Who set a key last, for rules between several.
    var origins: [String: Origin] = [:]
    var spaceOrigins: [String: Origin] = [:]
    var channelOrigins: [String: Origin] = [:]
    let names: NameLookup

    init(names: NameLookup) {
        self.names = names
    }

    /// The result, once everything has been read.
    consuming func finish() throws(ConfigurationError) -> Configuration {
        if problems.isEmpty { checkSpacesOfChannels() }
        if problems.isEmpty {
            // With values missing, a rule between them would report consequences.
            for relation in ConfigurationSchema.relations where !relation.holds(configuration) {
                reportBroken(relation)
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return configuration
    }

    private mutating func reportBroken(_ relation: ConfigurationSchema.Relation) {
        let set = relation.keys.filter { origins[$0] != nil }
        let key = set.last ?? relation.keys[0]
        let values = relation.keys.compactMap { name in
            binding(name).map { "\($0.key.name) = \($0.text(configuration))" }
        }
        report(
            .impossibleValue, at: origins[key] ?? .flag("defaults"), key: key,
            "\(relation.rule), here \(values.joined(separator: ", "))")
    }

    // MARK: The file

    /// Reads a whole file's text.
    mutating func read(_ text: [UInt8], path: String) {
        let root: TomlTable
        do {
            root = try TomlTable.parse(text)
        } catch {
            problems.append(
                ConfigurationProblem(.syntax, at: .file(path: path, line: error.line), error.message))
            return
        }
        let sections = Set(ConfigurationSchema.bindings.map(\.key.section))
        for entry in root.entries {
            let origin = Origin.file(path: path, line: entry.line)
            if entry.key == "space" {
                for table in tables(of: entry, at: origin) { readSpace(table, path: path) }
            } else if entry.key == "channel" {
                for table in tables(of: entry, at: origin) { readChannel(table, path: path) }
            } else if sections.contains(entry.key) {
                guard case .table = entry.value else {
                    let message = "expected a table, [\(entry.key)], not \(entry.value.typeName)"
                    report(.wrongType, at: origin, key: entry.key, message)
                    continue
                }
                for table in entry.tables { readSection(entry.key, table, path: path) }
            } else {
                let places = ConfigurationSchema.bindings.filter { $0.key.name == entry.key }.map(
                    \.key.section)
                let message =
                    if let place = places.first {
                        "stands outside its section: it belongs below [\(place)]"
                    } else {
                        unknown(entry.key, "section", among: sections.sorted() + ["space", "channel"])
                    }
                report(.unknownKey, at: origin, key: entry.key, message)
            }
        }
    }

    private mutating func tables(of entry: TomlTable.Entry, at origin: Origin) -> [TomlTable] {
        guard case .array(let elements) = entry.value, elements.count == entry.tables.count else {
            let message = "expected [[\(entry.key)]], in two brackets, before each \(entry.key)'s keys"
            report(.wrongType, at: origin, key: entry.key, message)
            return []
        }
        return entry.tables
    }

    /// Reads the keys of one table of several, as of a `[[space]]`, into a draft; returns their lines, and
    /// reports what is wrong.
    mutating func read<Draft>(
        _ table: TomlTable, path: String, as section: String, into draft: inout Draft,
        with bindings: [KeyBinding<Draft>]
    ) -> [String: Int] {
        var lines: [String: Int] = [:]
        for entry in table.entries {
            let place = Origin.file(path: path, line: entry.line)
            let fullName = "\(section).\(entry.key)"
            guard let binding = bindings.first(where: { $0.key.name == entry.key }) else {
                let message = unknown(entry.key, "key of [[\(section)]]", among: bindings.map(\.key.name))
                report(.unknownKey, at: place, key: fullName, message)
                continue
            }
            lines[entry.key] = entry.line
            do throws(Refusal) {
                try binding.store(entry.value, &draft, names)
            } catch {
                report(error, at: place, key: fullName)
            }
        }
        return lines
    }

    /// Reports a second table of the same name.
    mutating func report(
        twice name: String, first: Origin, in section: String, path: String, line: Int
    ) {
        report(
            .impossibleValue, at: .file(path: path, line: line), key: "\(section).name",
            "\"\(name)\" is there already: \(first)")
    }

    private mutating func readSection(_ section: String, _ table: TomlTable, path: String) {
        for entry in table.entries {
            let origin = Origin.file(path: path, line: entry.line)
            let fullName = "\(section).\(entry.key)"
            guard let binding = binding(fullName) else {
                report(.unknownKey, at: origin, key: fullName, unknownMessage(entry.key, in: section))
                continue
            }
            apply(entry.value, to: binding, at: origin)
        }
    }

    // MARK: Environment and flags

    /// Applies every variable that is a key's.
    ///
    /// Others that begin with `CHAND_` are only warned of: clients have theirs too.
    mutating func read(environment: [String: String]) {
        let known = ConfigurationSchema.bindings.compactMap { binding in
            binding.key.environmentVariable.map { (variable: $0, binding: binding) }
        }
        for (variable, value) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix("CHAND_") {
            let origin = Origin.environment(variable: variable)
            guard let match = known.first(where: { $0.variable == variable }) else {
                let message =
                    unknown(variable, "variable of chand", among: known.map(\.variable)) + "; ignored"
                configuration.warnings.append(ConfigurationProblem(.unknownKey, at: origin, message))
                continue
            }
            apply(.text(value), to: match.binding, at: origin)
        }
    }

    /// Applies one setting from the command line.
    mutating func read(_ override: ConfigurationOverride) {
        let origin = Origin.flag(override.option)
        let name = override.key.contains(".") ? override.key : "daemon.\(override.key)"
        guard let binding = binding(name) else {
            let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
            let message = unknownMessage(parts.last ?? "", in: parts.first ?? "")
            report(.unknownKey, at: origin, key: override.key, message)
            return
        }
        apply(.text(override.text), to: binding, at: origin)
    }

    // MARK: One value

    private mutating func apply(_ value: RawValue, to binding: KeyBinding<Configuration>, at origin: Origin) {
        origins[binding.key.fullName] = origin
        do throws(Refusal) {
            try binding.store(value, &configuration, names)
        } catch {
            report(error, at: origin, key: binding.key.fullName)
        }
    }

    private func binding(_ fullName: String) -> KeyBinding<Configuration>? {
        ConfigurationSchema.bindings.first { $0.key.fullName == fullName }
    }

    // MARK: Messages

    mutating func report(_ refusal: Refusal, at origin: Origin, key: String) {
        guard let line = refusal.line, case .file(let path, _) = origin else {
            return report(refusal.code, at: origin, key: key, refusal.message)
        }
        report(refusal.code, at: .file(path: path, line: line), key: key, refusal.message)
    }

    mutating func report(_ code: ConfigurationProblem.Code, at origin: Origin, key: String, _ message: String)
    {
        problems.append(ConfigurationProblem(code, at: origin, key: key, message))
    }

    /// A key may be unknown because it is mistyped or because it stands in the wrong section.
    private func unknownMessage(_ name: String, in section: String) -> String {
        let keys = ConfigurationSchema.bindings.map(\.key)
        if let elsewhere = keys.first(where: { $0.name == name }) {
            return "no key of [\(section)]: it belongs below [\(elsewhere.section)]"
        }
        let here = keys.filter { $0.section == section }.map(\.name)
        if Nearest.of(name, among: here) == nil, let near = Nearest.of(name, among: keys.map(\.name)),
            let key = keys.first(where: { $0.name == near })
        {
            return "no key of [\(section)]: did you mean \(key.fullName)?"
        }
        return unknown(name, "key of [\(section)]", among: here)
    }

    func unknown(_ name: String, _ what: String, among candidates: [String]) -> String {
        guard let near = Nearest.of(name, among: candidates) else {
            let all = candidates.isEmpty ? "" : ": there are \(candidates.joined(separator: ", "))"
            return "no \(what)\(all)"
        }
        return "no \(what): did you mean \(near)?"
    }
}
