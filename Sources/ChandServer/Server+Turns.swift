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

    /// Ends the session that has most unread, or unfinished, of the user who has most of that: where it is more than the
    /// reserve of the memory and half of the rest is taken, so that it does not keep others from sending; and whoever
    /// has it, where all of them have more than that and only the reserve is left.
    func relieveMemory() {
        guard hub.broker.isHalfFull, hub.broker.buffers > hub.broker.memoryReserve else { return }
        let most = hub.broker.mostBuffers
        guard hub.broker.isShortOfMemory || most.bytes > hub.broker.memoryReserve,
            let largest = connections.all.filter({ $0.account == most.account && $0.state != .ended })
                .max(by: { $0.heldBytes < $1.heldBytes })
        else { return }
        hasNews = true
        slowReceiver(
            largest, "limit memory_bytes: of all sessions this one has most unread, or unfinished")
    }
}
