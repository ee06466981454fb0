// SPDX-License-Identifier: Apache-2.0

/// What each user may have (rule 27): asked before anything is made for it.
extension Broker {
    /// The failure of taking `more` of something, nil where that stays within the limit.
    @inlinable
    func refusal(_ limit: String, used: Int, more: Int, allowed: Int) -> Failure? {
        let (sum, overflow) = used.addingReportingOverflow(more)
        return overflow || sum > allowed ? quota(limit, used, allowed) : nil
    }

    @usableFromInline
    func quota(_ limit: String, _ used: Int, _ allowed: Int) -> Failure {
        Failure(.quotaExceeded, text: "limit \(limit): used \(used) of \(allowed)")
    }

    mutating func account(of uid: UInt32) -> UInt32 {
        if let account = accountIndex[uid] { return account }
        let account = accounts.insert(Account(uid: uid))
        accountIndex[uid] = account
        return account
    }

    // MARK: Messages

    /// Whether the session's user may send `count` more messages of `byteCount` bytes through a handle.
    ///
    /// To be asked before anything is allocated for them. Returns an empty chain, which knows on whose account besides
    /// the sender's its messages are, for that many messages; or the failure that the sender gets.
    @inlinable
    public func admit(
        session: UInt32, handle number: UInt32, count: Int, byteCount: Int
    ) -> Result<MessageChain, Failure> {
        let account = sessions[session].account
        if let failure = refusal(
            "messages_per_user", used: accounts[account].used.messages, more: count,
            allowed: limits.messagesPerUser)
            ?? refusal(
                "bytes_per_user", used: accounts[account].used.bytes, more: byteCount,
                allowed: limits.bytesPerUser)
            ?? memoryFailure(account, count: count, byteCount: byteCount)
        {
            return .failure(failure)
        }
        var chain = MessageChain()
        if let handle = openHandle(session, number) {
            chain.owner = owner(of: handles[handle].channel, besides: account)
            if chain.owner != none,
                let failure = shareFailure(chain.owner, account, count: count, byteCount: byteCount)
            {
                return .failure(failure)
            }
        }
        return .success(chain)
    }

    /// The account that holds messages of `sender` in the channel; `none` for the sender's own.
    ///
    /// A declared channel is the operator's: what it may hold is `max_bytes`, not what its owner is worth.
    @inlinable
    func owner(of channel: UInt32, besides sender: UInt32) -> UInt32 {
        let owner = channels[channel].account
        return owner == sender || channels[channel].flags.contains(.declared) ? none : owner
    }

    /// Why a user may not put that much more into another's channels; nil where he may.
    @usableFromInline
    func shareFailure(_ owner: UInt32, _ sender: UInt32, count: Int, byteCount: Int) -> Failure? {
        let slot = shareIndex[Share.Key(owner: owner, sender: sender)]
        let mine = slot.map { shares[$0].held } ?? Holding()
        let users = accounts[owner].shares + (slot == nil ? 1 : 0)
        let held = accounts[owner].used.held
        func failure(_ limit: String, _ mine: Int, _ held: Int, _ allowed: Int) -> Failure {
            Failure(
                .quotaExceeded,
                text:
                    "limit \(limit) of uid \(accounts[owner].uid), whose channels others fill with \(held) of "
                    + "\(allowed): uid \(accounts[sender].uid) used its share with \(mine)")
        }
        guard
            Share.admits(
                count, share: mine.messages, users: users, remaining: limits.messagesPerUser - held.messages)
        else { return failure("messages_per_user", mine.messages, held.messages, limits.messagesPerUser) }
        guard
            Share.admits(
                byteCount, share: mine.bytes, users: users, remaining: limits.bytesPerUser - held.bytes)
        else { return failure("bytes_per_user", mine.bytes, held.bytes, limits.bytesPerUser) }
        return nil
    }

    /// Charges a message to who owns the channel that it goes to; returns the share, to be refunded with the message.
    @usableFromInline
    mutating func chargeShare(of owner: UInt32, sender: UInt32, byteCount: Int) -> UInt32 {
        let key = Share.Key(owner: owner, sender: sender)
        let slot: UInt32
        if let existing = shareIndex[key] {
            slot = existing
        } else {
            slot = shares.insert(Share(key: key))
            shareIndex[key] = slot
            accounts[owner].shares += 1
        }
        shares[slot].held.messages += 1
        shares[slot].held.bytes += byteCount
        accounts[owner].used.held.messages += 1
        accounts[owner].used.held.bytes += byteCount
        return slot
    }

    @usableFromInline
    mutating func refundShare(_ slot: UInt32, byteCount: Int) {
        shares[slot].held.messages -= 1
        shares[slot].held.bytes -= byteCount
        let key = shares[slot].key
        accounts[key.owner].used.held.messages -= 1
        accounts[key.owner].used.held.bytes -= byteCount
        guard shares[slot].held.messages == 0 else { return }
        shares.remove(slot)
        shareIndex[key] = nil
        accounts[key.owner].shares -= 1
    }

    /// Whether a message that leaves its channel for another is within its sender's share there.
    func mayMove(_ slot: UInt32, to channel: UInt32) -> Bool {
        let sender = messages[slot].account
        let owner = owner(of: channel, besides: sender)
        let share = messages[slot].share
        if owner == none || (share != none && shares[share].key.owner == owner) { return true }
        return shareFailure(owner, sender, count: 1, byteCount: Int(messages[slot].byteCount)) == nil
    }

    /// Has the owner of the channel that it moved to hold the message.
    mutating func moveShare(of slot: UInt32, to channel: UInt32) {
        let (sender, bytes) = (messages[slot].account, Int(messages[slot].byteCount))
        if messages[slot].share != none { refundShare(messages[slot].share, byteCount: bytes) }
        let owner = owner(of: channel, besides: sender)
        messages[slot].share =
            owner == none ? none : chargeShare(of: owner, sender: sender, byteCount: bytes)
    }

    // MARK: Connections

    /// Whether a user may connect once more; the failure that he is told.
    public func admitConnection(uid: UInt32) -> Failure? {
        let used = accountIndex[uid].map { accounts[$0].used } ?? Usage()
        return refusal("sessions", used: connections.count, more: 1, allowed: limits.sessions)
            ?? refusal(
                "sessions_per_user", used: used.sessions, more: 1, allowed: limits.sessionsPerUser)
            ?? refusal(
                "incomplete_sessions", used: incompleteConnections, more: 1,
                allowed: limits.incompleteSessions)
            ?? refusal(
                "incomplete_sessions_per_user", used: used.incompleteSessions, more: 1,
                allowed: limits.incompleteSessionsPerUser)
    }

    /// A user has connected and said nothing yet; returns what names the connection in the next two.
    public mutating func beginConnection(uid: UInt32) -> UInt32 {
        let account = account(of: uid)
        accounts[account].used.sessions += 1
        accounts[account].used.incompleteSessions += 1
        incompleteConnections += 1
        return connections.insert(Connection(account: account))
    }

    /// The connection's handshake is done; returns whether it was not so before.
    @discardableResult
    public mutating func completeConnection(_ connection: UInt32) -> Bool {
        guard connections[connection].isIncomplete else { return false }
        connections[connection].isIncomplete = false
        accounts[connections[connection].account].used.incompleteSessions -= 1
        incompleteConnections -= 1
        return true
    }

    /// The connection holds so many bytes now, besides what are messages.
    public mutating func setBuffers(_ byteCount: Int, of connection: UInt32) {
        let change = byteCount - connections[connection].buffers
        connections[connection].buffers = byteCount
        accounts[connections[connection].account].used.buffers += change
        buffers += change
    }

    /// The connection is gone.
    public mutating func endConnection(_ connection: UInt32) {
        completeConnection(connection)
        setBuffers(0, of: connection)
        accounts[connections.remove(connection).account].used.sessions -= 1
    }

    /// A small number that stands for the connection's user, always the same one.
    public func account(ofConnection connection: UInt32) -> Int { Int(connections[connection].account) }
}

/// A connection, before and during its session, as its user's account knows it.
@usableFromInline
struct Connection {
    @usableFromInline var account: UInt32
    @usableFromInline var isIncomplete = true
    @usableFromInline var buffers = 0
}
