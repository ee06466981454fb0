// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanWire

/// Frames of every kind, small and large, as they may follow each other in a stream.
enum Corpus {
    /// Over 200 small frames, every kind at least three times, in a fixed order.
    static let small: [[UInt8]] = {
        var random = SeededRandom(seed: 1)
        var frames: [[UInt8]] = []
        for round in 0..<7 { frames += this(round, &random) }
        return frames
    }()

    /// Frames around every size at which the assembler changes its way, up to a message of 1 MiB.
    static let large: [[UInt8]] = {
        var random = SeededRandom(seed: 2)
        let edge = FrameAssembler.directBodyBytes
        let sizes = [edge - 64, edge - 17, edge - 16, edge - 1, edge, edge + 1, 65_536, 1 << 20]
        return sizes.map { Frames.frame(.ping, request: UInt64($0), body: bytes($0, &random)) }
            + [Frames.send(request: 9, handle: 1, [bytes(1 << 20, &random)])]
            + [Frames.received(request: 9, handle: 1, first: 1, [.init(bytes: bytes(1 << 20, &random))])]
    }()

    static func bytes(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
        let start = random.below(256)
        return (0..<count).map { UInt8(truncatingIfNeeded: start &+ $0 &* 31 ^ ($0 >> 8)) }
    }

    private static let texts = [
        "", "a", "jobs", "näme/Größe", "日本語", "\u{1F4E8}", String(repeating: "x", count: 40),
    ]

    /// One frame of every kind, its contents depending on `round`; round 0 has nothing but empty values.
    private static func this(_ round: Int, _ random: inout SeededRandom) -> [[UInt8]] {
        let request = round == 0 ? 0 : random.next()
        let handle = UInt32(truncatingIfNeeded: round == 0 ? 0 : random.next())
        let text = texts[round]
        let timeout: Int64 = [0, -1, 1, .max, .min, 1_000_000, -2][round]
        let message = bytes(round, &random)
        let cases = [(SelectCase.Kind.never, UInt32(0), false, [UInt8]()), (.receive, handle, true, [])]
        let sendCase = [(SelectCase.Kind.send, handle, false, message)]
        let repeated = Array(repeating: message, count: round + 1)
        var receive = ReceiveRequest(handle: handle, count: handle | 1, timeout: timeout)
        receive.untilDrained = round % 2 == 1
        receive.ahead = round % 3 == 1
        let settled = (0..<round).map { DeliveryRange(handle: handle, first: request, count: UInt32($0)) }
        let returned = (0..<round).map { DeliveryRange(handle: handle, first: UInt64($0), count: .max) }
        let asked: [[UInt8]] = [
            Hello(features: Features(rawValue: request), clientName: text).encoded(),
            SimpleFrame.leave(),
            open(round, text).encoded(request: request),
            SimpleFrame.handle(.closeHandle, request: request, handle: handle),
            Frames.send(request: request, handle: handle, timeout: timeout, [message]),
            Frames.send(request: request, handle: handle, repeated),
            Frames.receive(request: request, receive),
            Frames.select(
                request: request, timeout: timeout, ordered: round % 2 == 0,
                Array((cases + sendCase).prefix(round))),
            Frames.select(
                request: request, timeout: timeout, ordered: round % 3 == 0, limit: handle | 2,
                Array(cases.prefix(round))),
            SimpleFrame.cancel(request: request),
            Frames.settle(.settle, settled),
            Frames.settle(.giveBack, flags: UInt8(round % 2), returned),
            SimpleFrame.close(request: request, handle: handle, reason: handle, text: text),
            SimpleFrame.name(.remove, request: request, name: text),
            SimpleFrame.handle(.stop, request: request, handle: handle),
            InspectRequest.handle(handle).encoded(request: request),
            InspectRequest.name(text).encoded(request: request),
            ListRequest(cursor: request, count: handle).encoded(request: request),
            DescribeRequest(name: text, cursor: request).encoded(request: request),
            SimpleFrame.ping(request: request, payload: message),
            ControlRequest.reload.encoded(request: request), ControlRequest.stop.encoded(request: request),
            ControlRequest.logLevel(text).encoded(request: request),
            SimpleFrame.daemonStatus(request: request),
        ]
        return asked + passing(round, request, handle, text, message)
            + leases(round, request, handle, text, message)
            + answers(round, request, handle, text, message)
    }

    /// What rules 19, 20 and 29 add to what a client asks for.
    private static func leases(
        _ round: Int, _ request: UInt64, _ handle: UInt32, _ text: String, _ message: [UInt8]
    ) -> [[UInt8]] {
        var leased = ReceiveRequest(handle: handle, timeout: Int64(round))
        leased.untilDrained = round % 2 == 1
        leased.ahead = round % 4 == 2
        leased.lease = WireLease(
            nanoseconds: request, attemptLimit: UInt16(truncatingIfNeeded: handle), deadLetter: text)
        let actions: [LeaseRequest.Action] = [.done, .giveBack, .extend]
        let received = (0..<round).map { DeliveryRange(handle: handle, first: UInt64($0), count: 1) }
        return [
            Frames.send(request: request, handle: handle, flags: UInt8(round % 4), [message]),
            Frames.receive(request: request, leased),
            LeaseRequest(actions[round % 3], handle: handle, delivery: request, nanoseconds: request)
                .encoded(request: request),
            Frames.settle(.receipt, received),
            DeadLetter(handle: handle, delivery: request, target: text).encoded(),
            SimpleFrame.name(.pause, request: request, name: text),
            SimpleFrame.name(.resume, request: request, name: text),
            SimpleFrame.name(.restore, request: request, name: text),
            PeekRequest(name: text, cursor: request, count: handle).encoded(request: request),
            PurgeRequest(name: text, last: request).encoded(request: request),
            Purged(count: handle, next: request).encoded(request: request),
            message.withUnsafeBytes { bytes in
                let one = PeekedMessage(
                    number: request, attempts: UInt16(round), flags: UInt8(round), bytes: bytes)
                return Frames.peeked(request: request, next: request, Array(repeating: one, count: round))
            },
        ]
    }

    private static func daemonState(_ round: Int, _ text: String) -> DaemonState {
        var state = DaemonState()
        (state.pid, state.sessions, state.channels) = (UInt32(round), UInt32(round + 1), UInt64(round + 2))
        (state.messages, state.accepted, state.waiting) = (UInt64(round + 3), .max, UInt64(round + 4))
        (state.longestWait, state.uptime) = (UInt64(round + 5), .max)
        (state.logLevel, state.configuration, state.reloadFailure) = (text, "/etc", text)
        return state
    }

    /// What rule 26 adds to sends, selects and deliveries.
    private static func passing(
        _ round: Int, _ request: UInt64, _ handle: UInt32, _ text: String, _ message: [UInt8]
    ) -> [[UInt8]] {
        let listed = (0...round).map { count in
            (0..<count).map { ListedChannel(handle: UInt32($0), role: Role(rawValue: UInt8($0 % 3 + 1))) }
        }
        let offered = (0..<round).map {
            OfferedChannel(
                handle: handle, role: .both, capacity: Int64($0), generation: request, name: text,
                typeTag: text)
        }
        let subject: WaitRequest.Subject = round % 2 == 0 ? .handle(handle) : .name(text)
        let sends = [(SelectCase.Kind.receive, handle, true, []), (.send, handle, false, message)]
        return [
            Frames.send(
                request: request, handle: handle, Array(repeating: message, count: round + 1), listed: listed),
            WaitRequest(
                WaitRequest.Condition.allCases[round % 6], count: request, on: subject, timeout: Int64(round)
            ).encoded(request: request),
            Waited(reason: handle, text: text).encoded(request: request),
            Frames.select(
                request: request, timeout: 0, Array(sends.prefix(round)),
                listed: [[], round > 1 ? listed[round] : []]),
            Frames.received(
                request: request, handle: handle, first: request,
                [
                    Frames.Message(bytes: message),
                    Frames.Message(bytes: message, flags: Received.passesFlag | 1, offered: offered),
                ]),
        ]
    }

    private static func answers(
        _ round: Int, _ request: UInt64, _ handle: UInt32, _ text: String, _ message: [UInt8]
    ) -> [[UInt8]] {
        let codes = FailureCode.allCases
        let ends = GoodbyeCode.allCases
        let kinds: [Party.Kind] = [.handle, .sendWaiter, .receiveWaiter]
        let parties = (0..<round).map { (index: Int) -> Party in
            let role = Role(rawValue: UInt8(index % 4))
            return Party(
                kind: kinds[index % 3], role: role, inSelect: index % 2 == 1, session: request, pid: handle,
                uid: UInt32(index), request: UInt64(index), nanoseconds: request, age: handle)
        }
        let welcome = Welcome(
            maxBodyBytes: handle, instance: request, session: UInt64(round), maxMessageBytes: 1,
            maxSelectCases: 2, maxWaiters: 3, maxHandles: 4, uid: handle, daemonName: text)
        let opened = Opened(
            handle: handle, capacity: Int64(round) - 2, generation: request, created: round % 2 == 1,
            closed: round % 3 == 1, name: text)
        let messages = (0...round).map { (index: Int) -> Frames.Message in
            Frames.Message(
                bytes: index == 0 ? [] : message, attempts: UInt16(index), flags: UInt8(index * 3 % 16))
        }
        let failed = Failed(
            codes[(round * 2) % codes.count], caseIndex: round == 0 ? Failed.noCase : UInt32(round),
            accepted: handle, reason: handle, text: text)
        let statuses = (0..<round).map { status($0, text) }
        return [
            welcome.encoded(),
            Goodbye(ends[round % ends.count], text).encoded(),
            opened.encoded(request: request),
            SimpleFrame.done(request: request, field: UInt16(round % 2)),
            daemonState(round, text).encoded(request: request),
            Frames.sent(request: request, count: UInt32(round)),
            Frames.received(
                request: request, caseIndex: UInt16(round), closed: round % 2 == 1, more: round % 3 == 1,
                handle: handle, first: request, messages),
            Frames.won(
                request: request, more: round % 3 == 1,
                messages.enumerated().map { index, message in
                    Frames.Winner(
                        caseIndex: UInt16(index), closed: index % 2 == 1, handle: handle,
                        delivery: request + UInt64(index), message)
                }),
            SimpleFrame.selected(request: request, caseIndex: UInt16(round)),
            failed.encoded(request: request),
            Failed(codes[(round * 2 + 1) % codes.count]).encoded(request: request),
            Frames.inspected(request: request, status(round, text)),
            Listed(next: request, channels: statuses).encoded(request: request),
            Described(next: request, parties: parties).encoded(request: request),
            Frames.frame(.pong, request: request, body: message),
        ] + surveys(round, request, handle, text)
    }

    private static func surveys(
        _ round: Int, _ request: UInt64, _ handle: UInt32, _ text: String
    ) -> [[UInt8]] {
        let kinds: [WaitingRecord.Kind] = [.send, .receive, .state, .confirmation, .nothing]
        let sessions = (0..<round).map { (index: Int) -> SessionRecord in
            var record = SessionRecord()
            (record.session, record.pid, record.uid, record.gid) = (request, handle, UInt32(index), 7)
            (record.handles, record.waiters, record.unsettled, record.age) = (8, 9, UInt64(index) << 33, .max)
            return record
        }
        let waiting = (0..<round).map { (index: Int) -> WaitingRecord in
            var record = WaitingRecord()
            (record.session, record.request, record.pid, record.uid) = (1, request, handle, UInt32(index))
            (record.age, record.waited, record.left) = (.max, UInt64(index) << 40, Int64(index) - 1)
            (record.caseIndex, record.cases) = (UInt16(index), .max)
            record.kind = kinds[index % 5]
            record.flags = WaitingRecord.Flags(rawValue: UInt8(index % 4))
            record.channel = text
            return record
        }
        let buckets = (0..<round).map { Measured.Bucket(below: 1536 << UInt64($0), count: UInt64($0)) }
        let events = (0..<round).map { (index: Int) -> EventRecord in
            var record = EventRecord(EventRecord.Kind.allCases[index % EventRecord.Kind.allCases.count])
            (record.time, record.since, record.session) = (request, .max, UInt64(index) << 33)
            (record.pid, record.uid, record.count) = (handle, UInt32(index), .max)
            record.channel = text
            return record
        }
        return [
            SimpleFrame.name(.monitor, request: request, name: text),
            Events(dropped: request, events: events).encoded(request: request),
            ListRequest(cursor: request, count: handle).encoded(.sessions, request: request),
            ListRequest(cursor: request, count: handle).encoded(.waiting, request: request),
            SimpleFrame.name(.measure, request: request, name: text),
            SessionsListed(next: request, sessions: sessions).encoded(request: request),
            WaitingListed(next: request, waiting: waiting).encoded(request: request),
            Measured(delivered: request, nanoseconds: .max, buckets: buckets).encoded(request: request),
        ]
    }

    private static func open(_ round: Int, _ text: String) -> OpenRequest {
        var open = OpenRequest(name: text, role: Role(rawValue: UInt8(round % 3 + 1)))
        if round & 1 != 0 { open.capacity = Int64(round) - 2 }
        if round & 2 != 0 { open.typeTag = text }
        if round & 4 != 0 { open.closeWithLastSender = round == 5 }
        if round & 3 == 3 { open.failWithLastReceiver = true }
        if round & 3 == 1 { open.maxBytes = UInt64(round) << 20 }
        if round & 5 == 5 { open.mode = 0o640 }
        if round & 6 == 6 { open.owner = 1000 }
        if round == 4 { open.group = .max }
        open.mustCreate = round % 2 == 1
        open.mustExist = round % 3 == 2
        open.keep = round > 3
        return open
    }

    static func status(_ round: Int, _ text: String) -> ChannelStatus {
        var status = ChannelStatus()
        let number = UInt64(round)
        status.name = text
        status.generation = number << 40
        status.capacity = Int64(round) - 2
        status.queued = number + 1
        status.queuedBytes = number + 2
        status.unsettled = number + 3
        status.setAside = number << 32 | 17
        status.ahead = number << 33 | 18
        status.leased = number << 34 | 19
        status.accepted = number + 4
        status.settled = number + 5
        status.delivered = number << 35 | 20
        status.maxBytes = number << 36 | 21
        status.sendWaiters = UInt32(round + 6)
        status.receiveWaiters = UInt32(round + 7)
        status.sendHandles = UInt32(round + 8)
        status.receiveHandles = UInt32(round + 9)
        status.owner = UInt32(round + 10)
        status.group = UInt32(round + 11)
        status.mode = UInt16(round + 12)
        status.state = ChannelStatus.State(rawValue: UInt16(1 << round))
        status.closeReason = UInt32(round + 13)
        status.closeText = text + "!"
        status.typeTag = text + "?"
        return status
    }
}
