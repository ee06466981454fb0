// SPDX-License-Identifier: Apache-2.0

/// Every account is the sum of what is there.
extension Broker {
    func checkAccounts() throws(InvariantViolation) {
        var sums = try messageSums()
        for slot in 0..<channels.highWater where channels.contains(slot) {
            sums[channels[slot].account, default: Usage()].channels += 1
        }
        for slot in 0..<connections.highWater where connections.contains(slot) {
            sums[connections[slot].account, default: Usage()].sessions += 1
            sums[connections[slot].account, default: Usage()].buffers += connections[slot].buffers
            if connections[slot].isIncomplete {
                sums[connections[slot].account, default: Usage()].incompleteSessions += 1
            }
        }
        for slot in 0..<sessions.highWater where sessions.contains(slot) {
            let (account, numbers) = (sessions[slot].account, sessions[slot].handles.count)
            sums[account, default: Usage()].handles += numbers - sessions[slot].freeNumbers.count
            sums[account, default: Usage()].waiters += try checkedWaiters(of: slot)
        }
        for slot in 0..<watches.highWater where watches.contains(slot) {
            let session = operations[watches[slot].operation].session
            sums[sessions[session].account, default: Usage()].waits += 1
        }
        for slot in 0..<accounts.highWater where accounts.contains(slot) {
            let (used, sum) = (accounts[slot].used, sums[slot] ?? Usage())
            try require(used == sum, "the account of uid \(accounts[slot].uid) is \(used), should be \(sum)")
        }
        let incomplete = sums.values.reduce(0) { $0 + $1.incompleteSessions }
        try require(incomplete == incompleteConnections, "incomplete connections are miscounted")
        try require(
            messageBytes == sums.values.reduce(0) { $0 + $1.bytes }
                && buffers == sums.values.reduce(0) { $0 + $1.buffers }
                && senders == sums.values.count { $0.messages > 0 }, "the memory in use is miscounted")
    }

    /// What messages take of their senders' accounts and of others'.
    private func messageSums() throws(InvariantViolation) -> [UInt32: Usage] {
        var sums: [UInt32: Usage] = [:]
        var held: [UInt32: Holding] = [:]
        for slot in 0..<messages.highWater where messages.contains(slot) {
            let message = messages[slot]
            sums[message.account, default: Usage()].messages += 1
            sums[message.account, default: Usage()].bytes += Int(message.byteCount)
            forEachListing(of: slot) { _ in sums[message.account, default: Usage()].listings += 1 }
            guard message.share != none else { continue }
            try require(
                shares.contains(message.share) && shares[message.share].key.sender == message.account,
                "message \(slot) is on a wrong share")
            held[message.share, default: Holding()].messages += 1
            held[message.share, default: Holding()].bytes += Int(message.byteCount)
        }
        try require(
            shares.count == held.count && shareIndex.count == held.count, "a share is of no message")
        for (slot, holding) in held {
            let share = shares[slot]
            try require(share.held == holding, "share \(slot) is miscounted")
            try require(shareIndex[share.key] == slot, "share \(slot) is under a wrong key")
            try require(share.key.owner != share.key.sender, "share \(slot) is of its own account")
            sums[share.key.owner, default: Usage()].held.messages += holding.messages
            sums[share.key.owner, default: Usage()].held.bytes += holding.bytes
        }
        for slot in 0..<accounts.highWater where accounts.contains(slot) {
            try require(
                accounts[slot].shares == shareIndex.keys.count { $0.owner == slot },
                "the shares of uid \(accounts[slot].uid) are miscounted")
        }
        return sums
    }

    /// The session's waiters, counted by its list of operations.
    private func checkedWaiters(of session: UInt32) throws(InvariantViolation) -> Int {
        var count = 0
        var previous = none
        var operation = sessions[session].firstOperation
        while operation != none {
            try require(operations[operation].previous == previous, "session \(session): a broken list")
            try require(operations[operation].session == session, "session \(session): another's operation")
            count += max(1, Int(operations[operation].waiterCount))
            previous = operation
            operation = operations[operation].next
        }
        try require(count == sessions[session].waiterCount, "session \(session): waiters are miscounted")
        return count
    }
}
