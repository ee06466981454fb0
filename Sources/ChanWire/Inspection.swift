// SPDX-License-Identifier: Apache-2.0

/// What INSPECT and LIST say of one channel; true at one instant and stale at once (rule 6).
public struct ChannelStatus: Equatable, Sendable {
    /// Yes-or-no facts about a channel.
    public struct State: OptionSet, Hashable, Sendable {
        /// The bits as sent.
        public let rawValue: UInt16
        /// Makes a state from its bits.
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// Closed: nothing can be sent any more.
        public static let closed = State(rawValue: 1)
        /// Kept until it is removed.
        public static let keep = State(rawValue: 2)
        /// Removed: the name is free, the handles drain this generation.
        public static let removed = State(rawValue: 4)
        /// Closes with its last sender.
        public static let closeWithLastSender = State(rawValue: 8)
        /// Sends fail while there is no receiver.
        public static let failWithLastReceiver = State(rawValue: 16)
        /// A send would proceed, or fail for good, now.
        public static let sendReady = State(rawValue: 32)
        /// A receive would proceed, or report closed, now.
        public static let receiveReady = State(rawValue: 64)
        /// Receives are held (rule 29).
        public static let paused = State(rawValue: 128)
    }

    /// The absolute name.
    public var name = ""
    /// Which life of the name.
    public var generation: UInt64 = 0
    /// The capacity, or `Capacity.undecided`.
    public var capacity: Int64 = 0
    /// Messages in the buffer: Go's `len`.
    public var queued: UInt64 = 0
    /// Bytes of those messages.
    public var queuedBytes: UInt64 = 0
    /// Deliveries not settled yet.
    public var unsettled: UInt64 = 0
    /// Messages whose dead-letter channel refused them: not receivable (rule 19).
    public var setAside: UInt64 = 0
    /// Unsettled deliveries that were sent ahead and not handed over: they keep their slots (rule 21).
    public var ahead: UInt64 = 0
    /// Unsettled deliveries under a lease.
    public var leased: UInt64 = 0
    /// Bytes queued from which on sends wait for room; 0 where there is no bound but the quotas.
    public var maxBytes: UInt64 = 0
    /// Messages accepted since the channel was created.
    public var accepted: UInt64 = 0
    /// Messages settled since the channel was created.
    public var settled: UInt64 = 0
    /// Deliveries since the channel was created.
    public var delivered: UInt64 = 0
    /// Sends that wait, select cases included.
    public var sendWaiters: UInt32 = 0
    /// Receives that wait, select cases and credits with an open window included.
    public var receiveWaiters: UInt32 = 0
    /// Open handles with the send role.
    public var sendHandles: UInt32 = 0
    /// Open handles with the receive role that have not stopped.
    public var receiveHandles: UInt32 = 0
    /// The owning user.
    public var owner: UInt32 = 0
    /// The group.
    public var group: UInt32 = 0
    /// The permission bits.
    public var mode: UInt16 = 0
    /// Yes-or-no facts.
    public var state: State = []
    /// The number given with the close.
    public var closeReason: UInt32 = 0
    /// The text given with the close.
    public var closeText = ""
    /// The type tag, empty where none was stated.
    public var typeTag = ""

    /// Makes an empty status.
    public init() {}

    /// Reads one record; what a later version appends to it is skipped.
    public init(reading outer: inout WireReader) throws(WireFault) {
        let length = Int(try outer.u32())
        var reader = WireReader(try outer.raw(length))
        generation = try reader.u64()
        capacity = try reader.i64()
        queued = try reader.u64()
        queuedBytes = try reader.u64()
        unsettled = try reader.u64()
        accepted = try reader.u64()
        settled = try reader.u64()
        sendWaiters = try reader.u32()
        receiveWaiters = try reader.u32()
        sendHandles = try reader.u32()
        receiveHandles = try reader.u32()
        owner = try reader.u32()
        group = try reader.u32()
        mode = try reader.u16()
        state = State(rawValue: try reader.u16())
        closeReason = try reader.u32()
        name = try reader.string()
        closeText = try reader.string()
        typeTag = try reader.string()
        setAside = try reader.u64()
        ahead = try reader.u64()
        leased = try reader.u64()
        delivered = try reader.u64()
        maxBytes = try reader.u64()
    }

    /// Appends the record to a frame.
    public func write(to writer: inout WireWriter) {
        let start = writer.bodyCount
        writer.integer(UInt32(0))
        writer.integer(generation)
        writer.integer(capacity)
        writer.integer(queued)
        writer.integer(queuedBytes)
        writer.integer(unsettled)
        writer.integer(accepted)
        writer.integer(settled)
        writer.integer(sendWaiters)
        writer.integer(receiveWaiters)
        writer.integer(sendHandles)
        writer.integer(receiveHandles)
        writer.integer(owner)
        writer.integer(group)
        writer.integer(mode)
        writer.integer(state.rawValue)
        writer.integer(closeReason)
        writer.string(name)
        writer.string(closeText)
        writer.string(typeTag)
        writer.integer(setAside)
        writer.integer(ahead)
        writer.integer(leased)
        writer.integer(delivered)
        writer.integer(maxBytes)
        writer.patch(UInt32(writer.bodyCount - start - 4), at: start)
    }
}

/// INSPECT: asks for the status of a channel, by handle or by name.
public enum InspectRequest: Equatable, Sendable {
    /// The channel of one of the session's handles.
    case handle(UInt32)
    /// The channel of that name.
    case name(String)

    /// Reads an INSPECT frame: `field` 0 is by handle, 1 by name.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        switch header.field {
        case 0: self = .handle(try reader.u32())
        case 1: self = .name(try reader.string())
        default: throw WireFault(.malformed, "INSPECT has an unknown kind \(header.field)")
        }
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        switch self {
        case .handle(let handle):
            var writer = WireWriter(.inspect, field: 0, request: request)
            writer.integer(handle)
            return writer.finish()
        case .name(let name):
            var writer = WireWriter(.inspect, field: 1, request: request)
            writer.string(name)
            return writer.finish()
        }
    }
}

/// LIST, SESSIONS and WAITING: ask for a page of what the caller may inspect.
public struct ListRequest: Equatable, Sendable {
    /// Where to go on: 0, then the `next` of the page before.
    public var cursor: UInt64
    /// The most records to return.
    public var count: UInt32

    /// Makes a request.
    public init(cursor: UInt64 = 0, count: UInt32 = 256) {
        self.cursor = cursor
        self.count = count
    }

    /// Reads a frame of these types.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        cursor = try reader.u64()
        count = try reader.u32()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(_ type: FrameType = .list, request: UInt64) -> [UInt8] {
        var writer = WireWriter(type, request: request)
        writer.integer(cursor)
        writer.integer(count)
        return writer.finish()
    }
}

/// One page of LIST's answer.
///
/// A page may be empty although more follow.
public struct Listed: Equatable, Sendable {
    /// The cursor of the next page, 0 at the end.
    public var next: UInt64
    /// The channels of this page.
    public var channels: [ChannelStatus]

    /// Reads a LISTED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        next = try reader.u64()
        let count = try reader.u32()
        channels = []
        for _ in 0..<count { channels.append(try ChannelStatus(reading: &reader)) }
        try reader.finish()
    }

    /// Makes a page.
    public init(next: UInt64, channels: [ChannelStatus]) {
        self.next = next
        self.channels = channels
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.listed, request: request)
        writer.integer(next)
        writer.integer(UInt32(channels.count))
        for channel in channels { channel.write(to: &writer) }
        return writer.finish()
    }
}

/// DESCRIBE: asks who holds a channel and who waits on it.
public struct DescribeRequest: Equatable, Sendable {
    /// The channel's name.
    public var name: String
    /// How many records to skip: 0, then the `next` of the page before.
    public var cursor: UInt64

    /// Makes a request.
    public init(name: String, cursor: UInt64 = 0) {
        self.name = name
        self.cursor = cursor
    }

    /// Reads a DESCRIBE frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        cursor = try reader.u64()
        name = try reader.string()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.describe, request: request)
        writer.integer(cursor)
        writer.string(name)
        return writer.finish()
    }
}

/// One handle or waiter of a channel.
public struct Party: Equatable, Sendable {
    /// What the record is about.
    public enum Kind: UInt8, Sendable {
        /// An open handle.
        case handle = 1
        /// A send that waits.
        case sendWaiter = 2
        /// A receive that waits.
        case receiveWaiter = 3
    }
    /// Bytes of a record.
    public static let byteCount = 40
    /// What the record is about.
    public var kind: Kind
    /// The role of a handle.
    public var role: Role
    /// Whether a waiter is a case of a select.
    public var inSelect: Bool
    /// The session's number.
    public var session: UInt64
    /// The process that connected, as the kernel says.
    public var pid: UInt32
    /// Its user.
    public var uid: UInt32
    /// The request id of a waiter's operation, 0 for a handle.
    public var request: UInt64
    /// For how long a waiter has waited, or a handle been open, in nanoseconds.
    public var nanoseconds: UInt64
    /// Milliseconds since the session began, or the most that fits.
    public var age: UInt32

    /// Makes a record.
    public init(
        kind: Kind, role: Role, inSelect: Bool, session: UInt64, pid: UInt32, uid: UInt32, request: UInt64,
        nanoseconds: UInt64, age: UInt32
    ) {
        self.kind = kind
        self.role = role
        self.inSelect = inSelect
        self.session = session
        self.pid = pid
        self.uid = uid
        self.request = request
        self.nanoseconds = nanoseconds
        self.age = age
    }
}

/// One page of DESCRIBE's answer.
public struct Described: Equatable, Sendable {
    /// The cursor of the next page, 0 at the end.
    public var next: UInt64
    /// The records of this page.
    public var parties: [Party]

    /// Makes a page.
    public init(next: UInt64, parties: [Party]) {
        self.next = next
        self.parties = parties
    }

    /// Reads a DESCRIBED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        next = try reader.u64()
        let count = try reader.u32()
        parties = []
        for _ in 0..<count {
            guard let kind = Party.Kind(rawValue: try reader.u8()) else {
                throw WireFault(.malformed, "DESCRIBED has a record of an unknown kind")
            }
            let role = Role(rawValue: try reader.u8())
            let inSelect = try reader.u16() & 1 != 0
            let pid = try reader.u32()
            let uid = try reader.u32()
            let age = try reader.u32()
            parties.append(
                Party(
                    kind: kind, role: role, inSelect: inSelect, session: try reader.u64(), pid: pid,
                    uid: uid, request: try reader.u64(), nanoseconds: try reader.u64(), age: age))
        }
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.described, request: request)
        writer.integer(next)
        writer.integer(UInt32(parties.count))
        for party in parties {
            writer.integer(party.kind.rawValue)
            writer.integer(party.role.rawValue)
            writer.integer(UInt16(party.inSelect ? 1 : 0))
            writer.integer(party.pid)
            writer.integer(party.uid)
            writer.integer(party.age)
            writer.integer(party.session)
            writer.integer(party.request)
            writer.integer(party.nanoseconds)
        }
        return writer.finish()
    }
}
