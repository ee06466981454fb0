// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Sessions end with the process that made them, although a forked child may still hold the socket (rule X27).
extension Server {
    /// Watches the process of a peer that has said HELLO, where the kernel has a descriptor for it; else the socket alone
    /// says when it ends.
    ///
    /// That is so on kernels without it, and while this process has no descriptor left: a session needs none of these
    /// to work. Not before HELLO, so that who says nothing takes no more than one, and each session its own: the number
    /// of a process would not do to share one, since it is 0 for all of another namespace.
    func watchProcess(of connection: Connection) {
        do throws(SystemError) {
            connection.process = try PeerCredentials.processDescriptor(
                of: connection.descriptor.raw, pid: connection.credentials.pid)
        } catch {
            if error.errno == SystemError.noSuchProcess { processEnded(connection) }
        }
        guard let number = connection.process?.raw else { return }
        do throws(SystemError) {
            try poll.add(number, token: connection.token | ConnectionTable.processBit, interest: .read)
        } catch {
            systemFailed(error)
            connection.process = nil
        }
    }

    /// Watches it no longer.
    func forgetProcess(of connection: Connection) {
        if let process = connection.process.take() { unwatch(process.raw) }
    }

    /// The peer's process has exited: what it wrote before comes first, then its session ends.
    func processEnded(_ connection: Connection) {
        forgetProcess(of: connection)
        guard connection.state != .ended, !dying.contains(where: { $0 === connection }) else { return }
        // Only that: a child that goes on writing can't prolong the session.
        connection.unreadAtDeath = (try? UnixSocket.unreadBytes(connection.descriptor.raw)) ?? 0
        dying.append(connection)
    }

    /// Reads a turn's share of what dead processes left, and ends the sessions that have no more.
    func runDying() {
        let list = dying
        dying = []
        for connection in list where connection.state != .ended {
            // Its user's other sessions had his share of this turn.
            guard fairTurns.hasTurn(connection.account) else {
                dying.append(connection)
                continue
            }
            // What it asked for before it died is little, and nobody reads the answers.
            connection.delayedUntil = 0
            let isWaiting = !connection.backlog.isEmpty
            let count = read(connection)
            connection.unreadAtDeath -= count
            // Who is throttled has left answers unread that nobody will read now.
            let isStuck = connection.isThrottled || (count == 0 && !isWaiting)
            if isStuck || (connection.unreadAtDeath <= 0 && connection.backlog.isEmpty) {
                drop(connection, nil)
            } else if connection.state != .ended {
                dying.append(connection)
            }
        }
    }
}
