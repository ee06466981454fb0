// SPDX-License-Identifier: Apache-2.0

/// The directions in which a handle may be used.
public struct Role: OptionSet, Hashable, Sendable {
    /// Bit 0 is send, bit 1 receive.
    public let rawValue: UInt8
    /// Makes a role from its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The handle may send and close.
    public static let send = Role(rawValue: 1)
    /// The handle may receive.
    public static let receive = Role(rawValue: 2)
    /// Both directions.
    public static let both: Role = [.send, .receive]
}

/// Capacities as they stand on the wire and in the broker.
public enum Capacity {
    /// A send meets a receive.
    public static let rendezvous: Int64 = 0
    /// As many messages as the quotas allow.
    public static let unbounded: Int64 = -1
    /// No handle has stated a capacity yet; it acts as a rendezvous (rule 14).
    public static let undecided: Int64 = -2
}

/// Opens a channel by name, creating it unless that is forbidden; nil is an option left unstated (rule 14).
public struct OpenRequest: Equatable, Sendable {
    /// The channel's name, relative to the caller's space or absolute (rule 25).
    public var name: String
    /// What the handle may do.
    public var role: Role
    /// 0 rendezvous, above 0 buffered, -1 unbounded.
    public var capacity: Int64?
    /// An agreed text that says what messages mean, up to `WireLimits.maxTextBytes` bytes.
    public var typeTag: String?
    /// Close the channel when its last send handle goes (rule 16).
    public var closeWithLastSender: Bool?
    /// Fail sends while the last receive handle is gone (rule 16).
    public var failWithLastReceiver: Bool?
    /// Bytes queued from which on sends wait for room; 0 for no bound but the quotas.
    public var maxBytes: UInt64?
    /// Permission bits, as a file's: read is receive, write is send and close (rule 28).
    public var mode: UInt16?
    /// The owning user; only an administrator sets another than himself.
    public var owner: UInt32?
    /// The group; only a member or an administrator sets it.
    public var group: UInt32?
    /// Fail with `exists` where there is such a channel.
    public var mustCreate = false
    /// Fail with `noSuchChannel` where there is none.
    public var mustExist = false
    /// Keep the channel until it is removed (rule 15).
    public var keep = false

    /// Makes a request with every option unstated.
    public init(name: String, role: Role) {
        self.name = name
        self.role = role
    }

    private static let mustCreateFlag: UInt8 = 1
    private static let mustExistFlag: UInt8 = 2
    private static let keepFlag: UInt8 = 4
    /// Bits of the options that this version knows.
    private static let statedBits: UInt16 = 0b1111_1111

    /// Reads an OPEN frame.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        mustCreate = header.flags & Self.mustCreateFlag != 0
        mustExist = header.flags & Self.mustExistFlag != 0
        keep = header.flags & Self.keepFlag != 0
        var reader = WireReader(body)
        role = Role(rawValue: try reader.u8())
        let values = try reader.u8()
        let stated = try reader.u16()
        mode = try Self.stated(stated, 5, try reader.u16())
        _ = try reader.u16()
        owner = try Self.stated(stated, 6, try reader.u32())
        group = try Self.stated(stated, 7, try reader.u32())
        capacity = try Self.stated(stated, 0, try reader.i64())
        closeWithLastSender = try Self.stated(stated, 2, values & 1 != 0)
        failWithLastReceiver = try Self.stated(stated, 3, values & 2 != 0)
        name = try reader.string()
        typeTag = try Self.stated(stated, 1, try reader.string())
        if stated & 1 << 4 != 0 { maxBytes = try reader.u64() }
        try reader.finish()
        guard role.rawValue & ~Role.both.rawValue == 0, !role.isEmpty else {
            throw WireFault(.malformed, "OPEN names no role, or an unknown one")
        }
        guard stated & ~Self.statedBits == 0 else {
            throw WireFault(.malformed, "OPEN states an unknown option")
        }
    }

    private static func stated<T>(_ bits: UInt16, _ bit: Int, _ value: T) throws(WireFault) -> T? {
        bits & (1 << bit) != 0 ? value : nil
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var flags: UInt8 = 0
        if mustCreate { flags |= Self.mustCreateFlag }
        if mustExist { flags |= Self.mustExistFlag }
        if keep { flags |= Self.keepFlag }
        var writer = WireWriter(.open, flags: flags, request: request)
        writer.integer(role.rawValue)
        writer.integer((closeWithLastSender == true ? 1 : 0) | (failWithLastReceiver == true ? 2 : UInt8(0)))
        var stated: UInt16 = 0
        if capacity != nil { stated |= 1 << 0 }
        if typeTag != nil { stated |= 1 << 1 }
        if closeWithLastSender != nil { stated |= 1 << 2 }
        if failWithLastReceiver != nil { stated |= 1 << 3 }
        if maxBytes != nil { stated |= 1 << 4 }
        if mode != nil { stated |= 1 << 5 }
        if owner != nil { stated |= 1 << 6 }
        if group != nil { stated |= 1 << 7 }
        writer.integer(stated)
        writer.integer(mode ?? 0)
        writer.integer(UInt16(0))
        writer.integer(owner ?? 0)
        writer.integer(group ?? 0)
        writer.integer(capacity ?? 0)
        writer.string(name)
        writer.string(typeTag ?? "")
        if let maxBytes { writer.integer(maxBytes) }
        return writer.finish()
    }
}

/// The answer to a successful OPEN.
public struct Opened: Equatable, Sendable {
    /// The handle's number in this session.
    public var handle: UInt32
    /// The capacity now in force, or `Capacity.undecided`.
    public var capacity: Int64
    /// Which life of the name this is (rule 15).
    public var generation: UInt64
    /// Whether this call created the channel.
    public var created: Bool
    /// Whether the channel is closed already.
    public var closed: Bool
    /// The channel's absolute name.
    public var name: String

    /// Makes an answer.
    public init(
        handle: UInt32, capacity: Int64, generation: UInt64, created: Bool, closed: Bool, name: String
    ) {
        self.handle = handle
        self.capacity = capacity
        self.generation = generation
        self.created = created
        self.closed = closed
        self.name = name
    }

    /// Reads an OPENED frame; fields that a later version appends are left alone.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        created = header.flags & 1 != 0
        closed = header.flags & 2 != 0
        var reader = WireReader(body)
        handle = try reader.u32()
        capacity = try reader.i64()
        generation = try reader.u64()
        name = try reader.string()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        let flags: UInt8 = (created ? 1 : 0) | (closed ? 2 : 0)
        var writer = WireWriter(.opened, flags: flags, request: request)
        writer.integer(handle)
        writer.integer(capacity)
        writer.integer(generation)
        writer.string(name)
        return writer.finish()
    }
}
