// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Rules 7 to 13.
extension ModelBroker {
    /// The cases of a select that may win now; none where it waits, fails as a whole, or is no select.
    public func allowedWinners(of input: BrokerInput) -> Set<Int> {
        guard case .select(let session, _, let inputs, let ordered, _) = input,
            fault(in: inputs, session) == nil
        else { return [] }
        let ready = Set(inputs.indices.filter { isReady(inputs[$0], session) })
        return ordered ? Set([ready.min()].compactMap { $0 }) : ready
    }

    mutating func select(
        _ key: RequestKey, _ inputs: [CaseInput], _ ordered: Bool, _ timeout: Int64, _ hint: Hint
    ) throws(NotAllowed) {
        let sent = inputs.compactMap(\.message)
        if exceedsQuota(key.session, sent) { return refuse(key, .quotaExceeded, sent) }
        if let failure = fault(in: inputs, key.session) { return refuse(key, failure, sent) }
        let allowed = allowedWinners(
            of: .select(
                session: key.session, request: key.request, inputs, ordered: ordered, timeout: timeout))
        guard let first = allowed.min() else {
            if let winner = hint.winner { throw NotAllowed(description: "case \(winner) won, none is ready") }
            arrive(
                ModelOperation(key: key, cases: cases(inputs, key.session), isSelect: true, limit: 1),
                on: [], timeout)
            return
        }
        let winner = hint.winner ?? first
        guard allowed.contains(winner) else {
            throw NotAllowed(description: "case \(winner) won, allowed is one of \(allowed.sorted())")
        }
        commit(winner, inputs, key)
    }

    /// From here on the winner is alone: the others never were (rule 8).
    private mutating func commit(_ winner: Int, _ inputs: [CaseInput], _ key: RequestKey) {
        let losers = inputs.indices.filter { $0 != winner }.compactMap { inputs[$0].message }
        discarded += losers.map(\.body)
        guard var mine = cases(inputs, key.session).first(where: { $0.index == UInt16(winner) }) else {
            return
        }
        if mine.isSend, var failure = sendFailure(mine.channel) {
            failure.caseIndex = mine.index
            discarded += mine.messages.map(\.body)
            late = .failed(session: key.session, request: key.request, failure: failure)
        } else if !mine.isSend, reportsClosed(mine.channel, untilDrained: mine.untilDrained) {
            let reason = channels[mine.channel]?.reason ?? CloseReason()
            late = .failed(
                session: key.session, request: key.request,
                failure: Failure(.closed, caseIndex: mine.index, reason: reason.code, text: reason.text))
        } else {
            mine.index = UInt16(winner)
            arrive(
                ModelOperation(key: key, cases: [mine], isSelect: true, limit: 1), on: [mine.channel], -1)
        }
    }

    private func cases(_ inputs: [CaseInput], _ session: UInt32) -> [ModelCase] {
        inputs.indices.compactMap { index in
            let input = inputs[index]
            guard input.kind != .never, let handle = openHandle(session, input.handle) else { return nil }
            return ModelCase(
                index: UInt16(index), isSend: input.kind == .send, handle: input.handle,
                channel: handle.channel, untilDrained: input.untilDrained,
                messages: own(input.message.map { [$0] } ?? [], session))
        }
    }

    /// The first case that could never be carried out.
    private func fault(in inputs: [CaseInput], _ session: UInt32) -> Failure? {
        if inputs.count > limits.selectCases { return Failure(.quotaExceeded) }
        for (index, input) in inputs.enumerated() {
            guard (input.message != nil) == (input.kind == .send) else {
                return Failure(.invalidArgument, caseIndex: UInt16(index))
            }
            if input.kind == .never { continue }
            guard let handle = openHandle(session, input.handle) else {
                return Failure(.noSuchHandle, caseIndex: UInt16(index))
            }
            guard handle.role.contains(input.kind == .send ? .send : .receive) else {
                return Failure(.wrongRole, caseIndex: UInt16(index))
            }
        }
        return nil
    }

    /// Whether a case would commit, or fail for good, now.
    func isReady(_ input: CaseInput, _ session: UInt32) -> Bool {
        guard input.kind != .never, let channel = openHandle(session, input.handle)?.channel else {
            return false
        }
        return input.kind == .send
            ? isSendReady(channel) : isReceiveReady(channel, untilDrained: input.untilDrained)
    }

    func isSendReady(_ channel: UInt64) -> Bool {
        sendFailure(channel) != nil || channels[channel]?.hasRoom == true
            || (channels[channel]?.queue.isEmpty == true && channels[channel]?.isPaused == false
                && first(channel, sends: false) != nil)
    }

    func isReceiveReady(_ channel: UInt64, untilDrained: Bool = false) -> Bool {
        if reportsClosed(channel, untilDrained: untilDrained) { return true }
        guard channels[channel]?.isPaused == false else { return false }
        return channels[channel]?.queue.isEmpty == false
            || (channels[channel]?.isRendezvous == true && first(channel, sends: true) != nil)
    }
}
