// SPDX-License-Identifier: Apache-2.0

/// A record of EVENTS: something that happened.
public struct EventRecord: Equatable, Sendable {
    /// What happened.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// A session opened a channel.
        case open = 1
        /// A channel was closed.
        case close = 2
        /// Messages were accepted.
        case send = 3
        /// Messages were delivered.
        case receive = 4
        /// A select won with a case on the channel.
        case select = 5
        /// A waiting operation was withdrawn on request.
        case cancelled = 6
        /// A session ended without LEAVE.
        case died = 7
        /// A limit kept an operation from going on.
        case quota = 8
    }
    /// When, in nanoseconds since 1970; of several the first.
    public var time: UInt64 = 0
    /// When the session began, likewise; 0 without one.
    public var since: UInt64 = 0
    /// The number of the session that did it; 0 where none did.
    public var session: UInt64 = 0
    /// The process that connected, as the kernel says.
    public var pid: UInt32 = 0
    /// Its user.
    public var uid: UInt32 = 0
    /// How many messages, or operations.
    public var count: UInt64 = 0
    /// What happened.
    public var kind: Kind
    /// The channel's name; empty for what concerns none.
    public var channel = ""

    /// Makes a record with nothing but its kind.
    public init(_ kind: Kind) { self.kind = kind }

    /// Reads one record; what a later version appends to it is skipped.
    public init(reading outer: inout WireReader) throws(WireFault) {
        let length = Int(try outer.u32())
        var reader = WireReader(try outer.raw(length))
        time = try reader.u64()
        since = try reader.u64()
        session = try reader.u64()
        pid = try reader.u32()
        uid = try reader.u32()
        count = try reader.u64()
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw WireFault(.malformed, "EVENTS has a record of an unknown kind")
        }
        self.kind = kind
        channel = try reader.string()
    }

    /// Appends the record to a frame.
    public func write(to writer: inout WireWriter) {
        let start = writer.bodyCount
        writer.integer(UInt32(0))
        writer.integer(time)
        writer.integer(since)
        writer.integer(session)
        writer.integer(pid)
        writer.integer(uid)
        writer.integer(count)
        writer.integer(kind.rawValue)
        writer.string(channel)
        writer.patch(UInt32(writer.bodyCount - start - 4), at: start)
    }
}

/// EVENTS: a part of the answer to MONITOR, which has no last part.
public struct Events: Equatable, Sendable {
    /// Events before these that are left out.
    public var dropped: UInt64
    /// In the order in which they happened.
    public var events: [EventRecord]

    /// Makes a part.
    public init(dropped: UInt64, events: [EventRecord]) {
        self.dropped = dropped
        self.events = events
    }

    /// Reads an EVENTS frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        dropped = try reader.u64()
        let count = try reader.u32()
        events = []
        for _ in 0..<count { events.append(try EventRecord(reading: &reader)) }
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.events, request: request)
        writer.integer(dropped)
        writer.integer(UInt32(events.count))
        for event in events { event.write(to: &writer) }
        return writer.finish()
    }
}
