// SPDX-License-Identifier: Apache-2.0

/// A value before it is known which type it should have: out of a file, or a text out of a flag or a
/// variable.
indirect enum RawValue {
    case string(String)
    case integer(Int64)
    case real(Double)
    case boolean(Bool)
    case date
    case array([(value: RawValue, line: Int)])
    case table
    /// From a flag or a variable, where a number has no other form than its digits.
    case text(String)

    /// With its article, to end a sentence such as "expected a duration, not …".
    var typeName: String {
        switch self {
        case .string: "a string"
        case .integer: "an integer"
        case .real: "a float"
        case .boolean: "a boolean"
        case .date: "a date or time"
        case .array: "an array"
        case .table: "a table"
        case .text(let text): quoted(text)
        }
    }
}

/// Why a value does not fit; whoever knows key and place makes a `ConfigurationProblem` of it.
struct Refusal: Error {
    let code: ConfigurationProblem.Code
    let message: String
    /// The line of the element at fault, where it is one of several in an array.
    var line: Int?
}

/// One type of a key: how its values are read, bounded and written.
struct ValueType<Value: Sendable>: Sendable {
    /// For documentation, as in "duration".
    let name: String
    /// The bounds as they would be written, where there are any.
    let bounds: ConfigurationKey.Bounds?
    let read: @Sendable (RawValue, NameLookup) throws(Refusal) -> Value
    /// As TOML, so that reading it gives the same value.
    let write: @Sendable (Value) -> String

    init(
        _ name: String, bounds: ConfigurationKey.Bounds? = nil,
        read: @escaping @Sendable (RawValue, NameLookup) throws(Refusal) -> Value,
        write: @escaping @Sendable (Value) -> String
    ) {
        self.name = name
        self.bounds = bounds
        self.read = read
        self.write = write
    }

    /// A type whose values lie between two, both allowed.
    fileprivate static func bounded(
        _ name: String, _ range: ClosedRange<Value>, example: String,
        write: @escaping @Sendable (Value) -> String,
        parse: @escaping @Sendable (RawValue) throws(Refusal) -> Value?
    ) -> ValueType where Value: Comparable {
        let bounds = ConfigurationKey.Bounds(least: write(range.lowerBound), most: write(range.upperBound))
        return ValueType(name, bounds: bounds) { raw, _ throws(Refusal) in
            guard let value = try parse(raw) else {
                throw Refusal(
                    code: .wrongType, message: "expected a \(name) such as \(example), not \(raw.typeName)")
            }
            guard range.contains(value) else {
                throw Refusal(
                    code: .impossibleValue,
                    message: "\(write(value)) is out of range: \(bounds.least) to \(bounds.most) are possible"
                )
            }
            return value
        } write: {
            write($0)
        }
    }
}

extension ValueType<Int> {
    /// A whole number of something.
    static func count(_ range: ClosedRange<Int>) -> ValueType {
        bounded("whole number", range, example: "\(range.upperBound)", write: { "\($0)" }) { raw in
            switch raw {
            case .integer(let value): Int(value)
            case .text(let text): Int(text)
            default: nil
            }
        }
    }

    /// A number of bytes.
    static func bytes(_ range: ClosedRange<Int>) -> ValueType {
        bounded("size", range, example: "\"64KiB\"", write: { "\"\(Quantity.text(bytes: $0))\"" }) {
            raw throws(Refusal) in
            switch raw {
            case .integer(let value): return Int(value)
            case .string(let text), .text(let text):
                return try written(text, as: "size", Quantity.bytes(text))
            default: return nil
            }
        }
    }
}

extension ValueType<Duration> {
    /// A span of time.
    static func duration(_ range: ClosedRange<Duration>) -> ValueType {
        bounded("duration", range, example: "\"5s\"", write: { "\"\(Quantity.text($0))\"" }) {
            raw throws(Refusal) in
            switch raw {
            case .integer(let seconds):
                return try written("\(seconds)", as: "duration", Quantity.duration("\(seconds)"))
            case .real(let seconds):
                return try written("\(seconds)", as: "duration", Quantity.duration("\(seconds)"))
            case .string(let text), .text(let text):
                return try written(text, as: "duration", Quantity.duration(text))
            default: return nil
            }
        }
    }
}

/// A text of the right type that says nothing sensible is an impossible value, not a wrong type.
private func written<Value>(_ text: String, as kind: String, _ value: Value?) throws(Refusal) -> Value {
    if let value { return value }
    let forms =
        kind == "size"
        ? "\"512\", \"64KiB\", \"1MiB\", \"2GiB\"" : "\"20us\", \"50ms\", \"1.5s\", \"2m\", \"1h\""
    throw Refusal(code: .impossibleValue, message: "\(quoted(text)) is no \(kind): write it as in \(forms)")
}

extension ValueType<Bool> {
    /// `true` or `false`.
    static var boolean: ValueType {
        ValueType("boolean") { raw, _ throws(Refusal) in
            switch raw {
            case .boolean(let value): return value
            case .text("true"): return true
            case .text("false"): return false
            default: throw Refusal(code: .wrongType, message: "expected true or false, not \(raw.typeName)")
            }
        } write: {
            "\($0)"
        }
    }
}

extension ValueType<LogLevel> {
    /// One of the levels by name.
    static var level: ValueType {
        let names = LogLevel.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        return ValueType("level") { raw, _ throws(Refusal) in
            let text = try string(raw, such: "\"info\"")
            guard let level = LogLevel(rawValue: text) else {
                throw Refusal(
                    code: .impossibleValue, message: "\(quoted(text)) is no level: it is one of \(names)")
            }
            return level
        } write: {
            "\"\($0.rawValue)\""
        }
    }
}

/// The text of a string, wherever it came from.
func string(_ raw: RawValue, such example: String) throws(Refusal) -> String {
    switch raw {
    case .string(let text), .text(let text): return text
    default:
        throw Refusal(code: .wrongType, message: "expected a string such as \(example), not \(raw.typeName)")
    }
}

/// A text as TOML writes it, between quotes.
func quoted(_ text: String) -> String { "\"" + escaped(text) { $0 == "\"" || $0 == "\\" } + "\"" }

/// A text for one line of a log or a terminal: control characters as TOML writes them.
func inOneLine(_ text: String) -> String { isOneLine(text) ? text : escaped(text) { _ in false } }

/// Whether a text can be shown in a line as it is.
func isOneLine(_ text: String) -> Bool { !text.unicodeScalars.contains(where: isControl) }

private func escaped(_ text: String, alsoBy needsBackslash: (Unicode.Scalar) -> Bool) -> String {
    var written = ""
    for scalar in text.unicodeScalars {
        if isControl(scalar) {
            let digits = String(scalar.value, radix: 16)
            written += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
            if needsBackslash(scalar) { written += "\\" }
            written.unicodeScalars.append(scalar)
        }
    }
    return written
}

/// C0, C1 and DEL: what ends a line or means something to a terminal.
private func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 32 || (127...159).contains(scalar.value)
}
