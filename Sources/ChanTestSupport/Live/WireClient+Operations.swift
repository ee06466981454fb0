// SPDX-License-Identifier: Apache-2.0

import ChanSystem
public import ChanWire

/// Operations in one call; those that begin with `start` only write, so that they can wait in the daemon.
extension WireClient {
    /// Opens a channel; everything but the name is left unstated unless the body states it.
    public func open(
        _ name: String, _ role: Role = .both, capacity: Int64? = nil,
        _ state: (inout OpenRequest) -> Void = { _ in }
    ) throws -> UInt32 {
        try opened(name, role, capacity: capacity, state).handle
    }

    /// The same with all that OPENED says.
    public func opened(
        _ name: String, _ role: Role = .both, capacity: Int64? = nil,
        _ state: (inout OpenRequest) -> Void = { _ in }
    ) throws -> Opened {
        var open = OpenRequest(name: name, role: role)
        open.capacity = capacity
        state(&open)
        let request = request()
        try write(open.encoded(request: request))
        return try answer(to: request).reading(as: .opened) { header, body throws(WireFault) in
            try Opened(header, reading: body)
        }
    }

    /// The answer to a request that is no send, receive or select.
    public func answer(to request: UInt64) throws -> WireFrame {
        switch try outcome(of: request) {
        case .answer(let frame): return frame
        case let other: throw LiveFailure("expected an answer to request \(request), got \(other)")
        }
    }

    // MARK: Send and receive

    /// The bytes of a SEND frame.
    public static func sendFrame(
        request: UInt64, handle: UInt32, _ messages: [[UInt8]], timeout: Int64 = WireTimeout.never
    ) -> [UInt8] {
        var writer = WireWriter(.send, request: request)
        writer.integer(handle)
        writer.integer(UInt32(messages.count))
        writer.integer(timeout)
        for message in messages {
            writer.integer(UInt32(message.count))
            writer.raw(message)
        }
        return writer.finish()
    }

    /// The bytes of a RECEIVE frame.
    public static func receiveFrame(
        request: UInt64, handle: UInt32, upTo count: UInt32 = 1, timeout: Int64 = WireTimeout.never,
        untilDrained: Bool = false
    ) -> [UInt8] {
        let receive = ReceiveRequest(
            handle: handle, count: count, timeout: timeout, untilDrained: untilDrained)
        var frame = [UInt8](repeating: 0, count: FrameHeader.byteCount + ReceiveRequest.byteCount)
        frame.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { receive.write(to: base, request: request) }
        }
        return frame
    }

    /// Writes a SEND.
    public func startSend(
        _ handle: UInt32, _ messages: String..., timeout: Int64 = WireTimeout.never
    ) throws -> UInt64 {
        let request = request()
        let bytes = messages.map { Array($0.utf8) }
        try write(Self.sendFrame(request: request, handle: handle, bytes, timeout: timeout))
        return request
    }

    /// Sends messages as one batch and waits for the outcome.
    public func send(
        _ handle: UInt32, _ messages: String..., timeout: Int64 = WireTimeout.never
    ) throws -> Outcome {
        let request = request()
        let bytes = messages.map { Array($0.utf8) }
        try write(Self.sendFrame(request: request, handle: handle, bytes, timeout: timeout))
        return try outcome(of: request)
    }

    /// Writes a RECEIVE.
    public func startReceive(
        _ handle: UInt32, upTo count: UInt32 = 1, timeout: Int64 = WireTimeout.never,
        untilDrained: Bool = false
    ) throws -> UInt64 {
        let request = request()
        let frame = Self.receiveFrame(
            request: request, handle: handle, upTo: count, timeout: timeout, untilDrained: untilDrained)
        try write(frame)
        return request
    }

    /// Receives and waits for the outcome.
    public func receive(
        _ handle: UInt32, upTo count: UInt32 = 1, timeout: Int64 = WireTimeout.never,
        untilDrained: Bool = false
    ) throws -> Outcome {
        try outcome(
            of: startReceive(handle, upTo: count, timeout: timeout, untilDrained: untilDrained))
    }

    /// Says that these deliveries are done with.
    public func settle(_ ranges: DeliveryRange...) throws {
        try write(Self.rangesFrame(.settle, ranges))
    }

    /// Gives these deliveries back.
    public func giveBack(_ ranges: DeliveryRange..., seen: Bool) throws {
        try write(Self.rangesFrame(.giveBack, ranges, flags: seen ? GiveBackFlags.seen : 0))
    }

    /// The bytes of a SETTLE or GIVE_BACK frame.
    public static func rangesFrame(
        _ type: FrameType, _ ranges: [DeliveryRange], flags: UInt8 = 0
    ) -> [UInt8] {
        var writer = WireWriter(type, flags: flags)
        for range in ranges {
            writer.integer(range.handle)
            writer.integer(range.count)
            writer.integer(range.first)
        }
        return writer.finish()
    }

    /// Sends one message that passes channels and waits for the outcome.
    public func send(
        _ handle: UInt32, _ message: String, passing listed: [ListedChannel],
        timeout: Int64 = WireTimeout.never
    ) throws -> Outcome {
        let request = request()
        try write(
            Self.sendFrame(request: request, handle: handle, message, passing: listed, timeout: timeout))
        return try outcome(of: request)
    }

    /// The bytes of a SEND frame of one message that passes channels.
    public static func sendFrame(
        request: UInt64, handle: UInt32, _ message: String, passing listed: [ListedChannel],
        timeout: Int64 = WireTimeout.never
    ) -> [UInt8] {
        var writer = WireWriter(.send, flags: SendRequest.passesFlag, request: request)
        writer.integer(handle)
        writer.integer(UInt32(1))
        writer.integer(timeout)
        writer.integer(UInt32(message.utf8.count))
        writer.raw(message.utf8)
        writer.raw(ListedChannel.bytes(of: listed))
        return writer.finish()
    }

    // MARK: Select

    /// A case of a select.
    public enum Case: Sendable {
        /// It never proceeds.
        case never
        /// Receive from a handle.
        case receive(UInt32)
        /// Send a text through a handle.
        case send(UInt32, String)
    }

    /// Writes a SELECT.
    public func startSelect(
        _ cases: Case..., ordered: Bool = false, timeout: Int64 = WireTimeout.never
    ) throws -> UInt64 {
        let request = request()
        try write(Self.selectFrame(request: request, cases, ordered: ordered, timeout: timeout))
        return request
    }

    /// Selects and waits for the outcome.
    public func select(
        _ cases: Case..., ordered: Bool = false, timeout: Int64 = WireTimeout.never
    ) throws -> Outcome {
        let request = request()
        try write(Self.selectFrame(request: request, cases, ordered: ordered, timeout: timeout))
        return try outcome(of: request)
    }

    /// The bytes of a SELECT frame.
    public static func selectFrame(
        request: UInt64, _ cases: [Case], ordered: Bool = false, timeout: Int64 = WireTimeout.never
    ) -> [UInt8] {
        var builder = SelectRequest.Builder(
            request: request, count: cases.count, timeout: timeout, ordered: ordered)
        for candidate in cases {
            switch candidate {
            case .never: builder.add(.never)
            case .receive(let handle): builder.add(.receive, handle: handle)
            case .send(let handle, let text): builder.add(.send, handle: handle, message: Array(text.utf8))
            }
        }
        return builder.finish()
    }

    // MARK: Channels and the session

    /// Asks for the end of an operation, whose own outcome answers.
    public func cancel(_ request: UInt64) throws {
        try write(SimpleFrame.cancel(request: request))
    }

    /// Closes a channel; whether this call did.
    @discardableResult
    public func close(_ handle: UInt32, reason: UInt32 = 0, text: String = "") throws -> Bool {
        let request = request()
        try write(SimpleFrame.close(request: request, handle: handle, reason: reason, text: text))
        return try answer(to: request).header.field == 1
    }

    /// Closes a handle.
    public func closeHandle(_ handle: UInt32) throws {
        let request = request()
        try write(SimpleFrame.handle(.closeHandle, request: request, handle: handle))
        _ = try answer(to: request)
    }

    /// Goes there and back: what was written before is taken, and what was due before has come.
    public func ping() throws {
        let request = request()
        try write(SimpleFrame.ping(request: request))
        _ = try answer(to: request)
    }

    /// The status of a channel.
    public func inspect(_ name: String) throws -> ChannelStatus {
        let request = request()
        try write(InspectRequest.name(name).encoded(request: request))
        return try answer(to: request).reading(as: .inspected) { _, body throws(WireFault) in
            var reader = WireReader(body)
            return try ChannelStatus(reading: &reader)
        }
    }

    /// The state of the daemon as a whole; for administrators.
    public func daemonState() throws -> DaemonState {
        let request = request()
        try write(SimpleFrame.daemonStatus(request: request))
        return try answer(to: request).reading(as: .daemonState) { _, body throws(WireFault) in
            try DaemonState(reading: body)
        }
    }

    /// Waits until every other session has ended.
    public func waitUntilAlone() throws {
        let deadline = Patience.deadline()
        while case let sessions = try daemonState().sessions, sessions > 1 {
            guard MonotonicClock.now() < deadline else {
                throw LiveFailure("\(sessions) sessions are still there")
            }
        }
    }

    /// Asks for the status of a channel until it is as wanted.
    @discardableResult
    public func wait(
        for name: String, _ what: String, until isReached: (ChannelStatus) -> Bool
    ) throws -> ChannelStatus {
        let deadline = Patience.deadline()
        while true {
            let status = try inspect(name)
            if isReached(status) { return status }
            guard MonotonicClock.now() < deadline else {
                throw LiveFailure("\(name) never had \(what): \(status)")
            }
        }
    }
}
