// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// Whose turn it is: each user's sessions together get as much of a turn as one session may have.
extension Server {
    /// What a session's frames cost in this turn is its user's.
    func charge(_ connection: Connection, since before: (frames: Int, output: Int), read: Int) {
        let written = max(0, connection.output.count - before.output)
        fairTurns.charge(
            connection.account, frames: hub.framesRun &- before.frames, bytes: read &+ written)
    }

    /// The user's other sessions had his share of this turn: this one is among the first in the next.
    func deferTurn(of connection: Connection) {
        guard !connection.isDeferred else { return }
        connection.isDeferred = true
        deferred.append(connection)
        // Else the poll would report nobody but those who wait for their turn.
        setInterest(connection.interest.subtracting(.read), of: connection)
    }

    func serveDeferred() {
        let list = deferred
        deferred = []
        for connection in list {
            connection.isDeferred = false
            // Also if nothing is read now: a write sees to what is watched.
            if connection.state != .ended { hub.outbox.touch(connection) }
            read(connection)
        }
    }

    /// Those who asked for more pages than their rate allows go on when it does.
    func resumeDelayed() {
        for connection in hub.takeDelayed() { goOn(connection) }
    }

    /// What the session said and nobody ran has its turn; else it is watched again.
    private func goOn(_ connection: Connection) {
        if connection.backlog.isEmpty {
            hub.outbox.touch(connection)
        } else {
            backlogged.append(connection)
        }
    }

    // MARK: Memory

    /// While only the reserve of the memory is left, whoever's buffers take most of it gets no more of it than the rest:
    /// of the user who has most, the session that has most ends.
    func relieveMemory() {
        guard hub.broker.isShortOfMemory, hub.broker.buffers > hub.broker.memoryReserve else { return }
        let all = connections.all.filter { $0.state != .ended }
        let users = Dictionary(grouping: all, by: \.account).mapValues { $0.reduce(0) { $0 + $1.heldBytes } }
        guard let user = users.max(by: { $0.value < $1.value })?.key,
            let largest = all.filter({ $0.account == user }).max(by: { $0.heldBytes < $1.heldBytes })
        else { return }
        hasNews = true
        slowReceiver(
            largest, "limit memory_bytes: of all sessions this one has most unread, or unfinished")
    }
}
