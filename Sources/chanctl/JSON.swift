// SPDX-License-Identifier: Apache-2.0

/// A JSON value that keeps the order of its keys, so that people can read it and tests compare it.
package indirect enum JSON: Sendable, Equatable, ExpressibleByDictionaryLiteral, CustomStringConvertible {
    case null
    case bool(Bool)
    case number(Int)
    case unsigned(UInt64)
    case real(Double)
    case string(String)
    case array([JSON])
    case object([(key: String, value: JSON)])

    /// The version of everything that `--json` prints.
    ///
    /// Keys may be added within a version; none goes or changes.
    package static let schemaVersion = 1

    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { (key: $0.0, value: $0.1) })
    }

    package static func == (left: JSON, right: JSON) -> Bool { left.description == right.description }

    /// A string, or null.
    package static func text(_ text: String?) -> JSON { text.map(JSON.string) ?? .null }

    /// The value in one line.
    package var description: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let value): text += "\(value)"
        case .unsigned(let value): text += "\(value)"
        case .real(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.quote(value, into: &text)
        case .array(let values): Self.join(values, "[", "]", into: &text) { $0.write(to: &$1) }
        case .object(let pairs):
            Self.join(pairs, "{", "}", into: &text) { pair, text in
                Self.quote(pair.key, into: &text)
                text += ":"
                pair.value.write(to: &text)
            }
        }
    }

    private static func join<Element>(
        _ elements: [Element], _ open: String, _ close: String, into text: inout String,
        write: (Element, inout String) -> Void
    ) {
        text += open
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            write(element, &text)
        }
        text += close
    }

    private static func quote(_ value: String, into text: inout String) {
        text += "\""
        defer { text += "\"" }
        // Most are plain, and lists have many.
        if value.utf8.allSatisfy({ (0x20..<0x7F).contains($0) && $0 != 0x22 && $0 != 0x5C }) {
            text += value
            return
        }
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            // Besides what JSON demands those that terminals act on, as JSON is looked at too.
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
