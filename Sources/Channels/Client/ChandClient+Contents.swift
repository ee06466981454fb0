// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// What lies in a channel, and what its owner does with it.
///
/// All these suspend until the daemon has answered, which it does at once, and throw ``ChandError``: with
/// `noSuchChannel` or `notPermitted`, among others.
extension ChandClient {
    /// A page of the messages that lie in a channel, in the order in which receives would get them.
    ///
    /// They stay there. What waiting senders have, what receivers have and have not settled, and what is set aside, is not
    /// shown.
    ///
    /// - Parameters:
    ///   - name: the channel; it needs the right to receive, and is not opened.
    ///   - cursor: where to go on; nil for the first page.
    ///   - count: the most messages to return. A page holds fewer where they are large.
    public func peek(
        _ name: String, from cursor: QueuedPage.Cursor? = nil, count: Int = 256
    ) async throws -> QueuedPage {
        let request = PeekRequest(
            name: name, cursor: cursor?.position ?? 0, count: UInt32(clamping: max(count, 1)))
        return try await loop.request(
            channel: name, encode: { request.encoded(request: $0) },
            decode: { frame throws(WireFault) in
                try frame.expect(.peeked)
                let peeked = try Peeked(reading: frame.body)
                return QueuedPage(
                    messages: peeked.messages.map(QueuedMessage.init),
                    next: peeked.next == 0 ? nil : QueuedPage.Cursor(position: peeked.next))
            })
    }

    /// Discards all that is queued or set aside in a channel; its owner and administrators may.
    ///
    /// Senders that wait for room then move in.
    ///
    /// - Returns: how many messages went.
    @discardableResult
    public func purge(_ name: String) async throws -> Int {
        var count = 0
        var last: UInt64 = 0
        repeat {
            let request = PurgeRequest(name: name, last: last)
            let part = try await loop.request(
                channel: name, encode: { request.encoded(request: $0) },
                decode: { frame throws(WireFault) in
                    try frame.expect(.purged)
                    return try Purged(reading: frame.body)
                })
            count += Int(part.count)
            last = part.next
        } while last != 0
        return count
    }

    /// Holds every receive of a channel (rule 29); its owner and administrators may.
    public func pause(_ name: String) async throws { try await request(.pause, name) }

    /// Lets the receives of a channel go on.
    public func resume(_ name: String) async throws { try await request(.resume, name) }

    private func request(_ type: FrameType, _ name: String) async throws {
        try await loop.request(
            channel: name, encode: { SimpleFrame.name(type, request: $0, name: name) },
            decode: { frame throws(WireFault) in try frame.expect(.done) })
    }
}

/// A part of the messages that lie in a channel.
public struct QueuedPage: Sendable {
    /// A place in the channel's order.
    public struct Cursor: Hashable, Sendable {
        let position: UInt64
    }
    /// The messages of this part.
    public let messages: [QueuedMessage]
    /// Where the next part begins; nil at the end.
    public let next: Cursor?
}

/// A message that lies in a channel.
public struct QueuedMessage: Sendable {
    /// Its place in the channel's order.
    public let number: UInt64
    /// How often it was delivered before.
    public let attempts: Int
    /// Whether some caller may have seen it before (rule 18).
    public let isRedelivered: Bool
    /// What it consists of.
    public let bytes: MessageBytes

    init(_ message: PeekedMessage) {
        number = message.number
        attempts = Int(message.attempts)
        isRedelivered = message.flags & 1 != 0
        bytes = MessageBytes(message.bytes)
    }
}
