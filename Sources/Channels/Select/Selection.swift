// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// One select from the call to its winner.
struct Selection {
    private let actions: [SelectAction]
    private let ordered: Bool
    /// Nanoseconds as on the wire.
    private var timeout: Int64
    /// The case that is told when the time runs out, if it is not the caller himself.
    private var late: SelectWinner?

    /// - Parameter timeout: the caller's own limit, besides those of timeout cases.
    init(_ actions: [SelectAction], timeout: Int64, ordered: Bool) {
        self.actions = actions
        self.ordered = ordered
        self.timeout = timeout
        for (index, action) in actions.enumerated() {
            switch action {
            case .timeout(let time) where self.timeout < 0 || time < self.timeout:
                self.timeout = time
                late = SelectWinner(index: index, outcome: .timedOut)
            case .otherwise:
                self.timeout = WireTimeout.none
                late = SelectWinner(index: index, outcome: .otherwise)
                return
            case .timeout, .never, .receive, .send, .receiveNear, .sendNear:
                break
            }
        }
    }

    /// Waits for the winner; nil where the caller's own limit of time was reached first.
    func run() async throws -> SelectWinner? {
        let isNear = actions.contains { $0.near != nil }
        guard let loop = try loop() else {
            if isNear {
                let operation = try LocalSelect(actions, timeout: timeout, ordered: ordered)
                return try await operation.winner() ?? late
            }
            try await waitAlone()
            return late
        }
        if isNear {
            let select = MixedSelect(loop: loop, actions: actions, timeout: timeout, ordered: ordered)
            return try await select.winner() ?? late
        }
        let operation = SelectOperation(loop, actions, timeout: timeout, ordered: ordered)
        try operation.encode()
        return try await operation.winner() ?? late
    }

    /// The loop of the one daemon that the cases are on; nil where none is on any.
    private func loop() throws -> ClientLoop? {
        var found: ClientLoop?
        for action in actions {
            let handle: RemoteHandle
            switch action {
            case .receive(let channel, _), .send(let channel, _): handle = channel
            case .never, .timeout, .otherwise, .receiveNear, .sendNear: continue
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
