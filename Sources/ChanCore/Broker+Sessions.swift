// SPDX-License-Identifier: Apache-2.0

/// Sessions and handles: who is there, and what goes with them when they end (rules 15 to 18).
extension Broker {
    /// A client has connected.
    ///
    /// Returns the index that names the session in all inputs and effects.
    public mutating func beginSession(_ identity: Identity) -> UInt32 {
        let session = sessions.insert(
            Session(id: nextSession, identity: identity, account: account(of: identity.uid), since: now))
        nextSession += 1
        return session
    }

    /// The session's number, never used again in this broker's life.
    public func sessionID(_ session: UInt32) -> UInt64 { sessions[session].id }

    /// The session ends, in order or not (rules 17, 18, 22).
    ///
    /// Its parked operations vanish, its deliveries go back marked, its handles go. Nothing is reported to it.
    public mutating func endSession<S: BrokerSink<Body> & ~Copyable>(_ session: UInt32, into sink: inout S) {
        while sessions[session].firstOperation != none {
            withdraw(sessions[session].firstOperation, into: &sink)
        }
        let mine = sessions[session].handles.filter { $0 != none }
        // All deliveries go back before any handle goes: a channel that closes with its last sender must
        // find them queued, and nobody may see it closed before them.
        for handle in mine { putBackAll(of: handle, into: &sink) }
        var touched: Set<UInt32> = []
        for handle in mine {
            let channel = handles[handle].channel
            if !handles[handle].isClosed { detach(handle, into: &sink) }
            handles.remove(handle)
            touched.insert(channel)
        }
        for channel in touched.sorted() where channels.contains(channel) { pump(channel, into: &sink) }
        let gone = sessions.remove(session)
        accounts[gone.account].used.handles -= gone.handles.count - gone.freeNumbers.count
    }

    private mutating func putBackAll<S: BrokerSink<Body> & ~Copyable>(of handle: UInt32, into sink: inout S) {
        let channel = handles[handle].channel
        var window = handles[handle].window
        handles[handle].window = DeliveryWindow()
        for slot in window.removeAll() {
            putBack(slot, on: channel, seen: true, handedOver: false, into: &sink)
        }
        handles[handle].window = window
    }

    /// Closes a handle: its waiting operations fail, its deliveries stay until they are settled or given back.
    ///
    /// Returns nil, or why not.
    public mutating func closeHandle<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, into sink: inout S
    ) -> Failure? {
        guard let handle = openHandle(session, number) else {
            return Failure(.noSuchHandle, text: "no open handle \(number)")
        }
        failOperations(by: handle, into: &sink)
        failWaits(ofHandle: handle, into: &sink)
        let channel = handles[handle].channel
        detach(handle, into: &sink)
        handles[handle].isClosed = true
        releaseIfDone(handle)
        pump(channel, into: &sink)
        return nil
    }

    /// Half-close: takes the receive role away from a handle; what it has received stays its own.
    public mutating func stop<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, into sink: inout S
    ) -> Failure? {
        guard let handle = openHandle(session, number) else {
            return Failure(.noSuchHandle, text: "no open handle \(number)")
        }
        guard handles[handle].role.contains(.receive) else {
            return handleFailure(session, number, .receive)
        }
        failOperations(by: handle, receivesOnly: true, into: &sink)
        handles[handle].role.remove(.receive)
        let channel = handles[handle].channel
        channels[channel].receiveHandles -= 1
        applyEnds(channel, into: &sink)
        return nil
    }

    /// Ends the operations that wait by a handle, or only those that have a receive there.
    private mutating func failOperations<S: BrokerSink<Body> & ~Copyable>(
        by handle: UInt32, receivesOnly: Bool = false, into sink: inout S
    ) {
        // All are found before the first ends. A select is found once for each of its cases, and is over after one.
        for operation in candidates(by: handle) where operations.contains(operation) {
            var waiter = operations[operation].firstWaiter
            while waiter != none,
                waiters[waiter].handle != handle || (receivesOnly && waiters[waiter].isSend)
            {
                waiter = waiters[waiter].nextCase
            }
            guard waiter != none else { continue }
            let caseIndex = operations[operation].isSelect ? waiters[waiter].caseIndex : nil
            fail(operation, Failure(.handleClosed, caseIndex: caseIndex), into: &sink)
        }
    }

    /// Operations among which are all that wait by a handle, the newest first.
    ///
    /// Its session's or those at its channel, whichever are fewer: a process has one session for all its own channels,
    /// and at a daemon's channel a thousand sessions may wait.
    private func candidates(by handle: UInt32) -> [UInt32] {
        let session = handles[handle].session
        let channel = handles[handle].channel
        let lists = [
            channels[channel].activity.receivers, channels[channel].activity.resting,
            channels[channel].activity.senders,
        ]
        var found: [UInt32] = []
        if sessions[session].waiterCount < lists.reduce(0, { $0 + Int($1.count) }) {
            var operation = sessions[session].firstOperation
            while operation != none {
                found.append(operation)
                operation = operations[operation].next
            }
        } else {
            for list in lists {
                var waiter = list.tail
                while waiter != none {
                    if waiters[waiter].handle == handle { found.append(waiters[waiter].operation) }
                    waiter = waiters[waiter].previous
                }
            }
        }
        return found
    }

    /// Takes an open handle off its channel and applies what its going means for the others (rule 16).
    mutating func detach<S: BrokerSink<Body> & ~Copyable>(_ handle: UInt32, into sink: inout S) {
        let gone = handles[handle]
        let channel = gone.channel
        if gone.previous == none {
            channels[channel].firstHandle = gone.next
        } else {
            handles[gone.previous].next = gone.next
        }
        if gone.next != none { handles[gone.next].previous = gone.previous }
        if gone.session != none { channels[channel].sessionHandles -= 1 }
        if gone.role.contains(.send) { channels[channel].sendHandles -= 1 }
        if gone.role.contains(.receive) { channels[channel].receiveHandles -= 1 }
        applyEnds(channel, into: &sink)
    }

    /// Rule 16: closes with the last sender, fails sends with the last receiver.
    mutating func applyEnds<S: BrokerSink<Body> & ~Copyable>(_ channel: UInt32, into sink: inout S) {
        let flags = channels[channel].flags
        if flags.isSuperset(of: [.closeWithLastSender, .hadSender]), channels[channel].sendHandles == 0,
            !flags.contains(.closed)
        {
            shut(channel, .lastSenderGone, into: &sink)
        }
        if flags.isSuperset(of: [.failWithLastReceiver, .hadReceiver]), channels[channel].receiveHandles == 0
        {
            channels[channel].flags.insert(.noReceivers)
            failSenders(of: channel, into: &sink)
        } else {
            channels[channel].flags.remove(.noReceivers)
        }
    }

    /// Lets a closed handle go once nothing of it is unsettled; its number is free then.
    @usableFromInline
    mutating func releaseIfDone(_ handle: UInt32) {
        guard handles[handle].isClosed, handles[handle].window.live == 0 else { return }
        let session = handles[handle].session
        let number = handles[handle].number
        if handles[handle].wasLeased {
            // Who finishes an expired lease late must not meet a delivery of the number's next handle.
            sessions[session].firstDelivery = max(
                sessions[session].firstDelivery, handles[handle].window.next)
        }
        _ = handles[handle].window.removeAll()
        sessions[session].handles[Int(number)] = none
        freeNumber(number, of: session)
        handles.remove(handle)
    }

    /// Closes a channel through a handle with the send role (rules 4 and X14).
    ///
    /// Returns whether this call was the one that closed it.
    public mutating func close<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, handle number: UInt32, reason: CloseReason, into sink: inout S
    ) -> Result<Bool, Failure> {
        guard let handle = openHandle(session, number), handles[handle].role.contains(.send) else {
            return .failure(handleFailure(session, number, .send))
        }
        guard reason.text.utf8.count <= ChannelName.maxBytes else {
            return .failure(
                Failure(.invalidArgument, text: "a close reason has at most \(ChannelName.maxBytes) bytes"))
        }
        let channel = handles[handle].channel
        guard !channels[channel].flags.contains(.closed) else { return .success(false) }
        shut(channel, reason, by: session, into: &sink)
        pump(channel, into: &sink)
        return .success(true)
    }

    /// Marks a channel closed and fails its waiting senders; the caller pumps.
    mutating func shut<S: BrokerSink<Body> & ~Copyable>(
        _ channel: UInt32, _ reason: CloseReason, by session: UInt32 = none, into sink: inout S
    ) {
        channels[channel].flags.insert(.closed)
        tell(.close, session: session, channel: channel, into: &sink)
        if reason != CloseReason() { closeReasons[channel] = reason }
        failSenders(of: channel, into: &sink)
    }

    private mutating func failSenders<S: BrokerSink<Body> & ~Copyable>(of channel: UInt32, into sink: inout S)
    {
        while channels[channel].activity.senders.head != none {
            let waiter = channels[channel].activity.senders.head
            let operation = waiters[waiter].operation
            let caseIndex = operations[operation].isSelect ? waiters[waiter].caseIndex : nil
            fail(operation, sendFailure(channel, caseIndex: caseIndex), into: &sink)
        }
    }

    /// Ends a generation that nothing holds any more (rules 15 and 26), discarding what is left.
    @inlinable
    mutating func collectIfUnused<S: BrokerSink<Body> & ~Copyable>(_ channel: UInt32, into sink: inout S) {
        if channels[channel].isUnused {
            collect(channel, into: &sink)
        } else if channels[channel].isReachedByHandlesOnly {
            suspectIfListedOnly(channel)
        }
    }

    @usableFromInline
    mutating func collect<S: BrokerSink<Body> & ~Copyable>(_ channel: UInt32, into sink: inout S) {
        discardAll(of: channel, into: &sink)
        endWaits(on: channel, into: &sink)
        let gone = channels.remove(channel)
        let name = gone.name
        gone.release()
        accounts[gone.account].used.channels -= 1
        closeReasons[channel] = nil
        acceptedByGone += gone.accepted
        names.remove(channel, named: name)
        recreateIfDeclared(name)
    }

    /// Ends all that a channel has queued or set aside.
    mutating func discardAll<S: BrokerSink<Body> & ~Copyable>(of channel: UInt32, into sink: inout S) {
        while channels[channel].queued > 0 { lose(dequeue(from: channel), "discarded", into: &sink) }
        while channels[channel].activity.aside.head != none {
            var aside = channels[channel].activity.aside
            let slot = unlinkFirst(of: &aside)
            channels[channel].activity.aside = aside
            lose(slot, "discarded", into: &sink)
        }
    }
}
