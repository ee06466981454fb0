// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// A select with cases inside the process and on a daemon's channels, which commits exactly one.
///
/// Only one half is ever where it could commit: the far one while it is parked with the daemon, the near one
/// after the daemon has said that the far one is withdrawn. So a mixed select may lose its place in a queue,
/// and never a message.
struct MixedSelect {
    let loop: ClientLoop
    let actions: [SelectAction]
    let timeout: Int64
    let ordered: Bool

    /// Waits for the winner; nil where the time ran out.
    func winner() async throws -> SelectWinner? {
        let start = MonotonicClock.now()
        let isFarFirst = drawSide()
        if isFarFirst, let winner = try await far(timeout: WireTimeout.none).winner() { return winner }
        if let winner = try await near(timeout: WireTimeout.none).winner() { return winner }
        if timeout == WireTimeout.none {
            return isFarFirst ? nil : try await far(timeout: WireTimeout.none).winner()
        }
        let watcher = LocalWatcher(actions)
        watcher.register()
        defer { watcher.unregister() }
        do {
            return try await wait(watcher, since: start)
        } catch let error as ChandError where error.code == .wrongRole && actions.allSatisfy(\.hasRole) {
            // They had their roles before: one was stopped, and this waited.
            throw DaemonFailure.error(Failed(.handleClosed), channel: error.channel)
        }
    }

    /// Waits for the winner by one half after the other, none of whose cases could proceed.
    private func wait(_ watcher: LocalWatcher, since start: UInt64) async throws -> SelectWinner? {
        func left() -> Int64 { WireTime.remaining(of: timeout, since: start) }
        while true {
            switch try await waitFar(watcher, timeout: left()) {
            case .over(let winner?): return winner
            // The time loses a tie against a case that can proceed.
            case .over(nil): return try await near(timeout: WireTimeout.none).winner()
            case .withdrawn: break
            }
            if let winner = try await near(timeout: WireTimeout.none).winner() { return winner }
            switch try await waitNear(watcher, timeout: left()) {
            case .over(let winner?): return winner
            case .over(nil): return try await far(timeout: WireTimeout.none).winner()
            case .withdrawn: break
            }
        }
    }

    private enum Ending {
        /// With a winner, or because the time ran out.
        case over(SelectWinner?)
        /// Without effect, because the watcher asked for it.
        case withdrawn
    }

    private func far(timeout: Int64) throws -> SelectOperation {
        let operation = SelectOperation(loop, actions, timeout: timeout, ordered: ordered)
        // Or it would wait for a daemon that is away, and the near half with it.
        operation.isProbe = timeout == WireTimeout.none
        try operation.encode()
        return operation
    }

    private func near(timeout: Int64) throws -> LocalSelect {
        try LocalSelect(actions, timeout: timeout, ordered: ordered)
    }

    /// Parks the far half until it is over, or until the near half could proceed.
    private func waitFar(_ watcher: LocalWatcher, timeout: Int64) async throws -> Ending {
        let operation = try far(timeout: timeout)
        watcher.watch { operation.cancel() }
        defer { watcher.rest() }
        return try await ending { try await operation.winner() }
    }

    /// Parks the near half while another select waits for that; at once withdrawn where none does.
    private func waitNear(_ watcher: LocalWatcher, timeout: Int64) async throws -> Ending {
        let operation = try near(timeout: timeout)
        defer { watcher.rest() }
        return try await ending {
            try await operation.winner { state in watcher.lead(state) { operation.cancel() } }
        }
    }

    private func ending(_ wait: () async throws -> SelectWinner?) async throws -> Ending {
        do {
            return .over(try await wait())
        } catch is CancellationError where !Task.isCancelled {
            return .withdrawn
        }
    }

    /// A draw weighted by the number of cases says which side is tried first; in order, the first case does.
    private func drawSide() -> Bool {
        var sides: [Bool] = []
        for action in actions {
            switch action {
            case .receive, .send: sides.append(true)
            case .receiveNear, .sendNear: sides.append(false)
            case .never, .source, .timeout, .otherwise: break
            }
        }
        return (ordered ? sides.first : sides.randomElement()) ?? false
    }
}
