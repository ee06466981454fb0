// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// What names an operation.
struct RequestKey: Hashable, Sendable {
    var session: UInt32
    var request: UInt64

    init(_ session: UInt32, _ request: UInt64) {
        self.session = session
        self.request = request
    }
}

struct ModelMessage: Hashable, Sendable {
    var body: UInt64
    var byteCount: Int
    var uid: UInt32
    /// Whose channel it was sent to, if that is another's (rule 27).
    var holder: UInt32?
    var acceptance: UInt64 = 0
    var attempts: UInt16 = 0
    var redelivered = false
    /// The credit by which it was sent ahead, as long as it is not handed over (rule 21).
    var credit: UInt64?
}

struct ModelCase: Hashable, Sendable {
    var index: UInt16
    var isSend: Bool
    var handle: UInt32
    var channel: UInt64
    var untilDrained: Bool
    /// What a send still has to commit.
    var messages: [ModelMessage]
}

struct ModelOperation: Hashable, Sendable {
    var key: RequestKey
    var cases: [ModelCase]
    var isSelect: Bool
    /// The most messages that a receive takes.
    var limit: Int
    /// Messages of a batch that are committed.
    var accepted: UInt32 = 0
    var deadline: UInt64?
    /// What a read-ahead holds (rule 21).
    var credit: ModelCredit?
    /// The answer is not the request's last (rule 24).
    var more = false
}

/// A receive that stays: who it is, and how many messages it may have ahead.
struct ModelCredit: Hashable, Sendable {
    var id: UInt64
    var limit: Int
}

struct ModelHandle: Hashable, Sendable {
    var channel: UInt64
    var role: Role
    var isOpen = true
    /// The next delivery's number.
    var next: UInt64 = 1
    var deliveries: [UInt64: ModelMessage] = [:]
}

struct ModelSession: Hashable, Sendable {
    var identity: Identity
    var handles: [UInt32: ModelHandle] = [:]

    static func == (left: ModelSession, right: ModelSession) -> Bool {
        left.identity == right.identity && left.handles == right.handles
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(identity.uid)
        hasher.combine(handles)
    }
}

struct ModelChannel: Sendable {
    var name: String
    /// Nil is undecided (rule 14).
    var capacity: Int64?
    var typeTag: String?
    /// Nil is undecided, 0 no bound.
    var maxBytes: UInt64?
    var closesWithLastSender: Bool?
    var failsWithLastReceiver: Bool?
    var owner: UInt32
    var group: UInt32
    var mode: UInt16
    var keep: Bool
    /// What can be received, by acceptance.
    var queue: [ModelMessage] = []
    var accepted: UInt64 = 0
    var settled: UInt64 = 0
    var isClosed = false
    var isRemoved = false
    /// No receive commits (rule 29).
    var isPaused = false
    var reason = CloseReason()
    var hadSender = false
    var hadReceiver = false

    /// A send meets a receive (rules 3 and 14).
    var isRendezvous: Bool { capacity == nil || capacity == 0 }
}

/// Questions about the state.
extension ModelBroker {
    /// The open handles on a channel.
    func openHandles(_ channel: UInt64) -> [ModelHandle] {
        sessions.values.flatMap { $0.handles.values.filter { $0.isOpen && $0.channel == channel } }
    }

    func sendHandles(_ channel: UInt64) -> Int {
        openHandles(channel).count { $0.role.contains(.send) }
    }

    func receiveHandles(_ channel: UInt64) -> Int {
        openHandles(channel).count { $0.role.contains(.receive) }
    }

    /// Deliveries of a channel that are not settled, in whatever session.
    func unsettled(_ channel: UInt64) -> Int {
        sessions.values.reduce(0) { sum, session in
            session.handles.values.reduce(sum) { $0 + ($1.channel == channel ? $1.deliveries.count : 0) }
        }
    }

    /// Deliveries of a channel that were sent ahead and not handed over.
    func ahead(_ channel: UInt64) -> Int {
        sessions.values.reduce(0) { sum, session in
            session.handles.values.reduce(sum) {
                $0 + ($1.channel == channel ? $1.deliveries.values.count { $0.credit != nil } : 0)
            }
        }
    }

    /// As many messages are ahead as the receive's credit is for.
    func isFull(_ operation: ModelOperation) -> Bool {
        guard let credit = operation.credit, let handle = operation.cases.first?.handle,
            let deliveries = sessions[operation.key.session]?.handles[handle]?.deliveries
        else { return false }
        return deliveries.values.count { $0.credit == credit.id } >= credit.limit
    }

    /// A message could go into the buffer now; what is ahead keeps its slot (rule 21).
    func hasRoom(_ channel: UInt64) -> Bool {
        guard let there = channels[channel] else { return false }
        if let bound = there.maxBytes, bound > 0, there.queue.reduce(0, { $0 + $1.byteCount }) >= bound {
            return false
        }
        switch there.capacity {
        case nil: return false
        case -1: return true
        case .some(let capacity): return there.queue.count + ahead(channel) < Int(capacity)
        }
    }

    /// Rule 16: it fails with its last receiver, had one, and has none.
    func lacksReceivers(_ channel: UInt64) -> Bool {
        guard let there = channels[channel], there.failsWithLastReceiver == true else { return false }
        return there.hadReceiver && receiveHandles(channel) == 0
    }

    /// Rule 4: a receive reports closed now, if nothing is queued.
    func reportsClosed(_ channel: UInt64, untilDrained: Bool) -> Bool {
        guard let there = channels[channel], there.isClosed, there.queue.isEmpty else { return false }
        return untilDrained || unsettled(channel) == 0
    }

    /// The session's handle, if it is open.
    func openHandle(_ session: UInt32, _ number: UInt32) -> ModelHandle? {
        guard let handle = sessions[session]?.handles[number], handle.isOpen else { return nil }
        return handle
    }

    /// All messages that there are.
    private var everyMessage: [ModelMessage] {
        var all = channels.values.flatMap(\.queue)
        for session in sessions.values {
            for handle in session.handles.values { all += handle.deliveries.values }
        }
        for operation in waiting { all += operation.cases.flatMap(\.messages) }
        return all
    }

    /// Rule 27: whether a user may have these messages too, on top of `earlier` ones that are nowhere yet.
    func exceedsQuota(
        _ session: UInt32, _ number: UInt32, _ messages: [SentMessage], earlier: [ModelMessage] = []
    ) -> Bool {
        guard let uid = sessions[session]?.identity.uid else { return false }
        // Counting is only worth its time where a limit is in reach.
        guard limits.messagesPerUser < 10_000 || limits.bytesPerUser < 100_000 else { return false }
        let all = everyMessage + earlier
        let mine = all.filter { $0.uid == uid }
        let bytes = messages.reduce(0) { $0 + $1.byteCount }
        if mine.count + messages.count > limits.messagesPerUser { return true }
        if mine.reduce(0, { $0 + $1.byteCount }) + bytes > limits.bytesPerUser { return true }
        guard let channel = openHandle(session, number)?.channel, let owner = channels[channel]?.owner,
            owner != uid
        else { return false }
        // dbus-broker's rule: what others have put there, whoever they are, and what of it is this user's.
        let held = all.filter { $0.holder == owner }
        let share = held.filter { $0.uid == uid }
        let users = Set(held.map(\.uid)).union([uid]).count
        func exceeds(_ more: Int, _ limit: Int, _ size: (ModelMessage) -> Int) -> Bool {
            let left = limit - held.reduce(0) { $0 + size($1) }
            let taken = share.reduce(0) { $0 + size($1) }
            return more > 0 && more > (left + taken) / (users + 1) - taken
        }
        return exceeds(messages.count, limits.messagesPerUser) { _ in 1 }
            || exceeds(bytes, limits.bytesPerUser) { $0.byteCount }
    }

    /// Rule 27: whether a session, or its user, has more waiters than it may, with `more`; an operation without a case
    /// counts as one.
    func hasTooManyWaiters(_ session: UInt32, more: Int = 0) -> Bool {
        let uid = sessions[session]?.identity.uid
        func count(_ counts: (UInt32) -> Bool) -> Int {
            waiting.reduce(more) { $0 + (counts($1.key.session) ? max(1, $1.cases.count) : 0) }
        }
        return count { $0 == session } > limits.waitersPerSession
            || count { sessions[$0]?.identity.uid == uid } > limits.waitersPerUser
    }
}

extension ModelBroker {
    /// The cases that wait on a channel; a read-ahead that has all it may have waits for nothing.
    func waitingCases(_ channel: UInt64) -> [ModelCase] {
        waiting.filter { !isFull($0) }.flatMap(\.cases).filter { $0.channel == channel }
    }

    /// What is to be seen of the channel of an open handle (rule 6); nil where there is no such handle.
    public func counts(
        session: UInt32, handle: UInt32
    ) -> (queued: Int, capacity: Int64, sendWaiters: Int, receiveWaiters: Int)? {
        guard let channel = openHandle(session, handle)?.channel, let there = channels[channel] else {
            return nil
        }
        let waits = waitingCases(channel)
        return (
            there.queue.count, there.capacity ?? Capacity.undecided, waits.count { $0.isSend },
            waits.count { !$0.isSend }
        )
    }
}
