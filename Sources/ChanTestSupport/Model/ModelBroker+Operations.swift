// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Sends, receives and what follows a receive (rules 1 to 4, 18, 19, 24).
extension ModelBroker {
    mutating func send(_ key: RequestKey, _ number: UInt32, _ messages: [SentMessage], _ timeout: Int64) {
        if exceedsQuota(key.session, number, messages) { return refuse(key, .quotaExceeded, messages) }
        guard let handle = openHandle(key.session, number) else {
            return refuse(key, .noSuchHandle, messages)
        }
        guard handle.role.contains(.send) else { return refuse(key, .wrongRole, messages) }
        if let failure = sendFailure(handle.channel) { return refuse(key, failure, messages) }
        if messages.isEmpty {
            late = .sent(session: key.session, request: key.request)
            return
        }
        arrive(
            ModelOperation(
                key: key,
                cases: [
                    ModelCase(
                        index: 0, isSend: true, handle: number, channel: handle.channel, untilDrained: false,
                        messages: own(messages, key.session, number))
                ], isSelect: false, limit: 0),
            on: [handle.channel], timeout)
    }

    mutating func receive(
        _ key: RequestKey, _ number: UInt32, _ count: UInt32, _ timeout: Int64, _ drained: Bool,
        ahead: Bool = false
    ) {
        guard let handle = openHandle(key.session, number) else { return refuse(key, .noSuchHandle, []) }
        guard handle.role.contains(.receive) else { return refuse(key, .wrongRole, []) }
        guard count > 0 else { return refuse(key, .invalidArgument, []) }
        guard !ahead || timeout < 0 else { return refuse(key, .invalidArgument, []) }
        if reportsClosed(handle.channel, untilDrained: drained) {
            let reason = channels[handle.channel]?.reason ?? CloseReason()
            return refuse(
                key, Failure(.closed, reason: reason.code, text: reason.text), [])
        }
        var operation = ModelOperation(
            key: key,
            cases: [
                ModelCase(
                    index: 0, isSend: false, handle: number, channel: handle.channel,
                    untilDrained: drained, messages: [])
            ], isSelect: false, limit: ahead ? 1 : Int(count))
        if ahead {
            lastCredit += 1
            operation.credit = ModelCredit(id: lastCredit, limit: Int(count))
            // It stays in any case, so it may not come where no waiter more may.
            if channels[handle.channel]?.isRendezvous == false,
                hasTooManyWaiters(key.session, more: 1)
            {
                return refuse(key, .quotaExceeded, [])
            }
        }
        arrive(operation, on: [handle.channel], timeout)
    }

    /// Puts an operation at the end of the line, lets what can proceed, and takes it out again if it may not
    /// wait.
    mutating func arrive(_ operation: ModelOperation, on channels: [UInt64], _ timeout: Int64) {
        arriving = operation.key
        var operation = operation
        let (deadline, overflow) = now.addingReportingOverflow(UInt64(max(timeout, 0)))
        operation.deadline = timeout < 0 || overflow || deadline == .max ? nil : deadline
        waiting.append(operation)
        for channel in channels { run(channel) }
        guard let left = waiting.first(where: { $0.key == operation.key }) else { return }
        if timeout == 0 {
            withdraw(left.key)
            refuse(left.key, Failure(.wouldBlock, accepted: left.accepted), [])
        } else if hasTooManyWaiters(left.key.session) {
            withdraw(left.key)
            refuse(left.key, Failure(.quotaExceeded, accepted: left.accepted), [])
        }
    }

    /// Why sends on the channel fail now (rules 4 and 16).
    func sendFailure(_ channel: UInt64) -> Failure? {
        guard let there = channels[channel] else { return nil }
        if there.isClosed { return Failure(.closed, reason: there.reason.code, text: there.reason.text) }
        return lacksReceivers(channel) ? Failure(.noReceivers) : nil
    }

    mutating func refuse(_ key: RequestKey, _ kind: FailureKind, _ messages: [SentMessage]) {
        // What is over a quota never came into being.
        refuse(key, Failure(kind), kind == .quotaExceeded ? [] : messages)
    }

    mutating func refuse(_ key: RequestKey, _ failure: Failure, _ messages: [SentMessage]) {
        discarded += messages.map(\.body)
        late = .failed(session: key.session, request: key.request, failure: failure)
    }

    func own(_ messages: [SentMessage], _ session: UInt32, _ number: UInt32) -> [ModelMessage] {
        let uid = sessions[session]?.identity.uid ?? 0
        let owner = openHandle(session, number).flatMap { channels[$0.channel]?.owner }
        return messages.map {
            ModelMessage(
                body: $0.body, byteCount: $0.byteCount, uid: uid, holder: owner == uid ? nil : owner)
        }
    }

    // MARK: Deliveries

    /// The numbers that are named, if all of them were given out.
    private func named(_ handle: ModelHandle, _ first: UInt64, _ count: UInt32) -> [UInt64]? {
        let (end, overflow) = first.addingReportingOverflow(UInt64(count))
        guard !overflow, first >= 1, end <= handle.next else { return nil }
        return handle.deliveries.keys.filter { $0 >= first && $0 < end }.sorted()
    }

    mutating func settle(_ session: UInt32, _ number: UInt32, _ first: UInt64, _ count: UInt32) -> Bool {
        guard let handle = sessions[session]?.handles[number] else { return false }
        guard let numbers = named(handle, first, count) else { return false }
        for delivery in numbers {
            handOver(session, number, delivery)
            if let message = sessions[session]?.handles[number]?.deliveries.removeValue(forKey: delivery) {
                discarded.append(message.body)
                channels[handle.channel]?.settled += 1
            }
        }
        release(session, number)
        run(handle.channel)
        return true
    }

    mutating func giveBack(
        _ session: UInt32, _ number: UInt32, _ first: UInt64, _ count: UInt32, _ seen: Bool
    ) -> Bool {
        guard let handle = sessions[session]?.handles[number] else { return false }
        guard let numbers = named(handle, first, count) else { return false }
        for delivery in numbers { putBack(session, number, delivery, seen: seen, handedOver: seen) }
        release(session, number)
        run(handle.channel)
        return true
    }

    /// Rule 18: the receiving process has these messages.
    mutating func receipt(_ session: UInt32, _ number: UInt32, _ first: UInt64, _ count: UInt32) -> Bool {
        guard let handle = sessions[session]?.handles[number] else { return false }
        guard let numbers = named(handle, first, count) else { return false }
        for delivery in numbers { handOver(session, number, delivery) }
        run(handle.channel)
        return true
    }

    /// Rule 21: the message's slot is free, and so is its place in the credit, which waits again at the tail if it
    /// had none.
    mutating func handOver(_ session: UInt32, _ number: UInt32, _ delivery: UInt64) {
        guard let credit = sessions[session]?.handles[number]?.deliveries[delivery]?.credit else { return }
        let wasFull = waiting.first { $0.credit?.id == credit }.map(isFull) ?? false
        sessions[session]?.handles[number]?.deliveries[delivery]?.credit = nil
        if wasFull { moveToTail(credit) }
    }

    /// Rule 18: at its place by acceptance number; marked if a caller may have seen it; it was an attempt if it
    /// answered a receive, or was handed over.
    mutating func putBack(
        _ session: UInt32, _ number: UInt32, _ delivery: UInt64, seen: Bool, handedOver: Bool
    ) {
        let wasAhead = sessions[session]?.handles[number]?.deliveries[delivery]?.credit != nil
        handOver(session, number, delivery)
        guard let channel = sessions[session]?.handles[number]?.channel,
            var message = sessions[session]?.handles[number]?.deliveries.removeValue(forKey: delivery)
        else { return }
        if seen { message.redelivered = true }
        if handedOver || !wasAhead { message.attempts += 1 }
        channels[channel]?.queue.append(message)
        channels[channel]?.queue.sort { $0.acceptance < $1.acceptance }
    }

    /// A closed handle's number is free once nothing of it is unsettled.
    mutating func release(_ session: UInt32, _ number: UInt32) {
        guard let handle = sessions[session]?.handles[number], !handle.isOpen, handle.deliveries.isEmpty
        else { return }
        sessions[session]?.handles[number] = nil
    }
}
