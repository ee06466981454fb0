// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// One frame of a greeted session at a time, from the wire's words to the broker's inputs.
///
/// A fault thrown here ends the session that sent the frame, with GOODBYE, and nothing else.
extension Hub {
    mutating func run(
        _ frame: inout FrameAssembler.Frame, from connection: Connection
    ) throws(WireFault) {
        let header = frame.header
        guard let type = header.type else {
            guard header.rawType & 0x80 == 0, header.flags & FrameHeader.optionalFlag != 0 else {
                throw WireFault(.unknownFrame, "frame type \(header.rawType) is unknown to this version")
            }
            return
        }
        let session = connection.session
        switch type {
        case .send: try send(&frame, session: session)
        case .receive: try receive(header, frame.body, session: session)
        case .settle: try note(.settled, of: frame.body, session: session)
        case .giveBack:
            let seen = header.flags & GiveBackFlags.seen != 0
            try note(.returned(seen: seen), of: frame.body, session: session)
        case .deadLetter: try giveUp(DeadLetter(reading: frame.body), session: session)
        case .select: try select(header, frame.body, session: session)
        case .cancel:
            try WireReader(frame.body).finish()
            if isMonitor(header.request, session: session) {
                cancelMonitor(header.request, session: session)
            } else {
                broker.cancel(session: session, request: header.request, into: &outbox)
                // Who withdraws waits for an answer, which may be kept.
                outbox.touch(connection)
            }
        case .ping:
            try checkRequest(header, session: session)
            var writer = WireWriter(.pong, request: header.request)
            writer.raw(frame.body)
            outbox.append(writer.finish(), to: connection)
        case .leave: throw WireFault(.done, "")
        case .hello: throw WireFault(.outOfState, "HELLO after the handshake")
        case .receipt: try note(.received, of: frame.body, session: session)
        case .wait: try wait(header, frame.body, session: session)
        case .monitor:
            countInspection(of: connection)
            try monitor(header, frame.body, from: connection)
        case .open, .closeHandle, .close, .remove, .stop, .inspect, .list, .describe, .pause, .resume,
            .restore, .lease, .peek, .purge, .sessions, .waiting, .measure:
            try checkRequest(header, session: session)
            if Self.inspections.contains(type) { countInspection(of: connection) }
            let answer = try administer(type, header, frame.body, session: session)
            outbox.append(answer, to: connection)
        case .control:
            let control = try ControlRequest(header, reading: frame.body)
            try command(.change(control), header, from: connection)
        case .daemonStatus:
            try WireReader(frame.body).finish()
            try command(.status, header, from: connection)
        case .welcome, .goodbye, .opened, .done, .sent, .received, .selected, .failed, .won, .inspected,
            .listed,
            .described, .pong, .waited, .daemonState, .peeked, .purged, .sessionsListed, .waitingListed,
            .measured, .events:
            throw WireFault(.outOfState, "a client does not send \(type)")
        }
    }

    /// What looks at more than one thing.
    private static let inspections: Set<FrameType> = [
        .list, .describe, .peek, .purge, .sessions, .waiting, .measure,
    ]

    func checkRequest(_ header: FrameHeader, session: UInt32) throws(WireFault) {
        guard header.request != 0 else { throw WireFault(.malformed, "request id 0 names no operation") }
        guard !broker.isUnderWay(session: session, request: header.request),
            !isMonitor(header.request, session: session)
        else {
            throw WireFault(.requestInUse, "request id \(header.request) belongs to an operation under way")
        }
    }

    /// What concerns the daemon itself is for administrators, whichever socket they come through.
    private mutating func command(
        _ control: Control, _ header: FrameHeader, from connection: Connection
    ) throws(WireFault) {
        try checkRequest(header, session: connection.session)
        guard broker.isAdministrator(session: connection.session) else {
            let failure = Failure(.notPermitted, text: "only an administrator controls the daemon")
            outbox.failed(session: connection.session, request: header.request, failure: failure)
            return
        }
        controls.append((connection, header.request, control))
    }

    private mutating func send(
        _ frame: inout FrameAssembler.Frame, session: UInt32
    ) throws(WireFault) {
        let request = frame.header.request
        var send = try SendRequest(reading: frame.body, flags: frame.header.flags)
        let (longest, bytes) = try send.validate()
        try checkRequest(frame.header, session: session)
        let count = Int(send.count)
        guard longest <= maxMessageBytes else {
            outbox.append(tooLarge(longest).encoded(request: request), session: session)
            return
        }
        guard
            var chain = admit(
                session: session, request: request, handle: send.handle, count: count, byteCount: bytes)
        else { return }
        if count == 1, longest >= FrameAssembler.directBodyBytes, let storage = frame.takeStorage() {
            let body = MessageBody(taking: storage, bytes: try send.next())
            broker.append(body, byteCount: longest, to: &chain, session: session)
            guard pass(send.listed, with: chain, request, session: session) else { return }
        } else {
            for _ in 0..<count {
                let message = try send.next()
                let body = MessageBody(copying: message, in: outbox.bodies)
                broker.append(body, byteCount: message.count, to: &chain, session: session)
                guard pass(send.listed, with: chain, request, session: session) else { return }
            }
        }
        if frame.header.flags & SendRequest.laterFlag != 0 { outbox.later = (session, request) }
        broker.send(
            session: session, request: request, handle: send.handle, chain: chain, timeout: send.timeout,
            confirm: Confirm(frame.header), into: &outbox)
        outbox.later = nil
    }

    /// A chain for so many messages; nil where they are too many, and the request has failed.
    private mutating func admit(
        session: UInt32, request: UInt64, handle: UInt32, count: Int, byteCount: Int
    ) -> MessageChain? {
        switch broker.admit(session: session, handle: handle, count: count, byteCount: byteCount) {
        case .success(let chain): return chain
        case .failure(let failure):
            outbox.failed(session: session, request: request, failure: failure)
            return nil
        }
    }

    /// Has the last message of a chain pass channels; where it may not, the request has failed and the chain is gone.
    private mutating func pass(
        _ listed: [ListedChannel], with chain: MessageChain, _ request: UInt64, session: UInt32
    ) -> Bool {
        guard !listed.isEmpty else { return true }
        let listings = listed.map {
            Listing(handle: $0.handle, role: ChanCore.Role(rawValue: $0.role.rawValue))
        }
        guard let failure = broker.pass(listings, with: chain, session: session) else { return true }
        broker.discard(chain, into: &outbox)
        outbox.failed(session: session, request: request, failure: failure)
        return false
    }

    private func tooLarge(_ longest: Int) -> Failed {
        Failed(
            .messageTooLarge,
            text: "a message of \(longest) bytes is over the limit message_bytes of \(maxMessageBytes)")
    }

    private mutating func receive(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer, session: UInt32
    ) throws(WireFault) {
        let receive = try ReceiveRequest(header, reading: body)
        try checkRequest(header, session: session)
        broker.receive(
            session: session, request: header.request, handle: receive.handle, count: receive.count,
            timeout: receive.timeout, untilDrained: receive.untilDrained,
            terms: receive.lease.map { LeaseTerms($0) }, ahead: receive.ahead, into: &outbox)
    }

    /// What SETTLE, GIVE_BACK and RECEIPT say of deliveries.
    private enum DeliveryWord {
        case settled
        case returned(seen: Bool)
        case received
    }

    /// A frame of ranges, to the end of its body.
    private mutating func note(
        _ word: DeliveryWord, of body: UnsafeRawBufferPointer, session: UInt32
    ) throws(WireFault) {
        // Of several, each is checked before any has an effect. After that a closed handle goes with the last of its deliveries;
        // what is said of it then is of what is over.
        let areChecked = body.count > DeliveryRange.byteCount
        if areChecked { try checkRanges(body, session: session) }
        var reader = WireReader(body)
        var pending = PendingChannels()
        while reader.remaining > 0 {
            let range = try DeliveryRange(reading: &reader)
            count(range)
            let isKnown = note(word, range, session: session, pending: &pending)
            guard isKnown || areChecked else { throw neverMade(range) }
        }
        broker.proceed(on: pending, into: &outbox)
    }

    private mutating func note(
        _ word: DeliveryWord, _ range: DeliveryRange, session: UInt32, pending: inout PendingChannels
    ) -> Bool {
        switch word {
        case .settled:
            broker.settle(
                session: session, handle: range.handle, first: range.first, count: range.count,
                pending: &pending, into: &outbox)
        case .returned(let seen):
            broker.giveBack(
                session: session, handle: range.handle, first: range.first, count: range.count, seen: seen,
                pending: &pending, into: &outbox)
        case .received:
            broker.receipt(
                session: session, handle: range.handle, first: range.first, count: range.count,
                pending: &pending, into: &outbox)
        }
    }

    /// Counts the deliveries of a range as work of the turn: each is looked at, whether there is anything to do or not, and one
    /// frame may name a million.
    private mutating func count(_ range: DeliveryRange) {
        framesRun &+= Int(range.count) / Self.deliveriesOfAFrame
    }

    /// How many deliveries take about as long to look at as a frame to run.
    private static let deliveriesOfAFrame = 256

    /// Checks all ranges of a frame before any has an effect: each names deliveries that were made before the frame came, no
    /// two the same, so that what they cost is bounded by what there is.
    private func checkRanges(_ body: UnsafeRawBufferPointer, session: UInt32) throws(WireFault) {
        try DeliveryRange.checkDisjoint(body)
        var reader = WireReader(body)
        while reader.remaining > 0 {
            let range = try DeliveryRange(reading: &reader)
            let known = broker.wereDelivered(
                session: session, handle: range.handle, first: range.first, count: range.count)
            guard known else { throw neverMade(range) }
        }
    }

    private mutating func giveUp(_ letter: DeadLetter, session: UInt32) throws(WireFault) {
        let isKnown = broker.giveUp(
            session: session, handle: letter.handle, delivery: letter.delivery, deadLetter: letter.target,
            into: &outbox)
        guard isKnown else {
            throw neverMade(DeliveryRange(handle: letter.handle, first: letter.delivery, count: 1))
        }
    }

    private mutating func wait(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer, session: UInt32
    ) throws(WireFault) {
        let wait = try WaitRequest(header, reading: body)
        try checkRequest(header, session: session)
        let condition = WaitCondition(wait)
        switch wait.subject {
        case .handle(let handle):
            broker.wait(
                session: session, request: header.request, handle: handle, until: condition,
                timeout: wait.timeout, into: &outbox)
        case .name(let name):
            broker.wait(
                session: session, request: header.request, name: name, until: condition,
                timeout: wait.timeout, into: &outbox)
        }
    }

    private func neverMade(_ range: DeliveryRange) -> WireFault {
        WireFault(.malformed, "deliveries \(range.first) and on of handle \(range.handle) were never made")
    }

    private mutating func select(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer, session: UInt32
    ) throws(WireFault) {
        var scan = try SelectRequest(header, reading: body)
        var longest = 0
        for _ in 0..<scan.count {
            let candidate = try scan.next()
            guard candidate.kind == .send else { continue }
            longest = max(longest, candidate.message.count)
        }
        try scan.finish()
        try checkRequest(header, session: session)
        guard scan.count <= limits.selectCases else {
            let text = "\(scan.count) cases are over the limit select_cases of \(limits.selectCases)"
            let failure = Failure(.quotaExceeded, text: text)
            outbox.failed(session: session, request: header.request, failure: failure)
            return
        }
        guard longest <= maxMessageBytes else {
            outbox.append(tooLarge(longest).encoded(request: header.request), session: session)
            return
        }
        var request = try SelectRequest(header, reading: body)
        var cases: [ChanCore.SelectCase] = []
        cases.reserveCapacity(request.count)
        for _ in 0..<request.count {
            let candidate = try request.next()
            switch candidate.kind {
            case .never: cases.append(SelectCase(.never))
            case .receive:
                cases.append(
                    SelectCase(.receive, handle: candidate.handle, untilDrained: candidate.untilDrained))
            case .send:
                guard let chain = try self.chain(of: candidate, header.request, session: session) else {
                    for made in cases { broker.discard(made.chain, into: &outbox) }
                    return
                }
                cases.append(SelectCase(.send, handle: candidate.handle, chain: chain))
            }
        }
        broker.select(
            session: session, request: header.request, cases: cases, ordered: request.ordered,
            timeout: request.timeout, limit: request.limit, into: &outbox)
    }

    /// The message of a send case; nil where it may not be sent, and the request has failed.
    private mutating func chain(
        of candidate: ChanWire.SelectCase, _ request: UInt64, session: UInt32
    ) throws(WireFault) -> MessageChain? {
        guard
            var chain = admit(
                session: session, request: request, handle: candidate.handle, count: 1,
                byteCount: candidate.message.count)
        else { return nil }
        let body = MessageBody(copying: candidate.message, in: outbox.bodies)
        broker.append(body, byteCount: candidate.message.count, to: &chain, session: session)
        return pass(candidate.listed, with: chain, request, session: session) ? chain : nil
    }
}

extension Confirm {
    /// What the flags of a SEND frame ask for; settlement includes receipt.
    init?(_ header: FrameHeader) {
        if header.flags & SendRequest.confirmSettlementFlag != 0 {
            self = .settlement
        } else if header.flags & SendRequest.confirmReceiptFlag != 0 {
            self = .receipt
        } else {
            return nil
        }
    }
}

extension WaitCondition {
    /// The wire's condition in the broker's words.
    init(_ wait: WaitRequest) {
        self =
            switch wait.condition {
            case .closed: .closed
            case .drained: .drained
            case .empty: .empty
            case .receivers: .receivers(wait.count)
            case .senders: .senders(wait.count)
            case .queued: .queued(wait.count)
            }
    }
}

extension LeaseTerms {
    /// The wire's terms in the broker's words.
    init(_ lease: WireLease) {
        self.init(
            nanoseconds: lease.nanoseconds, attemptLimit: lease.attemptLimit, deadLetter: lease.deadLetter)
    }
}
