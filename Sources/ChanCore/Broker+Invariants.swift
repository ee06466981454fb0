// SPDX-License-Identifier: Apache-2.0

/// A state that must never be; our own bug, found by `checkInvariants()`.
public struct InvariantViolation: Error, CustomStringConvertible {
    /// What does not hold, and where.
    public var description: String
}

extension Broker {
    /// Walks the whole state and throws at the first thing that does not hold; for tests and fuzzers, which
    /// call it after every input.
    public func checkInvariants() throws(InvariantViolation) {
        var places = [UInt32: String]()
        try checkChannels(&places)
        try checkHandles(&places)
        try checkOperations(&places)
        try require(places.count == messages.count, "\(messages.count - places.count) messages are nowhere")
        try checkPassing()
        try checkAccounts()
        try checkWatches()
    }

    func require(_ condition: Bool, _ text: @autoclosure () -> String) throws(InvariantViolation) {
        if !condition { throw InvariantViolation(description: text()) }
    }

    private func note(
        _ message: UInt32, at place: String, _ places: inout [UInt32: String]
    ) throws(InvariantViolation) {
        try require(messages.contains(message), "\(place): message \(message) is gone")
        if let other = places.updateValue(place, forKey: message) {
            throw InvariantViolation(description: "message \(message) is in \(other) and in \(place)")
        }
    }

    private func checkChannels(_ places: inout [UInt32: String]) throws(InvariantViolation) {
        var named = 0
        for slot in 0..<channels.highWater where channels.contains(slot) {
            let channel = channels[slot]
            let name = channel.name
            try checkMessages(of: channel, &places)
            try checkList(channel.activity.senders, of: slot, isSend: true, isResting: false)
            try checkList(channel.activity.receivers, of: slot, isSend: false, isResting: false)
            try checkList(channel.activity.resting, of: slot, isSend: false, isResting: true)
            try checkHandles(of: slot)
            let waits = (
                senders: channel.activity.senders.head != none,
                receivers: channel.activity.receivers.head != none
            )
            let isPaused = channel.flags.contains(.paused)
            try require(
                channel.queued == 0 || !waits.receivers || isPaused,
                "\(name): messages and a waiting receiver")
            try require(!channel.hasRoom || !waits.senders, "\(name): room and a waiting sender")
            if waits.senders, waits.receivers, !isPaused { try checkSelfPaired(slot) }
            let stopped = !channel.flags.isDisjoint(with: .stopsSends)
            try require(!stopped || !waits.senders, "\(name): closed and a waiting sender")
            try require(
                !channel.isFinished || (!waits.receivers && channel.activity.resting.head == none),
                "\(name): finished and a waiting receiver")
            try require(!channel.isUnused, "\(name): unused and still there")
            let isNamed = channelSlot(named: name) == slot
            try require(
                isNamed != channel.flags.contains(.removed), "\(name): removed or not, its name is wrong")
            if isNamed { named += 1 }
        }
        try require(names.count == named, "\(names.count) names of \(named) channels")
    }

    private func checkMessages(
        of channel: Channel, _ places: inout [UInt32: String]
    ) throws(InvariantViolation) {
        var count = 0
        var bytes = 0
        var last: UInt64 = 0
        var stack: [(slot: UInt32, above: UInt64)] = []
        if channel.activity.returned != none { stack.append((channel.activity.returned, 0)) }
        while let (slot, above) = stack.popLast() {
            try note(slot, at: "the returned of \(channel.name)", &places)
            let message = messages[slot]
            try require(message.acceptance > above, "\(channel.name): the returned heap is out of order")
            if message.child != none { stack.append((message.child, message.acceptance)) }
            if message.next != none { stack.append((message.next, above)) }
            last = max(last, message.acceptance)
            count += 1
            bytes += Int(message.byteCount)
        }
        var slot = channel.queueHead
        while slot != none {
            try note(slot, at: "the queue of \(channel.name)", &places)
            try require(messages[slot].acceptance > last, "\(channel.name): the queue is out of order")
            last = messages[slot].acceptance
            try require(
                (messages[slot].next == none) == (slot == channel.queueTail),
                "\(channel.name): wrong queue tail")
            count += 1
            bytes += Int(messages[slot].byteCount)
            slot = messages[slot].next
        }
        slot = channel.activity.aside.head
        while slot != none {
            try note(slot, at: "what is set aside in \(channel.name)", &places)
            slot = messages[slot].next
        }
        try require(count == channel.queued, "\(channel.name): \(channel.queued) counted, \(count) queued")
        try require(bytes == channel.queuedBytes, "\(channel.name): queued bytes are miscounted")
        try require(last <= channel.accepted, "\(channel.name): a message beyond the last acceptance")
    }

    private func checkList(
        _ list: WaiterList, of channel: UInt32, isSend: Bool, isResting: Bool
    ) throws(InvariantViolation) {
        var previous = none
        var slot = list.head
        var count: UInt32 = 0
        var credits: UInt32 = 0
        let name = channels[channel].name
        while slot != none {
            try require(waiters.contains(slot), "\(name): a waiter is gone")
            let waiter = waiters[slot]
            try require(waiter.previous == previous, "\(name): a waiter's back link is wrong")
            try require(
                waiter.channel == channel && waiter.isSend == isSend && waiter.isResting == isResting,
                "\(name): a waiter in a wrong list")
            try require(isSend == !waiter.chain.isEmpty, "\(name): a waiter's messages do not fit its kind")
            try require(operations.contains(waiter.operation), "\(name): a waiter without operation")
            previous = slot
            slot = waiter.next
            count += 1
            if waiter.isCredit { credits += 1 }
        }
        try require(
            isSend || isResting || credits == channels[channel].activity.openCredits,
            "\(name): open credits are miscounted")
        try require(list.tail == previous && list.count == count, "\(name): a waiter list's end is wrong")
    }

    /// Both lists non-empty: all their waiters but credits belong to one select without a partner (S9).
    private func checkSelfPaired(_ channel: UInt32) throws(InvariantViolation) {
        let name = channels[channel].name
        try require(
            channels[channel].isRendezvous || channels[channel].activity.ahead > 0,
            "\(name): both sides wait on a buffered channel")
        var receiver = channels[channel].activity.receivers.head
        while receiver != none {
            if isAhead(receiver) {
                receiver = waiters[receiver].next
                continue
            }
            let partner = firstSender(on: channel, except: waiters[receiver].operation)
            try require(partner == nil, "\(name): a sender and a receiver wait for each other")
            receiver = waiters[receiver].next
        }
    }

    private func checkHandles(of channel: UInt32) throws(InvariantViolation) {
        var previous = none
        var slot = channels[channel].firstHandle
        var senders: UInt32 = 0
        var receivers: UInt32 = 0
        var ofSessions: UInt32 = 0
        let name = channels[channel].name
        while slot != none {
            try require(handles.contains(slot), "\(name): a handle is gone")
            let handle = handles[slot]
            try require(handle.channel == channel && !handle.isClosed, "\(name): a handle in a wrong list")
            try require(handle.previous == previous, "\(name): a handle's back link is wrong")
            if handle.role.contains(.send) { senders += 1 }
            if handle.role.contains(.receive) { receivers += 1 }
            if handle.session != none { ofSessions += 1 }
            previous = slot
            slot = handle.next
        }
        try require(
            senders == channels[channel].sendHandles && receivers == channels[channel].receiveHandles
                && ofSessions == channels[channel].sessionHandles,
            "\(name): handles are miscounted")
    }

    private func checkHandles(_ places: inout [UInt32: String]) throws(InvariantViolation) {
        var unsettled: [UInt32: Int] = [:]
        var ahead: [UInt32: Int] = [:]
        var leased: [UInt32: Int] = [:]
        for slot in 0..<handles.highWater where handles.contains(slot) {
            let handle = handles[slot]
            if handle.session == none { continue }
            try require(sessions.contains(handle.session), "handle \(slot) has no session")
            try require(
                sessions[handle.session].handles[Int(handle.number)] == slot,
                "handle \(slot) has a wrong number")
            try require(channels.contains(handle.channel), "handle \(slot) has no channel")
            let deliveries = handle.window.snapshot()
            try require(deliveries.count == handle.window.live, "handle \(slot): deliveries are miscounted")
            try require(!handle.isClosed || !deliveries.isEmpty, "handle \(slot) is closed and still there")
            for message in deliveries { try note(message, at: "the deliveries of handle \(slot)", &places) }
            unsettled[handle.channel, default: 0] += deliveries.count
            ahead[handle.channel, default: 0] += deliveries.count { messages[$0].credit != none }
            leased[handle.channel, default: 0] += deliveries.count { messages[$0].lease != none }
        }
        for slot in 0..<channels.highWater where channels.contains(slot) {
            try require(
                channels[slot].activity.unsettled == unsettled[slot] ?? 0,
                "\(channels[slot].name): unsettled deliveries are miscounted")
            try require(
                channels[slot].activity.ahead == ahead[slot] ?? 0
                    && channels[slot].activity.leased == leased[slot] ?? 0,
                "\(channels[slot].name): messages ahead or leases are miscounted")
        }
        try checkCredits(ahead.values.reduce(0, +))
    }

    private func checkCredits(_ ahead: Int) throws(InvariantViolation) {
        var counted: [UInt32: UInt32] = [:]
        for slot in 0..<messages.highWater where messages.contains(slot) && messages[slot].credit != none {
            try require(credits.contains(messages[slot].credit), "message \(slot): its credit is gone")
            counted[messages[slot].credit, default: 0] += 1
        }
        try require(
            counted.values.reduce(0) { $0 + Int($1) } == ahead, "a message is ahead and in no delivery window"
        )
        for slot in 0..<credits.highWater where credits.contains(slot) {
            let credit = credits[slot]
            try require(
                credit.ahead == counted[slot] ?? 0 && credit.ahead <= credit.limit,
                "credit \(slot) is miscounted")
            guard credit.operation != none else {
                try require(credit.ahead > 0, "credit \(slot) is over and still there")
                continue
            }
            try require(
                operations.contains(credit.operation) && operations[credit.operation].credit == slot,
                "credit \(slot) belongs to another operation")
            let waiter = operations[credit.operation].firstWaiter
            try require(
                waiter != none && waiters[waiter].isCredit
                    && waiters[waiter].isResting == (credit.ahead == credit.limit),
                "credit \(slot) rests or waits, and should not")
        }
    }

    private func checkOperations(_ places: inout [UInt32: String]) throws(InvariantViolation) {
        try require(parked.count == operations.count, "an operation is parked without its key")
        var seen = 0
        var timed = 0
        for slot in 0..<operations.highWater where operations.contains(slot) {
            let operation = operations[slot]
            let key = OperationKey(session: operation.session, request: operation.request)
            try require(parked[key] == slot, "operation \(slot) is under a wrong key")
            var waiter = operation.firstWaiter
            var count: UInt32 = 0
            while waiter != none {
                try require(
                    waiters.contains(waiter) && waiters[waiter].operation == slot,
                    "operation \(slot): a wrong waiter")
                var message = waiters[waiter].chain.head
                while message != none {
                    try note(message, at: "the chain of waiter \(waiter)", &places)
                    message = messages[message].next
                }
                count += 1
                waiter = waiters[waiter].nextCase
            }
            try require(count == operation.waiterCount, "operation \(slot): waiters are miscounted")
            try require(
                operation.credit == none || credits.contains(operation.credit),
                "operation \(slot): its credit is gone")
            try require(
                operation.isSelect || count == 1
                    || (count == 0 && (operation.confirmation != none || operation.watch != none)),
                "operation \(slot) has \(count) waiters")
            seen += Int(count)
            if operation.deadline != .max {
                timed += 1
                try require(deadlines.contains(slot), "operation \(slot) is lost in the heap")
                try require(operation.deadline > advanced, "operation \(slot) is overdue")
            }
        }
        try require(seen == waiters.count, "a waiter belongs to no operation")
        try require(timed == deadlines.entries.count, "the deadline heap holds what is over")
        try require(deadlines.isConsistent && leaseDeadlines.isConsistent, "a deadline heap is out of order")
        try checkLeases()
        try checkConfirmations()
    }

    private func checkLeases() throws(InvariantViolation) {
        var seen = 0
        for slot in 0..<messages.highWater where messages.contains(slot) && messages[slot].lease != none {
            let lease = messages[slot].lease
            try require(leases.contains(lease), "message \(slot) is under a lease that is gone")
            let handle = leases[lease].handle
            try require(leases[lease].deadline > advanced, "lease \(lease) is overdue")
            try require(
                handles.contains(handle) && handles[handle].window.peek(leases[lease].number) == slot,
                "lease \(lease) is not where it was delivered")
            try require(
                (leases[lease].deadline != .max) == leaseDeadlines.contains(lease),
                "lease \(lease) is lost in the heap")
            seen += 1
        }
        try require(seen == leases.count, "a lease has no message")
    }

    private func checkConfirmations() throws(InvariantViolation) {
        var outstanding: [UInt32: UInt32] = [:]
        for slot in 0..<messages.highWater
        where messages.contains(slot) && messages[slot].confirmation != none {
            outstanding[messages[slot].confirmation, default: 0] += 1
        }
        try require(outstanding.count == confirmations.count, "a confirmation has no message")
        for (slot, count) in outstanding {
            try require(confirmations.contains(slot), "a message's confirmation is gone")
            let confirmation = confirmations[slot]
            try require(confirmation.outstanding == count, "confirmation \(slot) is miscounted")
            let operation = confirmation.operation
            try require(
                operation == none
                    || (operations.contains(operation) && operations[operation].confirmation == slot),
                "confirmation \(slot) belongs to another operation")
        }
    }
}
