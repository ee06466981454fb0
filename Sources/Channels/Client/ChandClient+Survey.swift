// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Who is there, what waits, and how long messages took: of one's own without any right, of all for administrators.
///
/// All these suspend until the daemon has answered, page by page, and throw ``ChandError``.
extension ChandClient {
    /// The sessions of this user; for an administrator everybody's.
    public func sessions() async throws -> [SessionStatus] {
        try await pages(.sessions) { frame throws(WireFault) in
            try frame.expect(.sessionsListed)
            let listed = try SessionsListed(reading: frame.body)
            return (listed.next, listed.sessions.map(SessionStatus.init))
        }
    }

    /// What the operations of these sessions wait for, one element for each case of a select.
    public func waitingOperations() async throws -> [WaitingOperation] {
        try await pages(.waiting) { frame throws(WireFault) in
            try frame.expect(.waitingListed)
            let listed = try WaitingListed(reading: frame.body)
            return (listed.next, listed.waiting.map(WaitingOperation.init))
        }
    }

    /// How long messages took from their arrival at the daemon until they were delivered.
    ///
    /// - Parameter name: a channel; nil for all of this user, of an administrator for all there are.
    public func deliveryTimes(_ name: String? = nil) async throws -> DeliveryTimes {
        try await loop.request(
            channel: name, encode: { SimpleFrame.name(.measure, request: $0, name: name ?? "") },
            decode: { frame throws(WireFault) in
                try frame.expect(.measured)
                return DeliveryTimes(try Measured(reading: frame.body))
            })
    }

    private func pages<Record: Sendable>(
        _ type: FrameType, _ read: @escaping (AnswerFrame) throws(WireFault) -> (next: UInt64, [Record])
    ) async throws -> [Record] {
        var records: [Record] = []
        var cursor: UInt64 = 0
        repeat {
            let request = ListRequest(cursor: cursor)
            let page = try await loop.request(
                channel: nil, encode: { request.encoded(type, request: $0) }, decode: read)
            records += page.1
            cursor = page.next
        } while cursor != 0
        return records
    }
}

/// A session with the daemon, at one instant.
public struct SessionStatus: Hashable, Sendable {
    /// Its number, unique in this life of the daemon.
    public let session: UInt64
    /// The process that connected, as the kernel says.
    public let process: Int32
    /// Its user.
    public let user: UInt32
    /// Its group.
    public let group: UInt32
    /// Channels that it has open.
    public let handles: Int
    /// Messages that it has received and not settled.
    public let unsettled: Int
    /// Its operations that wait, each case of a select counted.
    public let waiting: Int
    /// How long ago it began: a process that is younger is another one with the same number.
    public let age: Duration

    init(_ record: SessionRecord) {
        session = record.session
        process = Int32(bitPattern: record.pid)
        user = record.uid
        group = record.gid
        handles = Int(record.handles)
        unsettled = Int(clamping: record.unsettled)
        waiting = Int(record.waiters)
        age = .nanoseconds(Int64(clamping: record.age))
    }
}

/// An operation that waits, or one case of a select, at one instant.
public struct WaitingOperation: Hashable, Sendable {
    /// What is waited for.
    public enum Kind: Hashable, Sendable {
        /// To send.
        case send
        /// To receive.
        case receive
        /// For a channel's state.
        case state
        /// For the receipt or settlement of what was sent.
        case confirmation
        /// For nothing that could come: a select without a channel.
        case nothing
    }
    /// What is waited for.
    public let kind: Kind
    /// The channel; nil where there is none, or none any more.
    public let channel: String?
    /// The session's number.
    public let session: UInt64
    /// Tells the operations of a session apart.
    public let request: UInt64
    /// The process that connected, as the kernel says.
    public let process: Int32
    /// Its user.
    public let user: UInt32
    /// How long ago the session began: a process that is younger is another one with the same number.
    public let sessionAge: Duration
    /// For how long it has waited.
    public let waited: Duration
    /// For how long it goes on at most; nil for ever.
    public let timeLeft: Duration?
    /// Whether it is a case of a select.
    public let isInSelect: Bool
    /// Which case.
    public let caseIndex: Int
    /// How many cases the select has that wait.
    public let cases: Int
    /// Whether it is a receive that reads ahead.
    public let readsAhead: Bool

    init(_ record: WaitingRecord) {
        kind =
            switch record.kind {
            case .send: .send
            case .receive: .receive
            case .state: .state
            case .confirmation: .confirmation
            case .nothing: .nothing
            }
        channel = record.channel.isEmpty ? nil : record.channel
        session = record.session
        request = record.request
        process = Int32(bitPattern: record.pid)
        user = record.uid
        sessionAge = .nanoseconds(Int64(clamping: record.age))
        waited = .nanoseconds(Int64(clamping: record.waited))
        timeLeft = record.left < 0 ? nil : .nanoseconds(record.left)
        isInSelect = record.flags.contains(.select)
        caseIndex = Int(record.caseIndex)
        cases = Int(record.cases)
        readsAhead = record.flags.contains(.ahead)
    }
}

/// How long messages took from their arrival at the daemon until they were delivered.
///
/// Measured in the daemon's turns: what is delivered in the turn in which it arrived took no time.
public struct DeliveryTimes: Hashable, Sendable {
    /// Deliveries of a range of times.
    public struct Bucket: Hashable, Sendable {
        /// Above all times in it, and at most one and a half times the lowest; nil for the last, which has no bound.
        public let bound: Duration?
        /// How many.
        public let count: UInt64
    }
    /// Deliveries in all.
    public let delivered: UInt64
    /// All their times together.
    public let total: Duration
    /// Those that have any, in ascending order.
    public let buckets: [Bucket]

    private init(delivered: UInt64, total: Duration, buckets: [Bucket]) {
        self.delivered = delivered
        self.total = total
        self.buckets = buckets
    }

    init(_ measured: Measured) {
        delivered = measured.delivered
        total = .nanoseconds(Int64(clamping: measured.nanoseconds))
        buckets = measured.buckets.map {
            Bucket(bound: $0.below == .max ? nil : .nanoseconds(Int64(clamping: $0.below)), count: $0.count)
        }
    }

    /// What came since an earlier measurement of the same channels; everything where the channel is another one by now.
    public func since(_ earlier: DeliveryTimes) -> DeliveryTimes {
        guard delivered >= earlier.delivered, total >= earlier.total else { return self }
        // A daemon may say a bound twice, which an honest one does not.
        let before = Dictionary(earlier.buckets.map { ($0.bound, $0.count) }, uniquingKeysWith: &+)
        return DeliveryTimes(
            delivered: delivered &- earlier.delivered, total: total - earlier.total,
            buckets: buckets.compactMap {
                let count = $0.count &- (before[$0.bound] ?? 0)
                return count == 0 ? nil : Bucket(bound: $0.bound, count: count)
            })
    }

    /// What a share of the deliveries stayed below; nil without deliveries, and beyond the last bound.
    ///
    /// - Parameter percent: up to 100.
    public func percentile(_ percent: Double) -> Duration? {
        let wanted = percent / 100 * Double(buckets.reduce(0) { $0 &+ $1.count })
        var seen: UInt64 = 0
        for bucket in buckets {
            seen &+= bucket.count
            if Double(seen) >= wanted { return bucket.bound }
        }
        return nil
    }
}
