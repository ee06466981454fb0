// SPDX-License-Identifier: Apache-2.0

/// A record of SESSIONS_LISTED: one session.
public struct SessionRecord: Equatable, Sendable {
    /// The session's number.
    public var session: UInt64 = 0
    /// The process that connected, as the kernel says.
    public var pid: UInt32 = 0
    /// Its user.
    public var uid: UInt32 = 0
    /// Its group.
    public var gid: UInt32 = 0
    /// Channels that it has open.
    public var handles: UInt32 = 0
    /// Operations of it that wait, each case of a select counted.
    public var waiters: UInt32 = 0
    /// Deliveries that it has not settled.
    public var unsettled: UInt64 = 0
    /// Nanoseconds since it began.
    public var age: UInt64 = 0

    /// Makes an empty record.
    public init() {}

    /// Reads one record; what a later version appends to it is skipped.
    public init(reading outer: inout WireReader) throws(WireFault) {
        let length = Int(try outer.u32())
        var reader = WireReader(try outer.raw(length))
        session = try reader.u64()
        pid = try reader.u32()
        uid = try reader.u32()
        gid = try reader.u32()
        handles = try reader.u32()
        waiters = try reader.u32()
        unsettled = try reader.u64()
        age = try reader.u64()
    }

    /// Appends the record to a frame.
    public func write(to writer: inout WireWriter) {
        let start = writer.bodyCount
        writer.integer(UInt32(0))
        writer.integer(session)
        writer.integer(pid)
        writer.integer(uid)
        writer.integer(gid)
        writer.integer(handles)
        writer.integer(waiters)
        writer.integer(unsettled)
        writer.integer(age)
        writer.patch(UInt32(writer.bodyCount - start - 4), at: start)
    }
}

/// A record of WAITING_LISTED: an operation that waits, or one case of a select.
public struct WaitingRecord: Equatable, Sendable {
    /// What is waited for.
    public enum Kind: UInt8, Sendable {
        /// To send.
        case send = 1
        /// To receive.
        case receive = 2
        /// For a channel's state.
        case state = 3
        /// For the receipt or settlement of what was sent.
        case confirmation = 4
        /// For nothing that could come: a select without a channel.
        case nothing = 5
    }
    /// More about the operation.
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The bits as sent.
        public let rawValue: UInt8
        /// Makes flags of their bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// It is a case of a select.
        public static let select = Flags(rawValue: 1)
        /// It is a receive that reads ahead.
        public static let ahead = Flags(rawValue: 2)
    }
    /// The session's number.
    public var session: UInt64 = 0
    /// The operation's request id.
    public var request: UInt64 = 0
    /// The process that connected, as the kernel says.
    public var pid: UInt32 = 0
    /// Its user.
    public var uid: UInt32 = 0
    /// Nanoseconds since the session began.
    public var age: UInt64 = 0
    /// For how many nanoseconds the operation has waited.
    public var waited: UInt64 = 0
    /// For how many nanoseconds it goes on at most; -1 for ever.
    public var left: Int64 = -1
    /// Which case of a select it is.
    public var caseIndex: UInt16 = 0
    /// How many cases the operation has in all.
    public var cases: UInt16 = 0
    /// What is waited for.
    public var kind = Kind.nothing
    /// More about the operation.
    public var flags: Flags = []
    /// The channel's name; empty for `nothing`.
    public var channel = ""

    /// Makes an empty record.
    public init() {}

    /// Reads one record; what a later version appends to it is skipped.
    public init(reading outer: inout WireReader) throws(WireFault) {
        let length = Int(try outer.u32())
        var reader = WireReader(try outer.raw(length))
        session = try reader.u64()
        request = try reader.u64()
        pid = try reader.u32()
        uid = try reader.u32()
        age = try reader.u64()
        waited = try reader.u64()
        left = try reader.i64()
        caseIndex = try reader.u16()
        cases = try reader.u16()
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw WireFault(.malformed, "WAITING_LISTED has a record of an unknown kind")
        }
        self.kind = kind
        flags = Flags(rawValue: try reader.u8())
        channel = try reader.string()
    }

    /// Appends the record to a frame.
    public func write(to writer: inout WireWriter) {
        let start = writer.bodyCount
        writer.integer(UInt32(0))
        writer.integer(session)
        writer.integer(request)
        writer.integer(pid)
        writer.integer(uid)
        writer.integer(age)
        writer.integer(waited)
        writer.integer(left)
        writer.integer(caseIndex)
        writer.integer(cases)
        writer.integer(kind.rawValue)
        writer.integer(flags.rawValue)
        writer.string(channel)
        writer.patch(UInt32(writer.bodyCount - start - 4), at: start)
    }
}

/// One page of the answer to SESSIONS.
public struct SessionsListed: Equatable, Sendable {
    /// The cursor of the next page, 0 at the end.
    public var next: UInt64
    /// The sessions of this page.
    public var sessions: [SessionRecord]

    /// Makes a page.
    public init(next: UInt64, sessions: [SessionRecord]) {
        self.next = next
        self.sessions = sessions
    }

    /// Reads a SESSIONS_LISTED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        next = try reader.u64()
        let count = try reader.u32()
        sessions = []
        for _ in 0..<count { sessions.append(try SessionRecord(reading: &reader)) }
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.sessionsListed, request: request)
        writer.integer(next)
        writer.integer(UInt32(sessions.count))
        for session in sessions { session.write(to: &writer) }
        return writer.finish()
    }
}

/// One page of the answer to WAITING.
public struct WaitingListed: Equatable, Sendable {
    /// The cursor of the next page, 0 at the end.
    public var next: UInt64
    /// What waits, of this page.
    public var waiting: [WaitingRecord]

    /// Makes a page.
    public init(next: UInt64, waiting: [WaitingRecord]) {
        self.next = next
        self.waiting = waiting
    }

    /// Reads a WAITING_LISTED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        next = try reader.u64()
        let count = try reader.u32()
        waiting = []
        for _ in 0..<count { waiting.append(try WaitingRecord(reading: &reader)) }
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.waitingListed, request: request)
        writer.integer(next)
        writer.integer(UInt32(waiting.count))
        for record in waiting { record.write(to: &writer) }
        return writer.finish()
    }
}

/// MEASURED: how long messages took from their arrival at the daemon until they were delivered.
public struct Measured: Equatable, Sendable {
    /// Deliveries of a range of times.
    public struct Bucket: Hashable, Sendable {
        /// Nanoseconds that all of them stayed below.
        public var below: UInt64
        /// How many.
        public var count: UInt64

        /// Makes a bucket.
        public init(below: UInt64, count: UInt64) {
            self.below = below
            self.count = count
        }
    }
    /// Deliveries in all.
    public var delivered: UInt64
    /// The sum of their times in nanoseconds.
    public var nanoseconds: UInt64
    /// The buckets that have any, with ascending bounds.
    public var buckets: [Bucket]

    /// Makes an answer.
    public init(delivered: UInt64, nanoseconds: UInt64, buckets: [Bucket]) {
        self.delivered = delivered
        self.nanoseconds = nanoseconds
        self.buckets = buckets
    }

    /// Reads a MEASURED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        delivered = try reader.u64()
        nanoseconds = try reader.u64()
        let count = try reader.u32()
        buckets = []
        for _ in 0..<count {
            buckets.append(Bucket(below: try reader.u64(), count: try reader.u64()))
        }
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.measured, request: request)
        writer.integer(delivered)
        writer.integer(nanoseconds)
        writer.integer(UInt32(buckets.count))
        for bucket in buckets {
            writer.integer(bucket.below)
            writer.integer(bucket.count)
        }
        return writer.finish()
    }
}
