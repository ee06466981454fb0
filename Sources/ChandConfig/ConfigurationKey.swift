// SPDX-License-Identifier: Apache-2.0

/// What is to be known about one key: for messages, documentation, `chanctl config` and tests.
public struct ConfigurationKey: Sendable, Equatable {
    /// The least and the greatest value, as they would be written in the file.
    public struct Bounds: Sendable, Equatable {
        /// The least value that is allowed.
        public let least: String
        /// The greatest value that is allowed.
        public let most: String
    }

    /// The table it stands in.
    public let section: String
    /// Its name in that table.
    public let name: String
    /// Its type, as in "duration".
    public let type: String
    /// What it counts: a duration may be written with any unit, a bare number is in this one.
    public let unit: String
    /// The values that are possible, where they lie between two.
    public let bounds: Bounds?
    /// The default as it would be written in the file; none where the key has to be there.
    public let defaultText: String?
    /// What it does, one line of a comment each.
    public let documentation: [String]

    /// `section.name`.
    public var fullName: String { "\(section).\(name)" }

    /// The environment variable that overrides it; none for keys of a `[[space]]` or `[[channel]]`.
    ///
    /// The section is part of the name but for `[daemon]`, so that `CHAND_SOCKET` is the daemon's word for
    /// the socket as it is the clients'.
    public var environmentVariable: String? {
        switch section {
        case "space", "channel": nil
        case "daemon": "CHAND_" + name.uppercased()
        default: "CHAND_" + section.uppercased() + "_" + name.uppercased()
        }
    }

    /// The comment and the commented default, as the shipped file has them.
    public var shippedLines: [String] {
        var facts = "Unit: \(unit)."
        if let bounds { facts += " Range: \(bounds.least) to \(bounds.most)." }
        facts += defaultText.map { " Default: \($0)." } ?? " No default."
        return documentation.map { "# " + $0 } + ["# " + facts]
            + (defaultText.map { ["#\(name) = \($0)"] } ?? [])
    }
}

/// A key with the place of its value in `Root`: a whole configuration, or a draft of a space.
struct KeyBinding<Root: Sendable>: Sendable {
    let key: ConfigurationKey
    let store: @Sendable (RawValue, inout Root, NameLookup) throws(Refusal) -> Void
    let text: @Sendable (Root) -> String

    init<Value: Sendable>(
        _ section: String, _ name: String, _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ type: ValueType<Value>, unit: String, default root: Root?, _ documentation: [String]
    ) {
        key = ConfigurationKey(
            section: section, name: name, type: type.name, unit: unit, bounds: type.bounds,
            defaultText: root.map { type.write($0[keyPath: path]) }, documentation: documentation)
        store = { raw, root, names throws(Refusal) in root[keyPath: path] = try type.read(raw, names) }
        text = { root in type.write(root[keyPath: path]) }
    }
}
