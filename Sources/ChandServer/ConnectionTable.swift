// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Every connection by its poll token, and whose time may run out.
///
/// A token is slot and life of the slot together: an event for a connection that has gone since finds nothing.
struct ConnectionTable {
    private var slots: [Connection?] = []
    private var lives: [UInt32] = []
    private var free: [Int] = []
    /// Connections in all.
    private(set) var count = 0
    /// Those with a deadline, in no order; few at any time.
    private var timed: [Connection] = []
    /// No deadline is earlier; it may be earlier than the next one.
    private(set) var nextDeadline = UInt64.max

    /// What a token has for the connection's process rather than its socket.
    static let processBit: UInt64 = 0x8000_0000

    subscript(_ token: UInt64) -> Connection? {
        let slot = Int(truncatingIfNeeded: token & 0x7FFF_FFFF)
        guard slot < slots.count, lives[slot] == UInt32(truncatingIfNeeded: token >> 32) else { return nil }
        return slots[slot]
    }

    var all: [Connection] { slots.compactMap { $0 } }

    mutating func insert(_ connection: Connection) {
        let slot: Int
        if let last = free.popLast() {
            slot = last
        } else {
            slot = slots.count
            slots.append(nil)
            lives.append(0)
        }
        slots[slot] = connection
        connection.token = UInt64(lives[slot]) << 32 | UInt64(slot)
        count += 1
        watchDeadline(of: connection)
    }

    /// Returns whether it was there.
    mutating func remove(_ connection: Connection) -> Bool {
        let slot = Int(truncatingIfNeeded: connection.token & 0x7FFF_FFFF)
        guard self[connection.token] === connection else { return false }
        forgetDeadline(of: connection)
        slots[slot] = nil
        // The highest life is never reached in practice; wrapping keeps tokens below the reserved ones.
        lives[slot] = lives[slot] == UInt32.max - 1 ? 0 : lives[slot] + 1
        free.append(slot)
        count -= 1
        return true
    }

    /// The connection's deadline was set.
    mutating func watchDeadline(of connection: Connection) {
        guard connection.deadline != .max else { return }
        if connection.timedIndex == nil {
            connection.timedIndex = timed.count
            timed.append(connection)
        }
        nextDeadline = min(nextDeadline, connection.deadline)
    }

    /// The connection has no deadline any more.
    mutating func forgetDeadline(of connection: Connection) {
        connection.deadline = .max
        guard let index = connection.timedIndex else { return }
        connection.timedIndex = nil
        let last = timed.removeLast()
        guard last !== connection else { return }
        timed[index] = last
        last.timedIndex = index
    }

    /// Those whose time has run out, once each.
    mutating func overdue(now: UInt64) -> [Connection] {
        guard now >= nextDeadline else { return [] }
        let late = timed.filter { $0.deadline <= now }
        for connection in late { forgetDeadline(of: connection) }
        nextDeadline = timed.reduce(.max) { min($0, $1.deadline) }
        return late
    }
}
