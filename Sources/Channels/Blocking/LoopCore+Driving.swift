// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// A client's loop without a thread: the calling thread does its work while it waits for one operation.
extension LoopCore {
    /// Takes what other threads have left, and begins to count time.
    func beginTurn() {
        _ = takeShared()
        connection.startTurn(now: MonotonicClock.now())
    }

    /// Writes, waits and reads until something is so.
    func drive(until isReached: () -> Bool) {
        while !isReached() {
            connection.flush()
            if isReached() { return }
            waitForSocket()
        }
    }

    private func waitForSocket() {
        var readiness = Readiness.read
        // Without a limit of time the read itself waits, which saves a call.
        let limit = connection.nextWakeUp
        if limit != nil || connection.interest != .read {
            do {
                readiness = try Transfer.wait(
                    connection.descriptor, for: connection.interest,
                    until: limit.map { MonotonicClock.now() &+ $0 })
            } catch {
                connection.lose(ChandError(.connectionLost, "\(error)", errno: error.errno))
            }
        }
        connection.ready(readiness)
        connection.startTurn(now: MonotonicClock.now())
        connection.finishReading()
    }
}
