// SPDX-License-Identifier: Apache-2.0

public import ChanWire

/// One frame as it came from the daemon.
public struct WireFrame: Equatable, Sendable, CustomStringConvertible {
    /// The header.
    public let header: FrameHeader
    /// The body.
    public let body: [UInt8]

    /// Header and body of one frame.
    public init(header: FrameHeader, body: [UInt8]) {
        self.header = header
        self.body = body
    }

    /// Its type, if it is one of this version's.
    public var type: FrameType? { header.type }

    /// Header and body as they came.
    public var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        bytes.withUnsafeMutableBytes { if let base = $0.baseAddress { header.write(to: base) } }
        return bytes + body
    }

    /// The frame in one line.
    public var description: String {
        let name = type.map { "\($0)" } ?? "type \(header.rawType)"
        return "\(name)(request \(header.request), field \(header.field), \(body.count) bytes)"
    }

    /// Reads the body with what ChanWire has for it.
    public func reading<Value>(
        as type: FrameType, _ read: (FrameHeader, UnsafeRawBufferPointer) throws(WireFault) -> Value
    ) throws -> Value {
        guard self.type == type else { throw LiveFailure("expected \(type), got \(self)\(explanation)") }
        return try body.withUnsafeBytes { bytes throws(WireFault) in try read(header, bytes) }
    }

    private var explanation: String {
        if let failed = try? failed() { return ": \(failed)" }
        if let goodbye = try? goodbye() { return ": \(goodbye)" }
        return ""
    }

    /// The frame as GOODBYE.
    public func goodbye() throws -> Goodbye {
        guard type == .goodbye else { throw LiveFailure("expected goodbye, got \(self)") }
        return try body.withUnsafeBytes { bytes throws(WireFault) in try Goodbye(header, reading: bytes) }
    }

    /// The frame as FAILED.
    public func failed() throws -> Failed {
        guard type == .failed else { throw LiveFailure("expected failed, got \(self)") }
        return try body.withUnsafeBytes { bytes throws(WireFault) in try Failed(header, reading: bytes) }
    }

    /// The requests whose outcome this is; empty for a frame that is none.
    public func requests() throws -> Range<UInt64> {
        switch type {
        case .welcome, .goodbye: return 0..<0
        case .sent:
            let count = try reading(as: .sent) { _, body throws(WireFault) in try Sent.count(reading: body) }
            return header.request..<header.request + UInt64(count)
        default: return header.request..<header.request + 1
        }
    }
}

/// The messages of a RECEIVED frame.
public struct Delivered: Equatable, Sendable {
    /// One message.
    public struct Message: Equatable, Sendable {
        /// Its bytes.
        public var bytes: [UInt8]
        /// How often it answered a receive before.
        public var attempts: UInt16
        /// Whether some caller may have seen it before.
        public var redelivered: Bool
        /// The channels that it passes.
        public var offered: [OfferedChannel]
        /// Its bytes as text.
        public var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// The handle that they came through.
    public var handle: UInt32
    /// The first one's number.
    public var first: UInt64
    /// The messages in order.
    public var messages: [Message] = []
    /// Whether the channel was closed.
    public var isClosed: Bool
    /// The case of a select.
    public var caseIndex: UInt16
    /// The messages as texts.
    public var texts: [String] { messages.map(\.text) }
    /// The range that settles or gives back all of them.
    public var range: DeliveryRange {
        DeliveryRange(handle: handle, first: first, count: UInt32(messages.count))
    }

    init(_ header: FrameHeader, reading body: UnsafeRawBufferPointer) throws(WireFault) {
        var received = try Received(reading: body)
        handle = received.handle
        first = received.first
        isClosed = header.flags & Received.closedFlag != 0
        caseIndex = header.field
        for _ in 0..<received.count {
            let message = try received.next()
            messages.append(
                Message(
                    bytes: Array(message.bytes), attempts: message.attempts,
                    redelivered: message.redelivered, offered: message.offered)
            )
        }
        try received.finish()
    }
}

/// The one outcome of a request.
public enum Outcome: Equatable, Sendable {
    /// A send, alone or in a run, is committed.
    case sent
    /// A receive, or the receive case of a select.
    case received(Delivered)
    /// The send case of a select.
    case selected(UInt16)
    /// No success.
    case failed(Failed)
    /// What answers other requests.
    case answer(WireFrame)

    /// Reads the outcome that a frame carries.
    public init(_ frame: WireFrame) throws {
        switch frame.type {
        case .sent: self = .sent
        case .received:
            self = .received(
                try frame.reading(as: .received) { header, body throws(WireFault) in
                    try Delivered(header, reading: body)
                })
        case .selected: self = .selected(frame.header.field)
        case .failed: self = .failed(try frame.failed())
        default: self = .answer(frame)
        }
    }

    /// The failure's code, if it is one.
    public var failure: FailureCode? {
        if case .failed(let failed) = self { failed.code } else { nil }
    }

    /// What was received, if anything was.
    public var delivered: Delivered? {
        if case .received(let delivered) = self { delivered } else { nil }
    }
}
