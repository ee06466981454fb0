// SPDX-License-Identifier: Apache-2.0

/// Optional features of the protocol: what only those are told who announced it.
public struct Features: OptionSet, Sendable {
    /// The bits as they stand in HELLO and WELCOME.
    public let rawValue: UInt64
    /// Makes features of their bits.
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// Messages that several selects in one turn receive come in WON frames.
    public static let won = Features(rawValue: 1)
    /// All that this version knows.
    public static let known: Features = [.won]
}

/// The first frame of a session, from the client.
public struct Hello: Equatable, Sendable {
    /// The lowest version that the client speaks.
    public var minVersion: UInt16
    /// The highest version that the client speaks.
    public var maxVersion: UInt16
    /// Features that the client knows.
    public var features: Features
    /// What the client calls itself, for operators only; up to `WireLimits.maxTextBytes` bytes.
    public var clientName: String

    /// Makes a HELLO.
    public init(
        minVersion: UInt16 = WireLimits.version, maxVersion: UInt16 = WireLimits.version,
        features: Features = [], clientName: String
    ) {
        self.minVersion = minVersion
        self.maxVersion = maxVersion
        self.features = features
        self.clientName = clientName
    }

    /// Reads the body of a HELLO frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        guard try reader.u32() == WireLimits.magic else {
            throw WireFault(.malformed, "HELLO does not start with CHND: this is no chand client")
        }
        minVersion = try reader.u16()
        maxVersion = try reader.u16()
        features = Features(rawValue: try reader.u64())
        clientName = try reader.string()
        guard clientName.utf8.count <= WireLimits.maxTextBytes else {
            throw WireFault(.malformed, "the client's name is over \(WireLimits.maxTextBytes) bytes")
        }
        try reader.finish()
    }

    /// The whole frame.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(.hello)
        writer.integer(WireLimits.magic)
        writer.integer(minVersion)
        writer.integer(maxVersion)
        writer.integer(features.rawValue)
        writer.string(clientName)
        return writer.finish()
    }
}

/// The daemon's answer to HELLO: what was agreed and every limit that concerns the client.
public struct Welcome: Equatable, Sendable {
    /// The version that both speak.
    public var version: UInt16 = WireLimits.version
    /// The largest body of a frame, in bytes.
    public var maxBodyBytes: UInt32
    /// Features that both know.
    public var features: Features = []
    /// A random number drawn at each start of a daemon: another one means that all state is gone.
    public var instance: UInt64
    /// The session's number, unique for this instance.
    public var session: UInt64
    /// The largest message, in bytes.
    public var maxMessageBytes: UInt32
    /// The most cases that a select may have.
    public var maxSelectCases: UInt32
    /// The most operations of one session that may wait at a time.
    public var maxWaiters: UInt32
    /// The most handles that one session may hold.
    public var maxHandles: UInt32
    /// The user that the kernel says the client is; relative names live in this user's space.
    public var uid: UInt32
    /// The daemon's name and version.
    public var daemonName: String

    /// Makes a WELCOME.
    public init(
        maxBodyBytes: UInt32, instance: UInt64, session: UInt64, maxMessageBytes: UInt32,
        maxSelectCases: UInt32, maxWaiters: UInt32, maxHandles: UInt32, uid: UInt32, daemonName: String
    ) {
        self.maxBodyBytes = maxBodyBytes
        self.instance = instance
        self.session = session
        self.maxMessageBytes = maxMessageBytes
        self.maxSelectCases = maxSelectCases
        self.maxWaiters = maxWaiters
        self.maxHandles = maxHandles
        self.uid = uid
        self.daemonName = daemonName
    }

    /// Reads the body of a WELCOME frame; fields that a later version appends are left alone.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        version = try reader.u16()
        _ = try reader.u16()
        maxBodyBytes = try reader.u32()
        features = Features(rawValue: try reader.u64())
        instance = try reader.u64()
        session = try reader.u64()
        maxMessageBytes = try reader.u32()
        maxSelectCases = try reader.u32()
        maxWaiters = try reader.u32()
        maxHandles = try reader.u32()
        uid = try reader.u32()
        daemonName = try reader.string()
    }

    /// The whole frame.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(.welcome)
        writer.integer(version)
        writer.integer(UInt16(0))
        writer.integer(maxBodyBytes)
        writer.integer(features.rawValue)
        writer.integer(instance)
        writer.integer(session)
        writer.integer(maxMessageBytes)
        writer.integer(maxSelectCases)
        writer.integer(maxWaiters)
        writer.integer(maxHandles)
        writer.integer(uid)
        writer.string(daemonName)
        return writer.finish()
    }
}

/// The last frame that the daemon sends to a session, and why it is the last.
public struct Goodbye: Equatable, Sendable {
    /// The code as sent; it need not be a known `GoodbyeCode`.
    public var rawCode: UInt16
    /// What happened and what to do, for a person.
    public var text: String

    /// Makes a GOODBYE.
    public init(_ code: GoodbyeCode, _ text: String) {
        self.rawCode = code.rawValue
        self.text = text
    }

    /// Reads a GOODBYE frame.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        rawCode = header.field
        var reader = WireReader(body)
        text = try reader.string()
    }

    /// The code, where it is one this version knows.
    public var code: GoodbyeCode? { GoodbyeCode(rawValue: rawCode) }

    /// The whole frame.
    public func encoded() -> [UInt8] {
        var writer = WireWriter(.goodbye, field: rawCode)
        writer.string(text)
        return writer.finish()
    }
}
