// SPDX-License-Identifier: Apache-2.0

/// How messages are printed.
package enum MessageFormat: String, CaseIterable, Sendable {
    /// The bytes alone: nothing says where one message ends.
    case raw
    /// The bytes and a newline.
    case lines
    /// A line in double quotes, in which everything is visible.
    case quoted
    /// A line of hexadecimal digits.
    case hex
    /// A line of base64.
    case base64
    /// A line with a JSON object.
    case json

    /// Appends the message, and its newline where the format has one; not for JSON, which has more to say.
    package func append<Message: Collection<UInt8>>(_ message: Message, to output: inout [UInt8]) {
        switch self {
        case .raw:
            Self.copy(message, to: &output)
            return
        case .lines: Self.copy(message, to: &output)
        case .quoted: Printable.quote(message, into: &output)
        case .hex: for byte in message { Printable.appendDigits(byte, into: &output) }
        case .base64: Base64.append(message, to: &output)
        case .json: output.append(contentsOf: JSON.object(Self.fields(of: message)).description.utf8)
        }
        output.append(UInt8(ascii: "\n"))
    }

    /// What JSON says of a message: its size, and either its text or, where it is none, its base64.
    package static func fields(of message: some Collection<UInt8>) -> [(key: String, value: JSON)] {
        let size: (key: String, value: JSON) = ("bytes", .number(message.count))
        if let text = String(validating: message, as: UTF8.self) { return [size, ("text", .string(text))] }
        var encoded: [UInt8] = []
        Base64.append(message, to: &encoded)
        return [size, ("base64", .string(String(decoding: encoded, as: UTF8.self)))]
    }

    private static func copy<Message: Collection<UInt8>>(_ message: Message, to output: inout [UInt8]) {
        // At once where it lies in one piece.
        let copied: Void? = message.withContiguousStorageIfAvailable { output.append(contentsOf: $0) }
        if copied == nil { output.append(contentsOf: message) }
    }
}

/// Base64 as RFC 4648 has it, with padding.
package enum Base64 {
    private static let alphabet = StaticString(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")

    /// Appends the encoded bytes.
    package static func append(_ message: some Collection<UInt8>, to output: inout [UInt8]) {
        var group: UInt32 = 0
        var held = 0
        for byte in message {
            group = group << 8 | UInt32(byte)
            held += 1
            guard held == 3 else { continue }
            emit(group, 4, to: &output)
            group = 0
            held = 0
        }
        guard held > 0 else { return }
        emit(group << UInt32(8 * (3 - held)), held + 1, to: &output)
        for _ in held..<3 { output.append(UInt8(ascii: "=")) }
    }

    private static func emit(_ group: UInt32, _ characters: Int, to output: inout [UInt8]) {
        for index in 0..<characters {
            output.append(alphabet.utf8Start[Int(group >> UInt32(18 - 6 * index) & 63)])
        }
    }
}
