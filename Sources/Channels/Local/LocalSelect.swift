// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// A select over channels of the process: one select of their broker.
///
/// Unchecked, as every ``LocalOperation``.
final class LocalSelect: LocalOperation, @unchecked Sendable {
    private let actions: [SelectAction]
    private let ordered: Bool
    private var element: (any Sendable)?

    init(_ actions: [SelectAction], timeout: Int64, ordered: Bool) throws {
        guard actions.count < Int(UInt16.max) else {
            throw ChandError(
                .quotaExceeded, "a select has \(actions.count) cases, over the limit of \(UInt16.max - 1)")
        }
        self.actions = actions
        self.ordered = ordered
        super.init(.process, timeout: timeout)
    }

    override func take(_ slot: UInt32, of store: LocalStore) { element = store.takeAny(slot) }

    /// Waits for the winner; nil where the time ran out.
    ///
    /// - Parameter mayBegin: asked with the lock held; where it says no, the select is withdrawn.
    func winner(
        mayBegin: (borrowing LocalSpace.State) -> Bool = { _ in true }
    ) async throws -> SelectWinner? {
        try await run { state, request in
            guard mayBegin(state) else {
                return state.sink.failed(
                    session: space.session, request: request, failure: Failure(.cancelled))
            }
            begin(as: request, &state)
        }
        switch outcome {
        case .done:
            return SelectWinner(index: caseIndex, outcome: element.map { .received($0) } ?? .sent)
        case .failed(let failure): return try winner(of: failure)
        case .pending: preconditionFailure("a select that is not over returned")
        }
    }

    /// Begins it; with the lock held.
    func begin(as request: UInt64, _ state: inout LocalSpace.State) {
        for (index, action) in actions.enumerated() {
            guard let handle = action.near, handle.isClosed else { continue }
            var failure = handle.obstacle
            failure.caseIndex = UInt16(index)
            return state.sink.failed(session: space.session, request: request, failure: failure)
        }
        var cases: [ChanCore.SelectCase] = []
        cases.reserveCapacity(actions.count)
        for action in actions {
            switch action {
            case .receiveNear(let handle): cases.append(ChanCore.SelectCase(.receive, handle: handle.number))
            case .sendNear(let handle, let message):
                cases.append(ChanCore.SelectCase(.send, handle: handle.number, chain: message(&state)))
            case .never, .receive, .send, .source, .timeout, .otherwise:
                cases.append(ChanCore.SelectCase(.never))
            }
        }
        state.broker.select(
            session: space.session, request: request, cases: cases, ordered: ordered, timeout: timeout,
            into: &state.sink)
    }

    private func winner(of failure: Failure) throws -> SelectWinner? {
        if failure.kind == .wouldBlock || failure.kind == .timeout { return nil }
        let index = failure.caseIndex.map { Int($0) }
        switch LocalFailure.error(failure, channel: index.flatMap { actions[$0].near?.name }) {
        case let closed as ChannelClosed where index != nil:
            return SelectWinner(index: index ?? 0, outcome: .closed(closed))
        case let error as ChandError where failure.kind == .noReceivers:
            return SelectWinner(index: index ?? 0, outcome: .failed(error))
        case let error: throw error
        }
    }
}

extension SelectAction {
    /// Whether it is to be replaced by a channel.
    var isSource: Bool {
        guard case .source = self else { return false }
        return true
    }

    /// The handle of a case inside the process.
    var near: LocalHandle? {
        switch self {
        case .receiveNear(let handle), .sendNear(let handle, _): handle
        case .never, .receive, .send, .source, .timeout, .otherwise: nil
        }
    }
}
