// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How standard input is cut into messages.
package enum InputFraming: Sendable, Equatable {
    /// One message a line, without its newline; the last line may lack it.
    case lines
    /// One message up to each NUL byte; the last one may lack it.
    case null
    /// Four bytes, least significant first, say how many bytes follow.
    case lengthPrefixed
    /// So many bytes a message; the last one may have fewer.
    case chunks(Int)
    /// Everything is one message.
    case whole
}

/// What is wrong with the input.
package struct InputFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// A word for programs.
    package let code: String
    package let description: String

    static func tooLong(_ number: Int, _ limit: Int) -> InputFault {
        InputFault(
            code: "messageTooLarge",
            description:
                "message \(number) of standard input has more than the \(limit) bytes that the daemon "
                + "allows for one; cut it with --chunk SIZE")
    }

    static func unfinished(_ number: Int, _ there: Int, _ wanted: Int) -> InputFault {
        InputFault(
            code: "truncatedInput",
            description:
                "standard input ends inside of message \(number): \(there) of \(wanted) bytes are there")
    }
}

/// Cuts a stream of bytes, which comes in pieces of any size, into messages.
///
/// Invariant: `buffer` holds the bytes of the message that is not complete yet, and nothing else, except
/// within a call; its first `searched` bytes hold no separator.
package struct InputSplitter: Sendable {
    private let framing: InputFraming
    private let maxMessageBytes: Int
    private var buffer: [UInt8] = []
    private var searched = 0
    private var completed = 0
    /// What is wrong with the input.
    ///
    /// Nothing that follows is looked at; the messages before it are good.
    package private(set) var fault: InputFault?

    private static let prefixBytes = 4

    package init(_ framing: InputFraming, maxMessageBytes: Int) {
        self.framing = framing
        self.maxMessageBytes = maxMessageBytes
    }

    /// Takes the bytes of one read and gives the messages that they complete.
    package mutating func push(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        guard fault == nil else { return [] }
        // A read that begins with a message is used as it is; only what hangs over is copied.
        if buffer.isEmpty { buffer = bytes } else { buffer.append(contentsOf: bytes) }
        var messages: [ArraySlice<UInt8>] = []
        var start = 0
        while fault == nil, let (message, next) = nextMessage(from: start) {
            messages.append(message)
            completed += 1
            start = next
        }
        if start > 0 {
            buffer = Array(buffer[start...])
            searched = max(0, searched - start)
        }
        if fault == nil, buffer.count > maxPendingBytes { fault = .tooLong(completed + 1, maxMessageBytes) }
        return messages
    }

    /// Takes the end of the input and gives what is left as a message.
    package mutating func finish() -> [ArraySlice<UInt8>] {
        guard fault == nil else { return [] }
        defer { buffer = [] }
        switch framing {
        case .whole:
            return [buffer[...]]
        case .lines, .null, .chunks:
            return buffer.isEmpty ? [] : [buffer[...]]
        case .lengthPrefixed:
            guard !buffer.isEmpty else { return [] }
            let length = buffer.count < Self.prefixBytes ? 0 : length(at: 0)
            fault = .unfinished(completed + 1, buffer.count, Self.prefixBytes + length)
            return []
        }
    }

    /// How many bytes a message that is not complete may have, with what stands around it.
    private var maxPendingBytes: Int {
        framing == .lengthPrefixed ? maxMessageBytes + Self.prefixBytes : maxMessageBytes
    }

    /// The message that begins at a place, and where the one behind it begins; nil where it is not complete.
    private mutating func nextMessage(from start: Int) -> (ArraySlice<UInt8>, Int)? {
        switch framing {
        case .lines: return message(upTo: UInt8(ascii: "\n"), from: start)
        case .null: return message(upTo: 0, from: start)
        case .chunks(let size):
            guard buffer.count - start >= size else { return nil }
            return (buffer[start..<(start + size)], start + size)
        case .lengthPrefixed:
            guard buffer.count - start >= Self.prefixBytes else { return nil }
            let length = length(at: start)
            guard length <= maxMessageBytes else {
                fault = .tooLong(completed + 1, maxMessageBytes)
                return nil
            }
            let first = start + Self.prefixBytes
            guard buffer.count - first >= length else { return nil }
            return (buffer[first..<(first + length)], first + length)
        case .whole:
            return nil
        }
    }

    private mutating func message(upTo separator: UInt8, from start: Int) -> (ArraySlice<UInt8>, Int)? {
        let from = max(start, searched)
        let end = buffer.withUnsafeBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, bytes.count > from else { return nil }
            guard let found = memchr(base + from, Int32(separator), bytes.count - from) else { return nil }
            return UnsafeRawPointer(found) - base
        }
        searched = end.map { $0 + 1 } ?? buffer.count
        guard let end else { return nil }
        guard end - start <= maxMessageBytes else {
            fault = .tooLong(completed + 1, maxMessageBytes)
            return nil
        }
        return (buffer[start..<end], end + 1)
    }

    private func length(at start: Int) -> Int {
        (0..<Self.prefixBytes).reduce(0) { $0 | Int(buffer[start + $1]) << (8 * $1) }
    }
}
