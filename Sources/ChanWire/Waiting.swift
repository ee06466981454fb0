// SPDX-License-Identifier: Apache-2.0

/// A WAIT frame: answered once a channel is in a state.
public struct WaitRequest: Equatable, Sendable {
    /// What is waited for; the header's field.
    public enum Condition: UInt16, Sendable, CaseIterable {
        /// Nothing can be sent any more.
        case closed = 0
        /// Closed, and nothing is queued or unsettled.
        case drained = 1
        /// Nothing is queued or unsettled.
        case empty = 2
        /// `count` other handles may receive.
        case receivers = 3
        /// `count` other handles may send.
        case senders = 4
        /// `count` messages are queued.
        case queued = 5
    }
    /// On which channel.
    public enum Subject: Equatable, Sendable {
        /// A handle's.
        case handle(UInt32)
        /// The one of that name.
        case name(String)
    }
    /// The flag of a wait by name.
    public static let nameFlag: UInt8 = 1
    /// What is waited for.
    public var condition: Condition
    /// How many, where the condition counts.
    public var count: UInt64
    /// On which channel.
    public var subject: Subject
    /// Nanoseconds to wait, see `WireTimeout`.
    public var timeout: Int64

    /// Makes a request.
    public init(_ condition: Condition, count: UInt64 = 0, on subject: Subject, timeout: Int64) {
        self.condition = condition
        self.count = count
        self.subject = subject
        self.timeout = timeout
    }

    /// Reads a WAIT frame.
    public init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        guard let condition = Condition(rawValue: header.field) else {
            throw WireFault(.malformed, "WAIT has an unknown condition \(header.field)")
        }
        self.condition = condition
        var reader = WireReader(body)
        count = try reader.u64()
        timeout = try reader.i64()
        subject = header.flags & Self.nameFlag == 0 ? .handle(try reader.u32()) : .name(try reader.string())
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var flags: UInt8 = 0
        if case .name = subject { flags = Self.nameFlag }
        var writer = WireWriter(.wait, flags: flags, field: condition.rawValue, request: request)
        writer.integer(count)
        writer.integer(timeout)
        switch subject {
        case .handle(let handle): writer.integer(handle)
        case .name(let name): writer.string(name)
        }
        return writer.finish()
    }
}

/// WAITED: the condition holds.
public struct Waited: Equatable, Sendable {
    /// The number given with the close, 0 where the channel is open.
    public var reason: UInt32
    /// The text given with the close.
    public var text: String

    /// Makes an answer.
    public init(reason: UInt32 = 0, text: String = "") {
        self.reason = reason
        self.text = text
    }

    /// Reads a WAITED frame.
    public init(reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var reader = WireReader(body)
        reason = try reader.u32()
        text = try reader.string()
        try reader.finish()
    }

    /// The whole frame.
    public func encoded(request: UInt64) -> [UInt8] {
        var writer = WireWriter(.waited, request: request)
        writer.integer(reason)
        writer.string(text)
        return writer.finish()
    }
}
