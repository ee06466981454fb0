// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// A case that waits: where its operation and the case itself stand.
struct WaitingCase {
    var operation: Int
    var index: Int
}

/// Rules 1 to 4: who proceeds.
extension ModelBroker {
    /// The first waiting send or receive on a channel, of another operation than `other`.
    func first(_ channel: UInt64, sends: Bool, except other: RequestKey? = nil) -> WaitingCase? {
        for (operation, candidate) in waiting.enumerated() where candidate.key != other {
            for (index, one) in candidate.cases.enumerated()
            where one.channel == channel && one.isSend == sends {
                return WaitingCase(operation: operation, index: index)
            }
        }
        return nil
    }

    /// The first waiting receive for which there is a message: queued, or offered by another operation.
    private func firstMatch(_ channel: UInt64) -> WaitingCase? {
        guard let there = channels[channel], !there.isPaused else { return nil }
        for (operation, candidate) in waiting.enumerated() {
            for (index, one) in candidate.cases.enumerated() where one.channel == channel && !one.isSend {
                // A read-ahead gets only what has a slot, and no more than its credit (rule 21).
                let isAhead = candidate.credit != nil && !there.isRendezvous
                if isAhead, isFull(candidate) { continue }
                let meets = first(channel, sends: true, except: candidate.key) != nil
                if !there.queue.isEmpty || (meets && (!isAhead || hasRoom(channel))) {
                    return WaitingCase(operation: operation, index: index)
                }
            }
        }
        return nil
    }

    /// Lets everything on a channel proceed that can, in order.
    mutating func run(_ channel: UInt64) {
        while true {
            if let receiver = firstMatch(channel) {
                if channels[channel]?.queue.isEmpty == true, onlyCreditsWait(channel) {
                    while hasRoom(channel), let sender = first(channel, sends: true) {
                        enqueueFirst(of: sender, channel)
                    }
                } else if waiting[receiver.operation].credit != nil, channels[channel]?.isRendezvous == false
                {
                    commitAhead(receiver, channel)
                } else {
                    commitReceive(receiver, channel)
                }
            } else if hasRoom(channel), let sender = first(channel, sends: true) {
                enqueueFirst(of: sender, channel)
            } else {
                break
            }
        }
        reportClosed(channel)
        collect(channel)
    }

    /// Who waits to receive gets what is in the buffer, and keeps its slot there (rule 21): so all that has room is there before any
    /// of it is delivered, which only the order of outcomes shows.
    private func onlyCreditsWait(_ channel: UInt64) -> Bool {
        guard channels[channel]?.isRendezvous == false else { return false }
        return !waiting.contains { candidate in
            candidate.credit == nil && candidate.cases.contains { $0.channel == channel && !$0.isSend }
        }
    }

    /// Rule 2: the queued ones first, waiting senders moving up; then from waiting senders themselves.
    private mutating func commitReceive(_ receiver: WaitingCase, _ channel: UInt64) {
        let operation = waiting[receiver.operation]
        let mine = operation.cases[receiver.index]
        var taken: [ModelMessage] = []
        var bytes = 0
        while taken.count < operation.limit, taken.isEmpty || bytes < limits.receiveBatchBytes {
            if channels[channel]?.queue.isEmpty == false, let first = channels[channel]?.queue.removeFirst() {
                taken.append(first)
                while hasRoom(channel),
                    let sender = self.first(channel, sends: true, except: operation.key)
                {
                    enqueueFirst(of: sender, channel)
                }
            } else if let sender = first(channel, sends: true, except: operation.key) {
                taken.append(acceptFirst(of: sender, channel))
            } else {
                break
            }
            bytes += (taken.last?.byteCount ?? 0) + limits.receiveBatchPrefixBytes
        }
        deliver(taken, to: operation, mine)
    }

    /// Rule 21: one message, which keeps its slot; then the credit goes to the tail.
    private mutating func commitAhead(_ receiver: WaitingCase, _ channel: UInt64) {
        let operation = waiting[receiver.operation]
        let mine = operation.cases[receiver.index]
        guard let credit = operation.credit else { return }
        var message: ModelMessage
        if channels[channel]?.queue.isEmpty == false, let first = channels[channel]?.queue.removeFirst() {
            message = first
        } else if let sender = first(channel, sends: true, except: operation.key) {
            message = acceptFirst(of: sender, channel)
        } else {
            return
        }
        message.credit = credit.id
        events.append([record([message], to: operation, mine, more: true, isAhead: true)])
        moveToTail(credit.id)
    }

    /// Puts the receive that holds a credit behind all that waits.
    mutating func moveToTail(_ credit: UInt64) {
        guard let index = waiting.firstIndex(where: { $0.credit?.id == credit }) else { return }
        waiting.append(waiting.remove(at: index))
    }

    private mutating func enqueueFirst(of sender: WaitingCase, _ channel: UInt64) {
        let message = acceptFirst(of: sender, channel)
        channels[channel]?.queue.append(message)
    }

    /// Commits a waiting send's first message; the send is over with its last.
    private mutating func acceptFirst(of sender: WaitingCase, _ channel: UInt64) -> ModelMessage {
        var message = waiting[sender.operation].cases[sender.index].messages.removeFirst()
        waiting[sender.operation].accepted += 1
        channels[channel]?.accepted += 1
        message.acceptance = channels[channel]?.accepted ?? 0
        let operation = waiting[sender.operation]
        let mine = operation.cases[sender.index]
        if mine.messages.isEmpty {
            let (session, request) = (operation.key.session, operation.key.request)
            finish(
                operation.key,
                operation.isSelect
                    ? .selected(session: session, request: request, caseIndex: mine.index)
                    : .sent(session: session, request: request))
        }
        return message
    }

    private mutating func deliver(_ taken: [ModelMessage], to operation: ModelOperation, _ mine: ModelCase) {
        finish(operation.key, record(taken, to: operation, mine, more: operation.more))
    }

    /// Makes messages deliveries of the receiver's handle; returns what it is told.
    private mutating func record(
        _ taken: [ModelMessage], to operation: ModelOperation, _ mine: ModelCase, more: Bool,
        isAhead: Bool = false
    ) -> BrokerEvent {
        let session = operation.key.session
        var handle = sessions[session]?.handles[mine.handle] ?? ModelHandle(channel: 0, role: [])
        let group = DeliveryGroup(
            caseIndex: mine.index, handle: mine.handle, first: handle.next, count: UInt32(taken.count),
            byteCount: taken.reduce(0) { $0 + $1.byteCount },
            closed: channels[mine.channel]?.isClosed ?? false, more: more, isAhead: isAhead)
        for message in taken {
            handle.deliveries[handle.next] = message
            handle.next += 1
        }
        sessions[session]?.handles[mine.handle] = handle
        let messages = taken.map {
            DeliveredMessage(
                body: $0.body, byteCount: $0.byteCount, attempts: $0.attempts, redelivered: $0.redelivered)
        }
        return .delivered(
            session: session, request: operation.key.request, group: group, messages: messages)
    }

    /// Takes an operation out and tells its outcome; what it did not commit ends with it.
    mutating func finish(_ key: RequestKey, _ event: BrokerEvent) {
        withdraw(key)
        if key == arriving { late = event } else { events.append([event]) }
    }

    /// Takes an operation out; what it did not commit ends with it.
    mutating func withdraw(_ key: RequestKey) {
        guard let index = waiting.firstIndex(where: { $0.key == key }) else { return }
        discarded += waiting[index].cases.flatMap { $0.messages.map(\.body) }
        waiting.remove(at: index)
    }

    /// Ends these operations in one step, of which none is told first.
    mutating func fail(
        _ keys: [RequestKey], _ kind: FailureKind, reason: CloseReason = CloseReason(),
        caseIndex: (ModelOperation) -> UInt16? = { _ in nil }
    ) {
        var group: [BrokerEvent] = []
        for key in keys {
            guard let operation = waiting.first(where: { $0.key == key }) else { continue }
            withdraw(key)
            group.append(
                .failed(
                    session: key.session, request: key.request,
                    failure: Failure(
                        kind, caseIndex: operation.isSelect ? caseIndex(operation) : nil,
                        accepted: operation.accepted, reason: reason.code, text: reason.text)))
        }
        if !group.isEmpty { events.append(group) }
    }

    /// Rule 4: waiting receives end, in order, once nothing can come any more.
    private mutating func reportClosed(_ channel: UInt64) {
        while let there = channels[channel], there.isClosed, there.queue.isEmpty {
            var found: (key: RequestKey, index: UInt16)?
            // One that has all it may have stands behind those that wait.
            search: for operation in waiting.filter({ !isFull($0) }) + waiting.filter(isFull) {
                for one in operation.cases
                where one.channel == channel && !one.isSend
                    && reportsClosed(channel, untilDrained: one.untilDrained)
                {
                    found = (operation.key, one.index)
                    break search
                }
            }
            guard let found else { return }
            fail([found.key], .closed, reason: there.reason) { _ in found.index }
        }
    }

    /// Rules 4 and 16: waiting sends of a channel that takes none any more end, in order.
    mutating func failSenders(_ channel: UInt64, _ kind: FailureKind) {
        while let sender = first(channel, sends: true) {
            let operation = waiting[sender.operation]
            let reason = kind == .closed ? channels[channel]?.reason ?? CloseReason() : CloseReason()
            fail([operation.key], kind, reason: reason) { $0.cases[sender.index].index }
        }
    }

    /// Rule 15: a generation that nothing holds is gone, its name free.
    mutating func collect(_ channel: UInt64) {
        guard let there = channels[channel], openHandles(channel).isEmpty, unsettled(channel) == 0,
            there.queue.isEmpty || there.isRemoved, !there.keep
        else { return }
        discarded += there.queue.map(\.body)
        discardedCount += UInt64(there.queue.count)
        channels[channel] = nil
        if names[there.name] == channel { names[there.name] = nil }
    }
}
