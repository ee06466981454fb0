// SPDX-License-Identifier: Apache-2.0

/// A session at one instant.
public struct SessionSnapshot: Equatable, Sendable {
    /// The session's number.
    public var id: UInt64
    /// Who connected.
    public var pid: UInt32
    /// As which user.
    public var uid: UInt32
    /// As which group.
    public var gid: UInt32
    /// Open handles, and closed ones with deliveries left.
    public var handles: UInt32
    /// What waits, each case of a select counted.
    public var waiters: UInt32
    /// Deliveries that are not settled.
    public var unsettled: UInt64
    /// Nanoseconds since it began.
    public var age: UInt64
}

/// A waiting operation, or a case of it, at one instant.
public struct WaitingCase: Equatable, Sendable {
    /// What is waited for.
    public enum Kind: Equatable, Sendable {
        /// To send.
        case send
        /// To receive.
        case receive
        /// For a channel's state.
        case state
        /// For the receipt or settlement of what was sent (rule 20).
        case confirmation
        /// For nothing that could come (rule 13).
        case nothing
    }
    /// What is waited for.
    public var kind: Kind
    /// The session's number.
    public var session: UInt64
    /// Who connected.
    public var pid: UInt32
    /// As which user.
    public var uid: UInt32
    /// Nanoseconds since the session began.
    public var age: UInt64
    /// The operation's request.
    public var request: UInt64
    /// How long it has waited, in nanoseconds.
    public var waited: UInt64
    /// How long it goes on at most, in nanoseconds; nil for ever.
    public var left: UInt64?
    /// The case of a select.
    public var caseIndex: UInt16
    /// Cases of the operation that wait.
    public var cases: UInt32
    /// A case of a select.
    public var inSelect: Bool
    /// A receive that reads ahead.
    public var readsAhead: Bool
    /// The channel's name as it is shown; empty where there is none.
    public var channel: String
}

/// Who is there and what waits: one's own without any right, everybody's for administrators.
extension Broker {
    /// The most slots that a page looks at, so that it stays within a normal turn.
    private static var slotsPerPage: UInt64 { 4096 }
    /// Handles of sessions after which a page ends.
    private static var handlesPerPage: Int { 16_384 }

    func maySee(_ uid: UInt32, _ identity: Identity) -> Bool {
        identity.isAdministrator || uid == identity.uid
    }

    /// Up to `count` sessions that the session may see, from a cursor on that starts at 0.
    ///
    /// A page may be empty although the cursor goes on; it is 0 at the end.
    public func listSessions(
        session: UInt32, from cursor: UInt64, count: Int
    ) -> (next: UInt64, page: [SessionSnapshot]) {
        let identity = sessions[session].identity
        var page: [SessionSnapshot] = []
        var slot = UInt32(clamping: cursor)
        var handlesSeen = 0
        let end = min(UInt64(sessions.highWater), UInt64(slot) + Self.slotsPerPage)
        while UInt64(slot) < end, page.count < count, handlesSeen < Self.handlesPerPage {
            if sessions.contains(slot), maySee(sessions[slot].identity.uid, identity) {
                page.append(snapshot(ofSession: slot))
                handlesSeen += sessions[slot].handles.count
            }
            slot += 1
        }
        return (slot < sessions.highWater ? UInt64(slot) : 0, page)
    }

    private func snapshot(ofSession slot: UInt32) -> SessionSnapshot {
        let there = sessions[slot]
        var handleCount: UInt32 = 0
        var unsettled = 0
        for handle in there.handles where handle != none {
            handleCount += 1
            unsettled += handles[handle].window.live
        }
        return SessionSnapshot(
            id: there.id, pid: there.identity.pid, uid: there.identity.uid, gid: there.identity.gid,
            handles: handleCount, waiters: UInt32(clamping: there.waiterCount), unsettled: UInt64(unsettled),
            age: now - min(now, there.since))
    }

    /// Up to `count` cases of waiting operations that the session may see, from a cursor on that starts at 0.
    ///
    /// A credit that rests waits for nothing and is left out. As with ``list(session:from:count:)`` a page may be
    /// empty. A select that ends between two pages may be shown in part.
    public func listWaiting(
        session: UInt32, from cursor: UInt64, count: Int
    ) -> (next: UInt64, page: [WaitingCase]) {
        let identity = sessions[session].identity
        var page: [WaitingCase] = []
        var slot = UInt32(truncatingIfNeeded: cursor >> 32)
        var position = UInt32(truncatingIfNeeded: cursor)
        let end = min(UInt64(operations.highWater), UInt64(slot) + Self.slotsPerPage)
        while UInt64(slot) < end {
            if operations.contains(slot), maySee(sessions[operations[slot].session].identity.uid, identity),
                !append(slot, from: &position, to: &page, count: count)
            {
                return (UInt64(slot) << 32 | UInt64(position), page)
            }
            position = 0
            slot += 1
            // A cursor of 0 would be the end.
            if page.count >= count { break }
        }
        return (slot < operations.highWater ? UInt64(slot) << 32 : 0, page)
    }

    /// Appends an operation's cases; false where the page is full before its end, which `position` then says.
    private func append(
        _ slot: UInt32, from position: inout UInt32, to page: inout [WaitingCase], count: Int
    ) -> Bool {
        let operation = operations[slot]
        guard operation.firstWaiter != none else {
            page.append(caseless(operation))
            return true
        }
        var index: UInt32 = 0
        var waiter = operation.firstWaiter
        while waiter != none {
            if index >= position, !waiters[waiter].isResting {
                guard page.count < count else {
                    position = index
                    return false
                }
                let kind: WaitingCase.Kind = waiters[waiter].isSend ? .send : .receive
                var record = waitingCase(operation, kind, on: channels[waiters[waiter].channel].shownName)
                record.caseIndex = waiters[waiter].caseIndex
                record.readsAhead = waiters[waiter].isCredit
                page.append(record)
            }
            index += 1
            waiter = waiters[waiter].nextCase
        }
        return true
    }

    /// An operation that waits on no channel for a partner.
    private func caseless(_ operation: Operation) -> WaitingCase {
        if operation.watch != none {
            return waitingCase(operation, .state, on: channels[watches[operation.watch].channel].shownName)
        }
        guard operation.confirmation != none else { return waitingCase(operation, .nothing, on: "") }
        let confirmation = confirmations[operation.confirmation]
        // What was dead-lettered outlives its channel.
        let isThere =
            channels.contains(confirmation.channel)
            && channels[confirmation.channel].generation == confirmation.generation
        return waitingCase(
            operation, .confirmation, on: isThere ? channels[confirmation.channel].shownName : "")
    }

    private func waitingCase(
        _ operation: Operation, _ kind: WaitingCase.Kind, on channel: String
    ) -> WaitingCase {
        let session = sessions[operation.session]
        return WaitingCase(
            kind: kind, session: session.id, pid: session.identity.pid, uid: session.identity.uid,
            age: now - min(now, session.since), request: operation.request,
            waited: now - min(now, operation.since),
            left: operation.deadline == .max ? nil : operation.deadline - min(now, operation.deadline),
            caseIndex: 0, cases: operation.waiterCount, inSelect: operation.isSelect, readsAhead: false,
            channel: channel)
    }
}
