// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem

/// The near half of a select that also has cases on a daemon's channels.
///
/// It is no waiter of the broker while the far half is parked, or both might commit. It watches instead, and is
/// woken when a near case can proceed; the far half is withdrawn then, and the near half tried in one step.
///
/// Of two such selects that could meet, neither is ready for the other. The elder leads: it is woken to withdraw its far half
/// and to park its near half as a waiter, for which the other is ready, and for as long as the other is there.
///
/// Unchecked: what changes is touched only with the space's lock held.
final class LocalWatcher: @unchecked Sendable {
    private enum Phase {
        /// The far half is parked, or about to be.
        case watching
        /// The near half is parked.
        case leading
        /// Neither, and whoever runs the select looks for itself.
        case woken
    }

    private let space: LocalSpace
    private let cases: [(handle: LocalHandle, isSend: Bool)]
    private var phase = Phase.woken
    private var withdraw: (@Sendable () -> Void)?

    init(_ actions: [SelectAction]) {
        space = .process
        cases = actions.compactMap { action in
            switch action {
            case .receiveNear(let handle): (handle, false)
            case .sendNear(let handle, _): (handle, true)
            case .never, .receive, .send, .source, .timeout, .otherwise: nil
            }
        }
    }

    // MARK: - The select

    /// Is there from now on, younger than all others.
    func register() { space.perform { $0.watchers.append(self) } }

    /// Is there no longer.
    func unregister() { space.perform { $0.watchers.removeAll { $0 === self } } }

    /// Watches; `withdraw` is called once, on any thread, when a near case can proceed or could with a partner.
    func watch(withdraw: @escaping @Sendable () -> Void) {
        space.perform { _ in
            phase = .watching
            self.withdraw = withdraw
        }
    }

    /// Watches no longer: the far half is over.
    func rest() {
        space.perform { _ in
            phase = .woken
            withdraw = nil
        }
    }

    /// Leads if there is somebody to be led; called with the lock held, and the near half is parked in that step.
    func lead(_ state: borrowing LocalSpace.State, withdraw: @escaping @Sendable () -> Void) -> Bool {
        guard state.watchers.contains(where: { isElder(than: $0, in: state) && couldMeet($0) }) else {
            return false
        }
        phase = .leading
        self.withdraw = withdraw
        return true
    }

    // MARK: - With the lock held

    /// What to call because of what has happened; nil where the watcher may stay as it is.
    func reaction(_ state: borrowing LocalSpace.State) -> (@Sendable () -> Void)? {
        switch phase {
        case .woken: return nil
        case .watching:
            let isReady = cases.contains { candidate in
                candidate.handle.isClosed
                    || state.broker.isReady(
                        session: space.session, handle: candidate.handle.number, sending: candidate.isSend)
            }
            guard
                isReady || state.watchers.contains(where: { isElder(than: $0, in: state) && couldMeet($0) })
            else { return nil }
        case .leading:
            if state.watchers.contains(where: { $0 !== self && couldMeet($0) }) { return nil }
        }
        phase = .woken
        return withdraw.take()
    }

    private func isElder(than other: LocalWatcher, in state: borrowing LocalSpace.State) -> Bool {
        guard other !== self else { return false }
        return state.watchers.first { $0 === self || $0 === other } === self
    }

    /// Whether a send of one and a receive of the other are on the same channel.
    private func couldMeet(_ other: LocalWatcher) -> Bool {
        cases.contains { mine in
            other.cases.contains { theirs in
                mine.isSend != theirs.isSend && mine.handle.anyStore === theirs.handle.anyStore
            }
        }
    }
}
