// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire

/// Requests about who is there, what waits, and how long messages took.
extension Hub {
    mutating func survey(
        _ type: FrameType, _ request: UInt64, _ body: UnsafeRawBufferPointer, session: UInt32
    ) throws(WireFault) -> [UInt8] {
        if type == .measure {
            var reader = WireReader(body)
            let name = try Self.onlyName(&reader)
            let delays =
                name.isEmpty
                ? .success(broker.delays(session: session)) : broker.delays(session: session, name: name)
            return answer(delays, request) { Measured($0).encoded(request: request) }
        }
        let list = try ListRequest(reading: body)
        let count = min(Int(list.count), Self.pageRecords)
        if type == .sessions {
            let (next, page) = broker.listSessions(session: session, from: list.cursor, count: count)
            return SessionsListed(next: next, sessions: page.map(SessionRecord.init))
                .encoded(request: request)
        }
        let (next, page) = broker.listWaiting(session: session, from: list.cursor, count: count)
        return WaitingListed(next: next, waiting: page.map(WaitingRecord.init)).encoded(request: request)
    }
}

extension SessionRecord {
    /// The broker's snapshot in the wire's words.
    init(_ snapshot: SessionSnapshot) {
        self.init()
        session = snapshot.id
        pid = snapshot.pid
        uid = snapshot.uid
        gid = snapshot.gid
        handles = snapshot.handles
        waiters = snapshot.waiters
        unsettled = snapshot.unsettled
        age = snapshot.age
    }
}

extension WaitingRecord {
    /// The broker's record in the wire's words.
    init(_ waiting: WaitingCase) {
        self.init()
        session = waiting.session
        request = waiting.request
        pid = waiting.pid
        uid = waiting.uid
        age = waiting.age
        waited = waiting.waited
        left = waiting.left.map { Int64(clamping: $0) } ?? -1
        caseIndex = waiting.caseIndex
        cases = UInt16(clamping: waiting.cases)
        kind =
            switch waiting.kind {
            case .send: .send
            case .receive: .receive
            case .state: .state
            case .confirmation: .confirmation
            case .nothing: .nothing
            }
        if waiting.inSelect { flags.insert(.select) }
        if waiting.readsAhead { flags.insert(.ahead) }
        channel = waiting.channel
    }
}

extension Measured {
    /// The broker's answer in the wire's words.
    init(_ delays: Delays) {
        self.init(
            delivered: delays.delivered, nanoseconds: delays.nanoseconds,
            buckets: delays.buckets.map { Bucket(below: $0.below, count: $0.count) })
    }
}
