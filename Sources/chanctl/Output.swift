// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Nobody reads what is written any more; no failure to talk about, as with `seq | head`.
struct BrokenPipe: Error {}

/// Standard output: what is appended is written by `flush`, and by itself when it is much.
///
/// A broken pipe mostly ends the process by SIGPIPE, as it ends `seq`; where that signal is ignored, it
/// throws.
struct Output: ~Copyable, Sendable {
    /// Pieces of this size are worth a system call.
    private static let goodBytes = 64 << 10

    private let descriptor: Int32
    /// What is still to be written.
    var bytes: [UInt8] = []

    init(descriptor: Int32 = 1) { self.descriptor = descriptor }

    /// Appends a line.
    mutating func line(_ text: String) throws {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
        try flushIfLarge()
    }

    /// Appends a JSON value on a line of its own.
    mutating func line(_ json: JSON) throws { try line(json.description) }

    /// What verbs say in JSON that have nothing to say but that it is done.
    mutating func line(channel: String) throws {
        try line(["version": .number(JSON.schemaVersion), "channel": .string(channel)] as JSON)
    }

    /// Writes if that is worth it by now.
    mutating func flushIfLarge() throws {
        if bytes.count >= Self.goodBytes { try flush() }
    }

    /// Writes what there is; blocks while the reader is slow.
    mutating func flush() throws {
        defer { bytes.removeAll(keepingCapacity: true) }
        let result = bytes.withUnsafeBytes { bytes in
            Result<Void, SystemError> { () throws(SystemError) in try Transfer.writeAll(descriptor, bytes) }
        }
        guard case .failure(let error) = result else { return }
        if error.errno == SystemError.brokenPipe { throw BrokenPipe() }
        throw Failure("output", "standard output: \(SystemError.text(error.errno))", exit: .failed)
    }

    /// Writes all that a body appends.
    static func write(_ body: (inout Output) throws -> Void) throws {
        var output = Output()
        try body(&output)
        try output.flush()
    }
}
