// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire

/// Requests about channels rather than messages: each has its answer at once.
extension Hub {
    /// Records of one page of LIST or DESCRIBE: a page stays within a normal turn.
    static let pageRecords = 256
    /// Bytes of the messages on a page of PEEK.
    private static let pageBytes = 256 << 10
    /// Messages that one PURGE discards: as many as stay within a normal turn.
    private static let purgeMessages = 16_384

    mutating func administer(
        _ type: FrameType, _ header: FrameHeader, _ body: UnsafeRawBufferPointer, session: UInt32
    ) throws(WireFault) -> [UInt8] {
        let request = header.request
        var reader = WireReader(body)
        switch type {
        case .open:
            let open = OpenOptions(try OpenRequest(header, reading: body))
            // Of the kernel's, never of the broker's own generator: knowing a name is the right to use it.
            var kernel = SystemRandomNumberGenerator()
            let entropy = open.name == OpenOptions.unnamed ? (kernel.next(), kernel.next()) : nil
            let opened = broker.open(session: session, open, entropy: entropy, into: &outbox)
            if case .failure(let failure) = opened { outbox.note(failure, session: session) }
            return answer(opened, request) { opened in
                Opened(
                    handle: opened.handle, capacity: opened.capacity, generation: opened.generation,
                    created: opened.created, closed: opened.closed, name: opened.name
                ).encoded(request: request)
            }
        case .closeHandle:
            let handle = try Self.onlyHandle(&reader)
            return done(broker.closeHandle(session: session, handle: handle, into: &outbox), request)
        case .stop:
            let handle = try Self.onlyHandle(&reader)
            return done(broker.stop(session: session, handle: handle, into: &outbox), request)
        case .close:
            let handle = try reader.u32()
            let reason = CloseReason(code: try reader.u32(), text: try reader.string())
            try reader.finish()
            let closed = broker.close(session: session, handle: handle, reason: reason, into: &outbox)
            return answer(closed, request) { SimpleFrame.done(request: request, field: $0 ? 1 : 0) }
        case .remove:
            let name = try Self.onlyName(&reader)
            return done(broker.remove(session: session, name: name, into: &outbox), request)
        case .pause, .resume:
            let name = try Self.onlyName(&reader)
            let isPaused = type == .pause
            return done(broker.setPaused(isPaused, session: session, name: name, into: &outbox), request)
        case .restore:
            let name = try Self.onlyName(&reader)
            let restored = broker.restore(session: session, name: name, into: &outbox)
            return answer(restored, request) {
                SimpleFrame.done(request: request, field: UInt16(clamping: $0))
            }
        case .peek:
            return peek(try PeekRequest(reading: body), request, session: session)
        case .purge:
            let purge = try PurgeRequest(reading: body)
            let purged = broker.purge(
                session: session, name: purge.name, last: purge.last, limit: Self.purgeMessages,
                into: &outbox)
            return answer(purged, request) {
                Purged(count: $0.count, next: $0.next).encoded(request: request)
            }
        case .lease:
            let lease = try LeaseRequest(header, reading: body)
            return done(apply(lease, session: session), request)
        case .inspect:
            let snapshot =
                switch try InspectRequest(header, reading: body) {
                case .handle(let handle): broker.snapshot(session: session, handle: handle)
                case .name(let name): broker.snapshot(session: session, name: name)
                }
            return answer(snapshot, request) { snapshot in
                var writer = WireWriter(.inspected, request: request)
                ChannelStatus(snapshot).write(to: &writer)
                return writer.finish()
            }
        case .list:
            let list = try ListRequest(reading: body)
            let count = min(Int(list.count), Self.pageRecords)
            let (next, page) = broker.list(session: session, from: list.cursor, count: count)
            return Listed(next: next, channels: page.map(ChannelStatus.init)).encoded(request: request)
        case .sessions, .waiting, .measure: return try survey(type, request, body, session: session)
        default:
            let describe = try DescribeRequest(reading: body)
            let parties = broker.parties(
                session: session, name: describe.name, from: describe.cursor, count: Self.pageRecords)
            return answer(parties, request) { next, page in
                Described(next: next, parties: page.map(Party.init)).encoded(request: request)
            }
        }
    }

    private mutating func peek(_ peek: PeekRequest, _ request: UInt64, session: UInt32) -> [UInt8] {
        var page = PeekedWriter(request: request)
        let next = broker.peek(
            session: session, name: peek.name, from: peek.cursor,
            count: min(Int(peek.count), Self.pageRecords), byteCount: Self.pageBytes
        ) { message in
            page.append(
                message.body.bytes, number: message.number, attempts: message.attempts,
                flags: message.flags.rawValue)
        }
        return answer(next, request) { page.finish(next: $0) }
    }

    private mutating func apply(_ lease: LeaseRequest, session: UInt32) -> Failure? {
        switch lease.action {
        case .done, .giveBack:
            broker.finishLease(
                session: session, handle: lease.handle, delivery: lease.delivery,
                givingBack: lease.action == .giveBack, into: &outbox)
        case .extend:
            broker.extendLease(
                session: session, handle: lease.handle, delivery: lease.delivery,
                nanoseconds: lease.nanoseconds, into: &outbox)
        }
    }

    private static func onlyHandle(_ reader: inout WireReader) throws(WireFault) -> UInt32 {
        let handle = try reader.u32()
        try reader.finish()
        return handle
    }

    static func onlyName(_ reader: inout WireReader) throws(WireFault) -> String {
        let name = try reader.string()
        try reader.finish()
        return name
    }

    private func done(_ failure: Failure?, _ request: UInt64) -> [UInt8] {
        failure.map { Failed($0).encoded(request: request) } ?? SimpleFrame.done(request: request)
    }

    func answer<Value>(
        _ result: Result<Value, Failure>, _ request: UInt64, _ encode: (Value) -> [UInt8]
    ) -> [UInt8] {
        switch result {
        case .success(let value): encode(value)
        case .failure(let failure): Failed(failure).encoded(request: request)
        }
    }
}

extension OpenOptions {
    /// The wire's request in the broker's words.
    init(_ request: OpenRequest) {
        self.init(name: request.name, role: ChanCore.Role(rawValue: request.role.rawValue))
        capacity = request.capacity
        typeTag = request.typeTag
        closeWithLastSender = request.closeWithLastSender
        failWithLastReceiver = request.failWithLastReceiver
        maxBytes = request.maxBytes
        mode = request.mode
        owner = request.owner
        group = request.group
        mustCreate = request.mustCreate
        mustExist = request.mustExist
        keep = request.keep
    }
}

extension ChannelStatus {
    /// The broker's snapshot in the wire's words.
    init(_ snapshot: ChannelSnapshot) {
        self.init()
        name = snapshot.name
        generation = snapshot.generation
        capacity = snapshot.capacity
        queued = UInt64(snapshot.queued)
        queuedBytes = UInt64(snapshot.queuedBytes)
        unsettled = UInt64(snapshot.unsettled)
        setAside = UInt64(snapshot.setAside)
        ahead = UInt64(snapshot.ahead)
        leased = UInt64(snapshot.leased)
        accepted = snapshot.accepted
        settled = snapshot.settled
        delivered = snapshot.delivered
        maxBytes = snapshot.maxBytes
        sendWaiters = snapshot.sendWaiters
        receiveWaiters = snapshot.receiveWaiters
        sendHandles = snapshot.sendHandles
        receiveHandles = snapshot.receiveHandles
        owner = snapshot.owner
        group = snapshot.group
        mode = snapshot.mode
        closeReason = snapshot.closeReason.code
        closeText = snapshot.closeReason.text
        typeTag = snapshot.typeTag ?? ""
        if snapshot.isClosed { state.insert(.closed) }
        if snapshot.isPaused { state.insert(.paused) }
        if snapshot.isKept { state.insert(.keep) }
        if snapshot.isRemoved { state.insert(.removed) }
        if snapshot.closesWithLastSender { state.insert(.closeWithLastSender) }
        if snapshot.failsWithLastReceiver { state.insert(.failWithLastReceiver) }
        if snapshot.isSendReady { state.insert(.sendReady) }
        if snapshot.isReceiveReady { state.insert(.receiveReady) }
    }
}

extension Party {
    /// The broker's record in the wire's words.
    init(_ party: ChannelParty) {
        let kind: Kind =
            switch party.kind {
            case .handle: .handle
            case .sendWaiter: .sendWaiter
            case .receiveWaiter: .receiveWaiter
            }
        self.init(
            kind: kind, role: ChanWire.Role(rawValue: party.role.rawValue), inSelect: party.inSelect,
            session: party.session, pid: party.pid, uid: party.uid, request: party.request,
            nanoseconds: party.waited, age: UInt32(clamping: party.age / 1_000_000))
    }
}
