// SPDX-License-Identifier: Apache-2.0

/// What is to be seen of a channel at one instant (rule 6).
public struct ChannelSnapshot: Equatable, Sendable {
    /// The absolute name; of an unnamed channel what is shown of it.
    public var name: String
    /// The type tag.
    public var typeTag: String?
    /// Which life of the name.
    public var generation: UInt64
    /// The capacity in force, or `Capacity.undecided`.
    public var capacity: Int64
    /// Messages in the buffer: Go's `len`.
    public var queued: Int
    /// Their bytes.
    public var queuedBytes: Int
    /// Deliveries not settled.
    public var unsettled: Int
    /// Of those, messages sent ahead and not handed over: they keep their slots (rule 21).
    public var ahead: Int
    /// Of those, deliveries under a lease.
    public var leased: Int
    /// Messages whose dead-letter channel refused them.
    public var setAside: UInt32
    /// Messages accepted so far.
    public var accepted: UInt64
    /// Messages settled so far.
    public var settled: UInt64
    /// Deliveries so far.
    public var delivered: UInt64
    /// Bytes queued from which on sends wait for room; 0 where there is no bound but the quotas.
    public var maxBytes: UInt64
    /// Waiting sends.
    public var sendWaiters: UInt32
    /// Waiting receives, credits that rest left out.
    public var receiveWaiters: UInt32
    /// Handles that may send.
    public var sendHandles: UInt32
    /// Handles that may receive.
    public var receiveHandles: UInt32
    /// The owner.
    public var owner: UInt32
    /// The group.
    public var group: UInt32
    /// The permission bits.
    public var mode: UInt16
    /// Nothing can be sent any more.
    public var isClosed: Bool
    /// Receives are held.
    public var isPaused: Bool
    /// Kept until removed.
    public var isKept: Bool
    /// Its name is free; its handles drain it.
    public var isRemoved: Bool
    /// Rule 16.
    public var closesWithLastSender: Bool
    /// Rule 16.
    public var failsWithLastReceiver: Bool
    /// A send would proceed, or fail for good.
    public var isSendReady: Bool
    /// A receive would proceed, or report closed.
    public var isReceiveReady: Bool
    /// What the close said.
    public var closeReason: CloseReason
}

/// A handle on a channel, or a waiter.
public struct ChannelParty: Equatable, Sendable {
    /// What it is.
    public enum Kind: Equatable, Sendable {
        /// An open handle.
        case handle
        /// A waiting send.
        case sendWaiter
        /// A waiting receive.
        case receiveWaiter
    }
    /// What it is.
    public var kind: Kind
    /// The handle's role.
    public var role: Role
    /// A case of a select.
    public var inSelect: Bool
    /// The session's number.
    public var session: UInt64
    /// Who connected.
    public var pid: UInt32
    /// As which user.
    public var uid: UInt32
    /// The waiter's request.
    public var request: UInt64
    /// How long it has waited, or been open, in nanoseconds.
    public var waited: UInt64
    /// Nanoseconds since its session began.
    public var age: UInt64
}

extension Broker {
    /// The channel of a handle, as it is now.
    public func snapshot(session: UInt32, handle number: UInt32) -> Result<ChannelSnapshot, Failure> {
        guard let handle = openHandle(session, number) else {
            return .failure(Failure(.noSuchHandle, text: "no open handle \(number)"))
        }
        return .success(snapshot(handles[handle].channel))
    }

    /// The channel of that name, for its owner, an administrator, or who could open it.
    public func snapshot(session: UInt32, name: String) -> Result<ChannelSnapshot, Failure> {
        inspectable(name, session: session).map { snapshot($0) }
    }

    /// Up to `count` channels that the session may see, from a cursor on that starts at 0.
    ///
    /// Looks at a bounded number of channels, so a page may be empty although the cursor goes on; it is 0 at
    /// the end.
    public func list(session: UInt32, from cursor: UInt64, count: Int) -> (
        next: UInt64, page: [ChannelSnapshot]
    ) {
        let identity = sessions[session].identity
        var page: [ChannelSnapshot] = []
        var slot = UInt32(clamping: cursor)
        let end = min(UInt64(channels.highWater), UInt64(slot) + 4096)
        while UInt64(slot) < end, page.count < count {
            if channels.contains(slot), mayInspect(slot, identity) { page.append(snapshot(slot)) }
            slot += 1
        }
        return (slot < channels.highWater ? UInt64(slot) : 0, page)
    }

    /// The handles of a channel and who waits on it, up to `count` after the first `cursor` ones.
    public func parties(
        session: UInt32, name: String, from cursor: UInt64, count: Int
    ) -> Result<(next: UInt64, page: [ChannelParty]), Failure> {
        inspectable(name, session: session).map { channel in
            var page: [ChannelParty] = []
            var more = false
            forEachParty(of: channel, from: cursor) { party in
                guard page.count < count else {
                    more = true
                    return false
                }
                page.append(party)
                return true
            }
            return (more ? cursor + UInt64(page.count) : 0, page)
        }
    }

    /// Shows the parties after the first `cursor` ones, until `body` has enough.
    ///
    /// Those before are only counted: with a record of each, a page would cost as much as all before it.
    func forEachParty(of channel: UInt32, from cursor: UInt64, _ body: (ChannelParty) -> Bool) {
        var index: UInt64 = 0
        var handle = channels[channel].firstHandle
        while handle != none {
            if index >= cursor, !body(handleParty(handle)) { return }
            index += 1
            handle = handles[handle].next
        }
        for first in [channels[channel].activity.senders.head, channels[channel].activity.receivers.head] {
            var waiter = first
            while waiter != none {
                if index >= cursor, !body(party(waiter)) { return }
                index += 1
                waiter = waiters[waiter].next
            }
        }
    }

    /// A session's handle, or a message's that passes the channel: that has no session and no process.
    private func handleParty(_ handle: UInt32) -> ChannelParty {
        let there = handles[handle]
        guard there.session != none else {
            return ChannelParty(
                kind: .handle, role: there.role, inSelect: false, session: 0, pid: 0,
                uid: accounts[messages[there.message].account].uid, request: 0,
                waited: now - min(now, there.since), age: 0)
        }
        let session = sessions[there.session]
        return ChannelParty(
            kind: .handle, role: there.role, inSelect: false, session: session.id,
            pid: session.identity.pid, uid: session.identity.uid, request: 0,
            waited: now - min(now, there.since), age: now - min(now, session.since))
    }

    private func party(_ waiter: UInt32) -> ChannelParty {
        let operation = operations[waiters[waiter].operation]
        let session = sessions[operation.session]
        return ChannelParty(
            kind: waiters[waiter].isSend ? .sendWaiter : .receiveWaiter,
            role: [], inSelect: operation.isSelect, session: session.id,
            pid: session.identity.pid, uid: session.identity.uid, request: operation.request,
            waited: now - min(now, operation.since), age: now - min(now, session.since))
    }

    private func mayInspect(_ channel: UInt32, _ identity: Identity) -> Bool {
        maySee(channels[channel].owner, identity)
    }

    func inspectable(_ name: String, session: UInt32) -> Result<UInt32, Failure> {
        let identity = sessions[session].identity
        return resolve(name, for: identity).flatMap { resolved in
            guard let channel = channelSlot(named: resolved.absolute) else {
                if case .user = resolved.place, !identity.isAdministrator {
                    return .failure(
                        Failure(
                            .notPermitted, text: "uid \(identity.uid) may not inspect \(resolved.absolute)"))
                }
                return .failure(Failure(.noSuchChannel, text: "there is no channel \(resolved.absolute)"))
            }
            guard
                resolved.place == .unnamed || mayInspect(channel, identity)
                    || isPermitted(.receive, on: channel, identity)
            else {
                return .failure(
                    Failure(.notPermitted, text: "uid \(identity.uid) may not inspect \(resolved.absolute)"))
            }
            return .success(channel)
        }
    }

    func snapshot(_ channel: UInt32) -> ChannelSnapshot {
        let there = channels[channel]
        return ChannelSnapshot(
            name: there.shownName, typeTag: there.activity.typeTag, generation: there.generation,
            capacity: there.capacity,
            queued: there.queued, queuedBytes: there.queuedBytes, unsettled: there.activity.unsettled,
            ahead: there.activity.ahead, leased: there.activity.leased, setAside: there.activity.aside.count,
            accepted: there.accepted,
            settled: there.activity.settled, delivered: there.activity.delays.delivered,
            maxBytes: there.maxBytes,
            sendWaiters: there.activity.senders.count,
            receiveWaiters: there.activity.receivers.count, sendHandles: there.sendHandles,
            receiveHandles: there.receiveHandles, owner: there.owner, group: there.group, mode: there.mode,
            isClosed: there.flags.contains(.closed), isPaused: there.flags.contains(.paused),
            isKept: there.flags.contains(.keep),
            isRemoved: there.flags.contains(.removed),
            closesWithLastSender: there.flags.contains(.closeWithLastSender),
            failsWithLastReceiver: there.flags.contains(.failWithLastReceiver),
            isSendReady: isSendReady(channel), isReceiveReady: isReceiveReady(channel),
            closeReason: closeReasons[channel] ?? CloseReason())
    }
}
