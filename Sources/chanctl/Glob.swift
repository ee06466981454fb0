// SPDX-License-Identifier: Apache-2.0

/// A pattern for channel names, as shells have them.
///
/// `*` stands for any characters but `/`, `**` for any at all, `?` for one but `/`, `[a-c]` and `[!a-c]`
/// for one of those, or one that is not.
package struct Glob: Sendable {
    private enum Part: Equatable {
        case literal(UInt8)
        case any
        case anyRun
        case anyPath
        case oneOf([ClosedRange<UInt8>], negated: Bool)
    }

    private let parts: [Part]

    /// How every name begins that matches.
    static func literalPrefix(of pattern: String) -> String {
        String(pattern.prefix { $0 != "*" && $0 != "?" && $0 != "[" })
    }

    /// What is said about a pattern that can't be read.
    static func fault(_ pattern: String) -> String {
        "the pattern \"\(pattern)\" has a [ without its ]; write [[] for the character itself"
    }

    /// Reads a pattern; nil where a `[` is never closed.
    package init?(_ pattern: String) {
        var parts: [Part] = []
        var rest = Array(pattern.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"):
                let isDouble = rest.first == byte
                while rest.first == byte { rest.removeFirst() }
                parts.append(isDouble ? .anyPath : .anyRun)
            case UInt8(ascii: "?"): parts.append(.any)
            case UInt8(ascii: "["):
                guard let set = Self.set(&rest) else { return nil }
                parts.append(set)
            default: parts.append(.literal(byte))
            }
        }
        self.parts = parts
    }

    private static func set(_ rest: inout ArraySlice<UInt8>) -> Part? {
        let negated = rest.first == UInt8(ascii: "!") || rest.first == UInt8(ascii: "^")
        if negated { rest.removeFirst() }
        var ranges: [ClosedRange<UInt8>] = []
        while let low = rest.popFirst() {
            // A bracket that comes first is one of the characters.
            if low == UInt8(ascii: "]"), !ranges.isEmpty { return .oneOf(ranges, negated: negated) }
            var high = low
            if rest.first == UInt8(ascii: "-"), let next = rest.dropFirst().first, next != UInt8(ascii: "]") {
                high = next
                rest.removeFirst(2)
            }
            ranges.append(low <= high ? low...high : high...low)
        }
        return nil
    }

    /// Whether a whole name matches.
    package func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        // Row by row: which lengths of the name the parts so far can have consumed. No pattern is slow then.
        var reachable = [Bool](repeating: false, count: name.count + 1)
        reachable[0] = true
        for part in parts { reachable = Self.advance(reachable, part, name) }
        return reachable[name.count]
    }

    private static func advance(_ reachable: [Bool], _ part: Part, _ name: [UInt8]) -> [Bool] {
        var next = [Bool](repeating: false, count: reachable.count)
        switch part {
        case .anyRun, .anyPath:
            var open = false
            for index in reachable.indices {
                if index > 0, part == .anyRun, name[index - 1] == UInt8(ascii: "/") { open = false }
                open = open || reachable[index]
                next[index] = open
            }
        case .literal, .any, .oneOf:
            for index in name.indices where reachable[index] && accepts(part, name[index]) {
                next[index + 1] = true
            }
        }
        return next
    }

    private static func accepts(_ part: Part, _ byte: UInt8) -> Bool {
        switch part {
        case .literal(let wanted): byte == wanted
        case .any: byte != UInt8(ascii: "/")
        case .oneOf(let ranges, let negated):
            byte != UInt8(ascii: "/") && ranges.contains { $0.contains(byte) } != negated
        case .anyRun, .anyPath: false
        }
    }
}
