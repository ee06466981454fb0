// SPDX-License-Identifier: Apache-2.0

/// What everything together may take (rule 27): messages stop first, so that receives, settlements and inspection go on.
extension Broker {
    /// What a message takes besides its bytes: its slot, and what the owner's allocation adds.
    @inlinable static var messageCost: Int { MemoryLayout<Message<Body>>.stride + 44 }
    /// What a handle takes, with a small window.
    @inlinable static var handleCost: Int { MemoryLayout<Handle>.stride + 68 }
    /// What a channel takes, with what it has while it is used, its name and its place among the names.
    @inlinable static var channelCost: Int {
        MemoryLayout<Channel>.stride + MemoryLayout<ChannelActivity>.stride + 256
    }
    /// What a parked operation takes besides its cases, with its key and its deadline.
    @inlinable static var operationCost: Int { MemoryLayout<Operation>.stride + 96 }
    /// What a case takes.
    @inlinable static var waiterCost: Int { MemoryLayout<Waiter>.stride + 4 }

    /// What is there, in bytes, as far as it grows with use.
    @inlinable
    public var memoryInUse: Int {
        messageBytes &+ buffers &+ messages.count &* Self.messageCost &+ handles.count &* Self.handleCost
            &+ channels.count &* Self.channelCost &+ operations.count &* Self.operationCost
            &+ waiters.count &* Self.waiterCost
    }

    /// What of the memory is kept from messages.
    ///
    /// By default 56 MiB. What goes on without messages has to fit: to be told why a send failed takes each of 4096 sessions
    /// some 700 bytes, 3 MiB, and that a user parks all the receives he may, 40 MiB (the costs above).
    @inlinable public var memoryReserve: Int { limits.memoryBytes / 8 }

    /// Whether only the reserve is left.
    @inlinable public var isShortOfMemory: Bool { memoryInUse > limits.memoryBytes - memoryReserve }

    /// Whether the half is taken that is for whoever comes: from here on nobody's buffers may take more than the reserve.
    @inlinable public var isHalfFull: Bool { memoryInUse > (limits.memoryBytes - memoryReserve) / 2 }

    /// Whose connections hold most that is no message, by the number of the account, and how much that is.
    public var mostBuffers: (account: Int, bytes: Int) {
        var most = (account: 0, bytes: 0)
        for slot in 0..<accounts.highWater where accounts.contains(slot) {
            let bytes = accounts[slot].used.buffers
            if bytes > most.bytes { most = (Int(slot), bytes) }
        }
        return most
    }

    /// Why a user's messages would take too much of the memory; nil where they would not.
    @inlinable
    func memoryFailure(_ account: UInt32, count: Int, byteCount: Int) -> Failure? {
        let (more, overflow) = count.multipliedReportingOverflow(by: Self.messageCost)
        let allowed = limits.memoryBytes - memoryReserve
        let used = memoryInUse
        // The first half is for whoever comes: nobody's share is less.
        let (sum, isTooMuch) = used.addingReportingOverflow(byteCount)
        if !overflow, !isTooMuch, sum <= allowed / 2 - min(more, allowed / 2) { return nil }
        return memoryShareFailure(account, more: overflow ? .max : more, byteCount: byteCount, used, allowed)
    }

    /// Beyond that, what users' messages and buffers take is shared as what others put into a user's channels is.
    @usableFromInline
    func memoryShareFailure(
        _ account: UInt32, more: Int, byteCount: Int, _ used: Int, _ allowed: Int
    ) -> Failure? {
        let mine = accounts[account].used
        let share = mine.bytes + mine.messages * Self.messageCost + mine.buffers
        let (charge, overflow) = more.addingReportingOverflow(byteCount)
        let users = senders + (mine.messages == 0 ? 1 : 0)
        guard !overflow, Share.admits(charge, share: share, users: users, remaining: allowed - used) else {
            return quota("memory_bytes", used, allowed)
        }
        return nil
    }

    /// Why nothing more may be made that is no message, nil where it may.
    @inlinable
    var memoryFailure: Failure? {
        memoryInUse < limits.memoryBytes ? nil : quota("memory_bytes", memoryInUse, limits.memoryBytes)
    }
}
