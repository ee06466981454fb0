// SPDX-License-Identifier: Apache-2.0

extension ValueType<String> {
    /// The longest path that fits into a Unix socket's address, its terminating zero aside.
    static var socketPathBytesMax: Int { 107 }

    /// An absolute path that a socket can be bound to.
    static var socketPath: ValueType {
        ValueType("path") { raw, _ throws(Refusal) in
            let path = try string(raw, such: "\"/run/chand/chand.sock\"")
            guard path.hasPrefix("/"), !path.hasSuffix("/"), isOneLine(path) else {
                throw Refusal(
                    code: .impossibleValue,
                    message: "\(quoted(path)) is no absolute path of a file without control characters")
            }
            guard path.utf8.count <= socketPathBytesMax else {
                throw Refusal(
                    code: .impossibleValue,
                    message:
                        "the path has \(path.utf8.count) bytes: a socket's may have \(socketPathBytesMax)")
            }
            return path
        } write: {
            quoted($0)
        }
    }

    /// Whether rule 25 allows this between two slashes of a channel's name.
    private static func isSegment(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-") else {
            return false
        }
        return text.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
    }

    /// The absolute name of a channel (rule 25).
    static var channelName: ValueType {
        ValueType("name") { raw, _ throws(Refusal) in
            let name = try string(raw, such: "\"/pub/jobs\"")
            let segments = name.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
            let isUsers = segments.first == "uid"
            let own = segments.dropFirst(isUsers ? 2 : 1)
            guard name.hasPrefix("/"), !own.isEmpty, segments.allSatisfy({ isSegment($0) }),
                own.reduce(-1, { $0 + $1.utf8.count + 1 }) <= 200,
                !isUsers
                    || segments.dropFirst().first.flatMap({ UInt32($0) }).map({ "\($0)" })
                        == segments.dropFirst().first.map({ String($0) })
            else {
                throw Refusal(
                    code: .impossibleValue,
                    message:
                        "\(quoted(name)) is no absolute name of a channel, as /pub/jobs and /uid/1000/jobs are"
                )
            }
            return name
        } write: {
            quoted($0)
        }
    }

    /// What messages mean: at most as long as a name, and one line.
    static var typeTag: ValueType {
        ValueType("text") { raw, _ throws(Refusal) in
            let text = try string(raw, such: "\"image/png\"")
            guard text.utf8.count <= 200, isOneLine(text) else {
                throw Refusal(
                    code: .impossibleValue, message: "a type has at most 200 bytes, and no control characters"
                )
            }
            return text
        } write: {
            quoted($0)
        }
    }

    /// One segment of a channel's name, for a shared space.
    static var spaceName: ValueType {
        ValueType("name") { raw, _ throws(Refusal) in
            let name = try string(raw, such: "\"pub\"")
            guard isSegment(name), name.utf8.count <= 64 else {
                throw Refusal(
                    code: .impossibleValue,
                    message:
                        "\(quoted(name)) is no name of a space: 1 to 64 of A-Z a-z 0-9 . _ -, the first no . or -"
                )
            }
            guard name != "uid" else {
                throw Refusal(
                    code: .impossibleValue,
                    message: "\"uid\" holds every user's own space and can't be shared")
            }
            return name
        } write: {
            quoted($0)
        }
    }
}

extension ValueType<UInt32> {
    /// File permissions, in octal digits as chmod takes them.
    static var socketMode: ValueType {
        let write: @Sendable (UInt32) -> String = { "\"0" + String($0, radix: 8) + "\"" }
        let bounds = ConfigurationKey.Bounds(least: write(0o600), most: write(0o777))
        return ValueType("mode", bounds: bounds) { raw, _ throws(Refusal) in
            // As an integer, 660 would be read as decimal, and TOML refuses 0660 altogether.
            let text = try string(raw, such: "\"0660\"")
            guard (3...4).contains(text.utf8.count), let mode = UInt32(text, radix: 8), mode & ~0o777 == 0,
                mode & 0o600 == 0o600
            else {
                throw Refusal(
                    code: .impossibleValue,
                    message:
                        "\(quoted(text)) is no mode of a socket: octal, \(bounds.least) to \(bounds.most), 6 or 7 first"
                )
            }
            return mode
        } write: {
            write($0)
        }
    }
}

extension ValueType<UInt32?> {
    /// A channel's permissions in octal digits; empty for those of its space.
    static var channelMode: ValueType {
        ValueType("mode") { raw, _ throws(Refusal) in
            let text = try string(raw, such: "\"0660\"")
            if text.isEmpty { return nil }
            guard (3...4).contains(text.utf8.count), let mode = UInt32(text, radix: 8), mode & ~0o777 == 0
            else {
                throw Refusal(
                    code: .impossibleValue, message: "\(quoted(text)) is no mode: octal, \"0000\" to \"0777\""
                )
            }
            return mode
        } write: { mode in
            mode.map {
                "\"" + String(repeating: "0", count: max(0, 4 - String($0, radix: 8).count))
                    + String($0, radix: 8) + "\""
            }
                ?? "\"\""
        }
    }
}

extension ValueType<WrittenName> {
    /// One user or group, by name or id; empty for none.
    static var name: ValueType {
        ValueType("name or id") { raw, _ throws(Refusal) in
            if case .integer(let id) = raw { return WrittenName(text: "\(id)", line: nil) }
            return WrittenName(text: try string(raw, such: "\"www-data\""), line: nil)
        } write: {
            quoted($0.text)
        }
    }
}

/// A user's or group's name or id as it stands in an array, before it is looked up.
struct WrittenName: Sendable, Equatable {
    let text: String
    let line: Int?
}

extension ValueType<[WrittenName]> {
    /// Several users or groups, by name or id.
    static var names: ValueType {
        ValueType("array of names or ids") { raw, _ throws(Refusal) in
            guard case .array(let elements) = raw else {
                throw Refusal(
                    code: .wrongType,
                    message: "expected an array such as [\"chand-users\"], not \(raw.typeName)")
            }
            var names: [WrittenName] = []
            for (element, line) in elements {
                switch element {
                case .string(let text): names.append(WrittenName(text: text, line: line))
                case .integer(let id): names.append(WrittenName(text: "\(id)", line: line))
                default:
                    throw Refusal(
                        code: .wrongType, message: "expected names and ids, not \(element.typeName)",
                        line: line)
                }
            }
            return names
        } write: { names in
            "[" + names.map { quoted($0.text) }.joined(separator: ", ") + "]"
        }
    }
}

extension ValueType<NamedID?> {
    /// One group that exists, or none.
    static var optionalGroup: ValueType {
        ValueType("group") { raw, names throws(Refusal) in
            if case .integer(let id) = raw {
                return try names.resolve(WrittenName(text: "\(id)", line: nil), as: .group)
            }
            let text = try string(raw, such: "\"adm\"")
            return text.isEmpty ? nil : try names.resolve(WrittenName(text: text, line: nil), as: .group)
        } write: { group in
            quoted(group?.name ?? "")
        }
    }
}
