// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Rules 7 to 13.
extension ModelBroker {
    /// The cases of a select that may win now; none where it waits, fails as a whole, or is no select.
    public func allowedWinners(of input: BrokerInput) -> Set<Int> {
        switch input {
        case .select(let session, _, let inputs, let ordered, _):
            fault(in: inputs, session, limit: 1) == nil ? ready(inputs, ordered, session) : []
        default: []
        }
    }

    private func ready(_ inputs: [CaseInput], _ ordered: Bool, _ session: UInt32) -> Set<Int> {
        let ready = Set(inputs.indices.filter { isReady(inputs[$0], session) })
        return ordered ? Set([ready.min()].compactMap { $0 }) : ready
    }

    mutating func select(
        _ key: RequestKey, _ inputs: [CaseInput], _ ordered: Bool, _ timeout: Int64, limit: UInt32,
        _ hint: Hint
    ) throws(NotAllowed) {
        let sent = inputs.compactMap(\.message)
        var made: [ModelMessage] = []
        for input in inputs {
            let mine = input.message.map { [$0] } ?? []
            if exceedsQuota(key.session, input.handle, mine, earlier: made) {
                discarded += made.map(\.body)
                return refuse(key, .quotaExceeded, [])
            }
            made += own(mine, key.session, input.handle)
        }
        if let failure = fault(in: inputs, key.session, limit: limit) { return refuse(key, failure, sent) }
        let allowed = ready(inputs, ordered, key.session)
        guard let first = allowed.min() else {
            if let winner = hint.winners.first {
                throw NotAllowed(description: "case \(winner) won, none is ready")
            }
            arrive(
                ModelOperation(key: key, cases: cases(inputs, key.session), isSelect: true, limit: 1),
                on: [], timeout)
            return
        }
        let winner = hint.winners.first ?? first
        guard allowed.contains(winner) else {
            throw NotAllowed(description: "case \(winner) won, allowed is one of \(allowed.sorted())")
        }
        var left = hint.winners.dropFirst()
        commit(winner, inputs, key, more: !left.isEmpty)
        // Rule 24: each of several is drawn anew, and what would park or report closed is not among them.
        var bytes = lateBytes
        var turns: UInt32 = 1
        while true {
            let ready = self.ready(inputs, ordered, key.session)
            let closed = ready.filter { isClosedToReceives(inputs[$0], key.session) }
            let mustEnd = turns == limit || bytes >= limits.receiveBatchBytes || ready.count == closed.count
            guard let winner = left.popFirst() else {
                guard mustEnd || !closed.isEmpty || late?.failure != nil else {
                    throw NotAllowed(description: "it ended, allowed is one of \(ready.sorted())")
                }
                return
            }
            guard !mustEnd, ready.contains(winner), !closed.contains(winner) else {
                throw NotAllowed(description: "case \(winner) won, allowed is one of \(ready.sorted())")
            }
            if let late { events.append([late]) }
            commit(winner, inputs, key, more: !left.isEmpty)
            bytes += lateBytes
            turns += 1
        }
    }

    /// What the outcome that is to be told counts for the limit of one answer.
    private var lateBytes: Int {
        guard case .delivered(_, _, let group, _)? = late else { return 0 }
        return group.byteCount + limits.receiveBatchPrefixBytes
    }

    private func isClosedToReceives(_ input: CaseInput, _ session: UInt32) -> Bool {
        guard input.kind == .receive, let channel = openHandle(session, input.handle)?.channel else {
            return false
        }
        return reportsClosed(channel, untilDrained: input.untilDrained)
    }

    /// From here on the winner is alone: the others never were (rule 8).
    private mutating func commit(_ winner: Int, _ inputs: [CaseInput], _ key: RequestKey, more: Bool) {
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
            var operation = ModelOperation(key: key, cases: [mine], isSelect: true, limit: 1)
            operation.more = more
            arrive(operation, on: [mine.channel], -1)
        }
    }

    private func cases(_ inputs: [CaseInput], _ session: UInt32) -> [ModelCase] {
        inputs.indices.compactMap { index in
            let input = inputs[index]
            guard input.kind != .never, let handle = openHandle(session, input.handle) else { return nil }
            return ModelCase(
                index: UInt16(index), isSend: input.kind == .send, handle: input.handle,
                channel: handle.channel, untilDrained: input.untilDrained,
                messages: own(input.message.map { [$0] } ?? [], session, input.handle))
        }
    }

    /// The first case that could never be carried out.
    private func fault(in inputs: [CaseInput], _ session: UInt32, limit: UInt32) -> Failure? {
        if limit == 0 { return Failure(.invalidArgument) }
        if inputs.count > limits.selectCases { return Failure(.quotaExceeded) }
        for (index, input) in inputs.enumerated() {
            guard (input.message != nil) == (input.kind == .send) else {
                return Failure(.invalidArgument, caseIndex: UInt16(index))
            }
            if limit > 1, input.kind == .send {
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
        guard let there = channels[channel] else { return false }
        if sendFailure(channel) != nil || hasRoom(channel) { return true }
        let meets = waiting.contains { operation in
            (operation.credit == nil || there.isRendezvous)
                && operation.cases.contains { $0.channel == channel && !$0.isSend }
        }
        return there.queue.isEmpty && !there.isPaused && meets
    }

    func isReceiveReady(_ channel: UInt64, untilDrained: Bool = false) -> Bool {
        if reportsClosed(channel, untilDrained: untilDrained) { return true }
        guard channels[channel]?.isPaused == false else { return false }
        return channels[channel]?.queue.isEmpty == false
            || first(channel, sends: true) != nil
    }
}
