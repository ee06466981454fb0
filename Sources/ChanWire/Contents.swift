// SPDX-License-Identifier: Apache-2.0

/// PEEK: asks for the messages that lie in a channel, which stay there.
public struct PeekRequest: Equatable, Sendable {
    /// The channel's name.
    public var name: String
    /// Where to go on: 0, then the `next` of the page before.
    public var cursor: UInt64
    /// The most messages to return.
    public var count: UInt32

    /// Makes a request.
    public init(name: String, cursor: UInt64 = 0, count: UInt32) {
        self.name = name
        self.cursor = cursor
        self.count = count
    }

    /// Reads a PEEK frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        cursor = try reader.u64()
        count = try reader.u32()
        name = try reader.string()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.peek, request: request)
        writer.integer(cursor)
        writer.integer(count)
        writer.string(name)
        return writer.finish()
    }
}

/// A message that lies in a channel.
public struct PeekedMessage {
    /// Its place in the channel's order.
    public var number: UInt64
    /// How often it was delivered before.
    public var attempts: UInt16
    /// As those of a RECEIVED frame's messages.
    public var flags: UInt8
    /// What it consists of; a slice of the frame.
    public var bytes: UnsafeRawBufferPointer

    /// Makes a record.
    public init(number: UInt64, attempts: UInt16, flags: UInt8, bytes: UnsafeRawBufferPointer) {
        self.number = number
        self.attempts = attempts
        self.flags = flags
        self.bytes = bytes
    }
}

/// Builds PEEKED: one page of PEEK's answer.
public struct PeekedWriter {
    private var writer: WireWriter
    private var count: UInt32 = 0

    /// Starts a page.
    public init(request: UInt64) {
        writer = WireWriter(.peeked, request: request)
        writer.integer(UInt64(0))
        writer.integer(UInt32(0))
    }

    /// Appends a message.
    public mutating func append(
        _ bytes: UnsafeRawBufferPointer, number: UInt64, attempts: UInt16, flags: UInt8
    ) {
        writer.integer(number)
        writer.integer(UInt32(bytes.count))
        writer.integer(attempts)
        writer.integer(flags)
        writer.integer(UInt8(0))
        writer.raw(bytes)
        count += 1
    }

    /// The whole frame; `next` is the cursor of the next page, 0 at the end.
    public consuming func finish(next: UInt64) -> [UInt8] {
        writer.patch(next, at: 0)
        writer.patch(count, at: 8)
        return writer.finish()
    }
}

/// A PEEKED frame as it is read; the bytes belong to the caller and must outlive it.
public struct Peeked {
    /// The cursor of the next page, 0 at the end.
    public let next: UInt64
    /// The messages of this page.
    public let messages: [PeekedMessage]

    /// Reads a PEEKED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        next = try reader.u64()
        let count = try reader.u32()
        var messages: [PeekedMessage] = []
        for _ in 0..<count {
            let number = try reader.u64()
            let length = Int(try reader.u32())
            let attempts = try reader.u16()
            let flags = try reader.u8()
            _ = try reader.u8()
            messages.append(
                PeekedMessage(
                    number: number, attempts: attempts, flags: flags, bytes: try reader.raw(length)))
        }
        try reader.finish()
        self.messages = messages
    }
}

/// PURGE: discards what a channel has queued or set aside, a part at a time.
public struct PurgeRequest: Equatable, Sendable {
    /// The channel's name.
    public var name: String
    /// 0, then the `next` of the part before.
    public var last: UInt64

    /// Makes a request.
    public init(name: String, last: UInt64 = 0) {
        self.name = name
        self.last = last
    }

    /// Reads a PURGE frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        last = try reader.u64()
        name = try reader.string()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.purge, request: request)
        writer.integer(last)
        writer.string(name)
        return writer.finish()
    }
}

/// PURGED: how many messages a part of a purge discarded.
public struct Purged: Equatable, Sendable {
    /// How many went.
    public var count: UInt32
    /// What the next PURGE says to go on, 0 where nothing is left.
    public var next: UInt64

    /// Makes an answer.
    public init(count: UInt32, next: UInt64) {
        self.count = count
        self.next = next
    }

    /// Reads a PURGED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        next = try reader.u64()
        count = try reader.u32()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.purged, request: request)
        writer.integer(next)
        writer.integer(count)
        return writer.finish()
    }
}
