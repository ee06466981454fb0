// SPDX-License-Identifier: Apache-2.0

/// A channel that a message is to pass, in SEND and SELECT: behind the message's bytes a count of one byte and so
/// many of these.
public struct ListedChannel: Equatable, Sendable {
    /// Bytes on the wire.
    public static let byteCount = 5
    /// A handle of the sending session.
    public var handle: UInt32
    /// What the receiver may do with it.
    public var role: Role

    /// Makes a listing.
    public init(handle: UInt32, role: Role) {
        self.handle = handle
        self.role = role
    }

    @usableFromInline
    init(reading reader: inout WireReader) throws(WireFault) {
        handle = try reader.u32()
        role = Role(rawValue: try reader.u8())
        guard role.rawValue & ~Role.both.rawValue == 0, !role.isEmpty else {
            throw WireFault(.malformed, "a message passes a channel with no role, or an unknown one")
        }
    }

    /// Takes the count and what it counts.
    @usableFromInline
    static func list(reading reader: inout WireReader) throws(WireFault) -> [ListedChannel] {
        var listed: [ListedChannel] = []
        for _ in 0..<(try reader.u8()) { listed.append(try ListedChannel(reading: &reader)) }
        return listed
    }

    /// What stands behind a message that passes `channels`, at most 255.
    public static func bytes(of channels: [ListedChannel]) -> [UInt8] {
        var writer = WireWriter(.send)
        writer.integer(UInt8(truncatingIfNeeded: channels.count))
        for channel in channels {
            writer.integer(channel.handle)
            writer.integer(channel.role.rawValue)
        }
        return writer.part()
    }
}

/// A channel that a delivery passes, in RECEIVED: behind the message's bytes a count of one byte and so many of
/// these.
public struct OfferedChannel: Equatable, Sendable {
    /// Bytes on the wire without the texts.
    public static let fixedByteCount = 25
    /// The handle that it is in the receiving session once the delivery is settled.
    public var handle: UInt32
    /// What it may do.
    public var role: Role
    /// The capacity in force, or `Capacity.undecided`.
    public var capacity: Int64
    /// Which life of the name.
    public var generation: UInt64
    /// The absolute name; of an unnamed channel the part that is shown.
    public var name: String
    /// The type tag, empty where none was stated.
    public var typeTag: String

    /// Makes a record.
    public init(
        handle: UInt32, role: Role, capacity: Int64, generation: UInt64, name: String, typeTag: String = ""
    ) {
        self.handle = handle
        self.role = role
        self.capacity = capacity
        self.generation = generation
        self.name = name
        self.typeTag = typeTag
    }

    init(reading reader: inout WireReader) throws(WireFault) {
        handle = try reader.u32()
        role = Role(rawValue: try reader.u8())
        capacity = try reader.i64()
        generation = try reader.u64()
        name = try reader.string()
        typeTag = try reader.string()
    }

    /// Takes the count and what it counts.
    @usableFromInline
    static func list(reading reader: inout WireReader) throws(WireFault) -> [OfferedChannel] {
        var offered: [OfferedChannel] = []
        for _ in 0..<(try reader.u8()) { offered.append(try OfferedChannel(reading: &reader)) }
        return offered
    }

    /// What stands behind a message that passes `channels`, at most 255.
    public static func bytes(of channels: [OfferedChannel]) -> [UInt8] {
        var writer = WireWriter(.received)
        writer.integer(UInt8(truncatingIfNeeded: channels.count))
        for channel in channels {
            writer.integer(channel.handle)
            writer.integer(channel.role.rawValue)
            writer.integer(channel.capacity)
            writer.integer(channel.generation)
            writer.string(channel.name)
            writer.string(channel.typeTag)
        }
        return writer.part()
    }

    /// Bytes behind `messages` messages that pass `channels` channels, whose texts take `textBytes`.
    public static func byteCount(messages: Int, channels: Int, textBytes: Int) -> Int {
        messages + channels * fixedByteCount + textBytes
    }
}
