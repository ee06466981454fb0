// SPDX-License-Identifier: Apache-2.0

public import ChanWire

/// Decodes any frame with ChanWire and encodes what was read again.
public enum Reencoding {
    /// The frame that says what `frame` says; the same bytes wherever reserved fields are 0.
    public static func frame(_ frame: [UInt8]) throws(WireFault) -> [UInt8] {
        let result: Result<[UInt8], WireFault> = frame.withUnsafeBytes { bytes in
            do throws(WireFault) {
                guard let header = try FrameAssembler.header(in: bytes, maxBodyBytes: .max) else {
                    throw WireFault(.malformed, "no header")
                }
                let body = UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.byteCount...])
                return .success(try reencoded(header, body))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The same of a frame whose header has been read.
    public static func reencoded(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        guard let type = header.type else { throw WireFault(.unknownFrame, "type \(header.rawType)") }
        return try reencoded(as: type, header, body)
    }

    /// The same of a body that is read as another type's.
    public static func reencoded(
        as type: FrameType, _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        let request = header.request
        switch type {
        case .hello: return try Hello(reading: body).encoded()
        case .welcome: return try Welcome(reading: body).encoded()
        case .goodbye: return try Goodbye(header, reading: body).encoded()
        case .open: return try OpenRequest(header, reading: body).encoded(request: request)
        case .opened: return try Opened(header, reading: body).encoded(request: request)
        case .send: return try send(header, body)
        case .sent: return Frames.sent(request: request, count: try Sent.count(reading: body))
        case .receive: return Frames.receive(request: request, try ReceiveRequest(header, reading: body))
        case .received: return try received(header, body)
        case .won: return try won(header, body)
        case .select: return try select(header, body)
        case .failed: return try Failed(header, reading: body).encoded(request: request)
        case .inspect: return try InspectRequest(header, reading: body).encoded(request: request)
        case .list, .sessions, .waiting:
            return try ListRequest(reading: body).encoded(type, request: request)
        case .sessionsListed: return try SessionsListed(reading: body).encoded(request: request)
        case .waitingListed: return try WaitingListed(reading: body).encoded(request: request)
        case .measured: return try Measured(reading: body).encoded(request: request)
        case .events: return try Events(reading: body).encoded(request: request)
        case .listed: return try Listed(reading: body).encoded(request: request)
        case .describe: return try DescribeRequest(reading: body).encoded(request: request)
        case .described: return try Described(reading: body).encoded(request: request)
        case .wait: return try WaitRequest(header, reading: body).encoded(request: request)
        case .waited: return try Waited(reading: body).encoded(request: request)
        case .peek: return try PeekRequest(reading: body).encoded(request: request)
        case .peeked:
            let peeked = try Peeked(reading: body)
            return Frames.peeked(request: request, next: peeked.next, peeked.messages)
        case .purge: return try PurgeRequest(reading: body).encoded(request: request)
        case .purged: return try Purged(reading: body).encoded(request: request)
        case .lease: return try LeaseRequest(header, reading: body).encoded(request: request)
        case .deadLetter: return try DeadLetter(reading: body).encoded()
        case .settle, .giveBack, .receipt: return try ranges(type, header, body)
        default: return try simple(type, header, body)
        }
    }

    private static func simple(
        _ type: FrameType, _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        let request = header.request
        var reader = WireReader(body)
        switch type {
        case .closeHandle, .stop:
            let handle = try reader.u32()
            try reader.finish()
            return SimpleFrame.handle(type, request: request, handle: handle)
        case .close:
            let handle = try reader.u32()
            let reason = try reader.u32()
            let text = try reader.string()
            try reader.finish()
            return SimpleFrame.close(request: request, handle: handle, reason: reason, text: text)
        case .remove, .pause, .resume, .restore, .measure, .monitor:
            let name = try reader.string()
            try reader.finish()
            return SimpleFrame.name(type, request: request, name: name)
        case .control: return try ControlRequest(header, reading: body).encoded(request: request)
        case .daemonState: return try DaemonState(reading: body).encoded(request: request)
        case .inspected:
            let status = try ChannelStatus(reading: &reader)
            try reader.finish()
            return Frames.inspected(request: request, status)
        case .ping: return SimpleFrame.ping(request: request, payload: body)
        case .pong: return Frames.frame(.pong, request: request, body: Array(body))
        default:
            try reader.finish()
            if type == .daemonStatus { return SimpleFrame.daemonStatus(request: request) }
            if type == .leave { return SimpleFrame.leave() }
            if type == .cancel { return SimpleFrame.cancel(request: request) }
            if type == .done { return SimpleFrame.done(request: request, field: header.field) }
            return SimpleFrame.selected(request: request, caseIndex: header.field)
        }
    }

    private static func send(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        var send = try SendRequest(reading: body, flags: header.flags)
        _ = try send.validate()
        var messages: [[UInt8]] = []
        var listed: [[ListedChannel]] = []
        for _ in 0..<send.count {
            messages.append(Array(try send.next()))
            listed.append(send.listed)
        }
        let known = SendRequest.confirmReceiptFlag | SendRequest.confirmSettlementFlag | SendRequest.laterFlag
        return Frames.send(
            request: header.request, handle: send.handle, timeout: send.timeout, flags: header.flags & known,
            messages, listed: send.passes ? listed : nil)
    }

    private static func received(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        var received = try Received(reading: body)
        var messages: [Frames.Message] = []
        for _ in 0..<received.count { messages.append(Frames.Message(try received.next())) }
        try received.finish()
        return Frames.received(
            request: header.request, caseIndex: header.field,
            closed: header.flags & Received.closedFlag != 0, more: header.flags & Received.moreFlag != 0,
            handle: received.handle, first: received.first, messages)
    }

    private static func won(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        var won = try Won(reading: body)
        var winners: [Frames.Winner] = []
        for _ in 0..<won.count {
            let next = try won.next()
            winners.append(
                Frames.Winner(
                    caseIndex: next.caseIndex, closed: next.closed, handle: next.handle,
                    delivery: next.delivery, Frames.Message(next.message)))
        }
        try won.finish()
        return Frames.won(
            request: header.request, more: header.flags & Received.moreFlag != 0, winners)
    }

    private static func select(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        var select = try SelectRequest(header, reading: body)
        var cases: [(kind: SelectCase.Kind, handle: UInt32, drained: Bool, message: [UInt8])] = []
        var listed: [[ListedChannel]] = []
        for _ in 0..<select.count {
            let next = try select.next()
            listed.append(next.listed)
            cases.append((next.kind, next.handle, next.untilDrained, Array(next.message)))
        }
        try select.finish()
        return Frames.select(
            request: header.request, timeout: select.timeout, ordered: select.ordered, limit: select.limit,
            cases, listed: listed)
    }

    private static func ranges(
        _ type: FrameType, _ header: FrameHeader, _ body: UnsafeRawBufferPointer
    ) throws(WireFault) -> [UInt8] {
        var reader = WireReader(body)
        var ranges: [DeliveryRange] = []
        while reader.remaining > 0 { ranges.append(try DeliveryRange(reading: &reader)) }
        return Frames.settle(type, flags: header.flags & GiveBackFlags.seen, ranges)
    }
}

extension Frames.Message {
    /// A copy of a message that was read.
    init(_ message: Received.Message) {
        self.init(
            bytes: Array(message.bytes), attempts: message.attempts, flags: message.flags,
            offered: message.offered)
    }
}
