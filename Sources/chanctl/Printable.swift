// SPDX-License-Identifier: Apache-2.0

/// Text of others, made harmless for a terminal.
package enum Printable {
    /// Bytes in double quotes, everything in them visible: `\n`, `\"`, `\x1b`.
    package static func quote(_ message: some Collection<UInt8>, into output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        if let text = String(validating: message, as: UTF8.self) {
            for scalar in text.unicodeScalars { escape(scalar, into: &output, quotes: true) }
        } else {
            // Byte by byte: a text that is partly broken is shown better so than with replacements.
            for byte in message {
                let isPlain = (0x20..<0x7F).contains(byte)
                if isPlain {
                    escape(Unicode.Scalar(byte), into: &output, quotes: true)
                } else {
                    appendHex(byte, into: &output)
                }
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// A text on one line: control characters are written as they are in quotes.
    package static func line(_ text: String) -> String {
        // Most texts are plain, and lists have many.
        if isPlain(text) { return text }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var output: [UInt8] = []
        for scalar in text.unicodeScalars { escape(scalar, into: &output, quotes: false) }
        return String(decoding: output, as: UTF8.self)
    }

    /// Whether a text is of ASCII without control characters, so that each byte of it is a place on the screen.
    static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
    }

    /// Whether bytes are text that a terminal shows in one line as it is.
    package static func isOneLine(_ message: some Collection<UInt8>) -> Bool {
        guard let text = String(validating: message, as: UTF8.self) else { return false }
        return !text.unicodeScalars.contains { $0 != "\t" && isControl($0) }
    }

    /// Control characters, and those that turn the direction of writing and so hide what is there.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar, into output: inout [UInt8], quotes: Bool) {
        switch scalar {
        case "\"" where quotes: output.append(contentsOf: Array("\\\"".utf8))
        case "\\" where quotes: output.append(contentsOf: Array("\\\\".utf8))
        case "\n": output.append(contentsOf: Array("\\n".utf8))
        case "\r": output.append(contentsOf: Array("\\r".utf8))
        case "\t": output.append(contentsOf: Array("\\t".utf8))
        case _ where isControl(scalar):
            for byte in scalar.utf8 { appendHex(byte, into: &output) }
        default: output.append(contentsOf: scalar.utf8)
        }
    }

    private static func appendHex(_ byte: UInt8, into output: inout [UInt8]) {
        output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "x")])
        appendDigits(byte, into: &output)
    }

    /// The two hexadecimal digits of a byte.
    package static func appendDigits(_ byte: UInt8, into output: inout [UInt8]) {
        let digits = StaticString("0123456789abcdef")
        output.append(digits.utf8Start[Int(byte >> 4)])
        output.append(digits.utf8Start[Int(byte & 15)])
    }
}
