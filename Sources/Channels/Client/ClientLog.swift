// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Where a client says what no operation can be told.
struct ClientLog: Sendable {
    /// Says one line, from any thread.
    let write: @Sendable (String) -> Void

    /// Lines that begin with the library's name.
    static let standardError = ClientLog { line in
        // Nobody who could be told that nobody reads it.
        try? Array("chand client: \(line)\n".utf8).withUnsafeBytes { try Transfer.writeAll(2, $0) }
    }
}

/// Says once that what runs on a client's thread keeps it from its connection for long.
struct BusyNotice: Sendable {
    private let limit: UInt64
    private let log: ClientLog
    private var isSaid = false

    /// - Parameter limit: how long is long; nil for never.
    init(limit: Duration?, _ log: ClientLog) {
        self.limit = limit.map { WireTime.positive($0) } ?? .max
        self.log = log
    }

    /// A turn of the loop is about to end.
    ///
    /// - Parameters:
    ///   - time: the nanoseconds since it began, with the reading before it.
    ///   - client: what the client calls itself.
    /// - Returns: whether that was too long, and was said.
    @discardableResult
    mutating func turnEnds(after time: UInt64, of client: String) -> Bool {
        guard time > limit, !isSaid else { return false }
        isSaid = true
        log.write(
            "what runs on the thread of the client \"\(client)\" kept it busy for \(time / 1_000_000) ms, in which "
                + "it neither sent nor received; call what blocks or computes for long through runBlocking "
                + "(said once)")
        return true
    }
}
