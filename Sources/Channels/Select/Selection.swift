// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// One select from the call to its winner.
struct Selection {
    private(set) var actions: [SelectAction]
    private let ordered: Bool
    /// How many selects it is in one turn.
    private let limit: Int
    /// Nanoseconds as on the wire.
    private var timeout: Int64
    /// The case that is told when the time runs out, if it is not the caller himself.
    private(set) var late: SelectWinner?
    private let hasSources: Bool

    /// - Parameter timeout: the caller's own limit, besides those of timeout cases.
    init(_ actions: [SelectAction], timeout: Int64, ordered: Bool, limit: Int = 1) {
        self.actions = actions
        self.ordered = ordered
        self.timeout = timeout
        self.limit = limit
        hasSources = actions.contains(where: \.isSource)
        for (index, action) in actions.enumerated() {
            switch action {
            case .timeout(let time) where self.timeout < 0 || time < self.timeout:
                self.timeout = time
                late = SelectWinner(index: index, outcome: .timedOut)
            case .otherwise:
                self.timeout = WireTimeout.none
                late = SelectWinner(index: index, outcome: .otherwise)
                return
            case .timeout, .never, .source, .receive, .send, .receiveNear, .sendNear:
                break
            }
        }
    }

    /// Waits for the winner; nil where the caller's own limit of time was reached first.
    func run() async throws -> SelectWinner? { try await runSeveral().first }

    /// Waits for the winners of several selects in one turn; none where the caller's own limit of time was reached
    /// first.
    func runSeveral() async throws -> [SelectWinner] {
        guard LocalSpace.process.origin.isHere else { throw ChandError.forked }
        guard hasSources else { return try await winners() }
        let armed = try ArmedSources(actions)
        var selection = self
        selection.actions = armed.actions
        let winners = try await selection.winners()
        return await armed.outcomes(of: winners)
    }

    private func winners() async throws -> [SelectWinner] {
        let far = try loop()
        if actions.contains(where: { $0.near != nil }) { return try await winnersWithNear(far) }
        guard let loop = far else {
            try await waitAlone()
            return [late].compactMap { $0 }
        }
        let winners = try await operation(on: loop).allWinners()
        return winners.isEmpty ? [late].compactMap { $0 } : winners
    }

    /// The winners of selects that have cases inside the process, one select after the other: only the first waits.
    private func winnersWithNear(_ loop: ClientLoop?) async throws -> [SelectWinner] {
        var winners: [SelectWinner] = []
        while winners.count < limit {
            let timeout = winners.isEmpty ? timeout : WireTimeout.none
            let winner: SelectWinner?
            do {
                if let loop {
                    winner = try await MixedSelect(
                        loop: loop, actions: actions, timeout: timeout, ordered: ordered
                    ).winner()
                } else {
                    winner = try await LocalSelect(actions, timeout: timeout, ordered: ordered).winner()
                }
            } catch _ where !winners.isEmpty {
                // What is committed is returned, whatever became of the next (rule 22).
                break
            }
            guard let winner else { break }
            if case .closed = winner.outcome, !winners.isEmpty { break }
            winners.append(winner)
            if case .closed = winner.outcome { break }
        }
        return winners.isEmpty ? [late].compactMap { $0 } : winners
    }

    /// Makes the operation of a select without cases inside the process.
    func operation(on loop: ClientLoop) throws -> SelectOperation {
        let operation = SelectOperation(loop, actions, timeout: timeout, ordered: ordered, limit: limit)
        try operation.encode()
        return operation
    }

    /// The loop of the one daemon that the cases are on; nil where none is on any.
    func loop() throws -> ClientLoop? {
        var found: ClientLoop?
        for action in actions {
            let handle: RemoteHandle
            switch action {
            case .receive(let channel), .send(let channel, _): handle = channel
            case .never, .source, .timeout, .otherwise, .receiveNear, .sendNear: continue
            }
            if let found, found !== handle.loop {
                throw ChandError(
                    .invalidArgument,
                    "a select has cases on channels of two clients; all must come from the same one",
                    channel: handle.name)
            }
            if actions.count > handle.limits.maxSelectCases {
                throw ChandError(
                    .quotaExceeded,
                    "a select has \(actions.count) cases, over the limit of \(handle.limits.maxSelectCases)",
                    channel: handle.name)
            }
            found = handle.loop
        }
        return found
    }

    /// Waits where no channel can ever proceed: for the time, or until the task is cancelled.
    private func waitAlone() async throws {
        if timeout >= 0 { return try await Task.sleep(for: .nanoseconds(timeout)) }
        while true { try await Task.sleep(for: .seconds(3600)) }
    }
}
