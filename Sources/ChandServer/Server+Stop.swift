// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire
import ChandConfig
import Systemd

/// The orderly stop: nobody new, nothing new for anybody, time to finish what was begun, and a word to everyone.
extension Server {
    /// Begins to stop; asked again, it does not wait any longer.
    func requestStop() {
        let now = MonotonicClock.now()
        hasNews = true
        guard stopDeadline == nil else {
            stopDeadline = now
            return
        }
        stopDeadline = now &+ configuration.shutdown.drainTimeout.nanoseconds
        Notifier.stopping(status: "saying goodbye to \(connections.count) sessions")
        doors.close(poll)
        log.info(
            "stopping: \(connections.count) sessions, \(hub.broker.messageCount) messages not settled",
            event: .stopping)
        hub.broker.holdReceives()
    }

    /// Says goodbye to every session that has nothing left to settle.
    func releaseFinishedSessions() {
        for connection in connections.all where connection.state != .ended {
            guard connection.state == .connected || !hub.broker.hasUnsettled(session: connection.session)
            else { continue }
            drop(connection, Self.goodbye)
        }
    }

    private static var goodbye: Goodbye { Goodbye(.shuttingDown, "the daemon stops") }

    /// Whether the stop has nothing more to wait for: everybody has read what was theirs.
    func isStopped(now: UInt64) -> Bool {
        guard let stopDeadline else { return false }
        return now >= stopDeadline || connections.count == 0
    }

    /// Counts what is lost, and says goodbye to whoever is left.
    func end() {
        logLosses()
        for connection in connections.all {
            hub.end(connection, Self.goodbye)
            if !isDrained(connection) { close(connection) }
        }
    }

    /// One line for each channel that still holds messages, up to a hundred, and one for all.
    private func logLosses() {
        var lost: (channels: Int, messages: Int) = (0, 0)
        hub.broker.forEachHolding { name, messages, bytes in
            lost.channels += 1
            lost.messages += messages
            guard lost.channels <= 100 else { return }
            log.write(
                .warning, "\(name): \(messages) messages (\(bytes) bytes queued) go with the daemon",
                event: .messagesLost, fields: [.channel(name), .messages(messages), .bytes(bytes)])
        }
        guard lost.channels > 0 else { return }
        log.warning(
            "\(lost.messages) messages of \(lost.channels) channels go with the daemon", event: .stopping)
    }

    /// Writes to who is being told goodbye, and closes if that was all, or no use.
    func isDrained(_ connection: Connection) -> Bool {
        var result: WriteQueue.FlushResult
        repeat {
            result = connection.output.flush(to: connection.descriptor.raw) {
                MessageBody.release(token: $0, to: hub.outbox.bodies)
            }
        } while result == .more
        guard result != .wouldBlock else { return false }
        close(connection)
        return true
    }
}
