// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Rules 4 and 15 to 18: close, handles, and the end of a session.
extension ModelBroker {
    mutating func close(_ session: UInt32, _ number: UInt32, _ reason: CloseReason) -> Result<Bool, Failure> {
        guard let handle = openHandle(session, number) else { return .failure(Failure(.noSuchHandle)) }
        guard handle.role.contains(.send) else { return .failure(Failure(.wrongRole)) }
        guard channels[handle.channel]?.isClosed == false else { return .success(false) }
        shut(handle.channel, reason)
        run(handle.channel)
        return .success(true)
    }

    mutating func shut(_ channel: UInt64, _ reason: CloseReason) {
        channels[channel]?.isClosed = true
        channels[channel]?.reason = reason
        failSenders(channel, .closed)
    }

    mutating func closeHandle(_ session: UInt32, _ number: UInt32) -> Failure? {
        guard let handle = openHandle(session, number) else { return Failure(.noSuchHandle) }
        failOperations(session) { $0.handle == number }
        sessions[session]?.handles[number]?.isOpen = false
        applyEnds(handle.channel)
        release(session, number)
        run(handle.channel)
        return nil
    }

    mutating func stop(_ session: UInt32, _ number: UInt32) -> Failure? {
        guard let handle = openHandle(session, number) else { return Failure(.noSuchHandle) }
        guard handle.role.contains(.receive) else { return Failure(.wrongRole) }
        failOperations(session) { $0.handle == number && !$0.isSend }
        sessions[session]?.handles[number]?.role.remove(.receive)
        applyEnds(handle.channel)
        return nil
    }

    /// What waits by a handle that goes ends with it; which case is named is the broker's choice of several.
    private mutating func failOperations(_ session: UInt32, _ matches: (ModelCase) -> Bool) {
        let keys = waiting.filter { $0.key.session == session && $0.cases.contains(where: matches) }.map(
            \.key)
        fail(keys, .handleClosed) { $0.cases.first(where: matches)?.index }
    }

    /// Rule 16.
    mutating func applyEnds(_ channel: UInt64) {
        guard let there = channels[channel] else { return }
        if there.closesWithLastSender == true, there.hadSender, !there.isClosed, sendHandles(channel) == 0 {
            shut(channel, .lastSenderGone)
        }
        if lacksReceivers(channel) { failSenders(channel, .noReceivers) }
    }

    /// Rules 17 and 18: what it had waiting vanishes, what it had received goes back marked.
    mutating func end(_ session: UInt32, _ order: [UInt64]?) {
        for operation in waiting where operation.key.session == session { withdraw(operation.key) }
        guard let gone = sessions[session] else { return }
        let numbers = gone.handles.keys.sorted()
        for number in numbers {
            for delivery in gone.handles[number]?.deliveries.keys.sorted() ?? [] {
                putBack(session, number, delivery, seen: true, handedOver: false)
            }
        }
        for number in numbers {
            guard let handle = sessions[session]?.handles.removeValue(forKey: number) else { continue }
            if handle.isOpen { applyEnds(handle.channel) }
        }
        sessions[session] = nil
        for channel in order ?? touched(by: gone) { run(channel) }
    }

    /// The channels that the session's end may change.
    func touched(by session: ModelSession) -> [UInt64] {
        Set(session.handles.values.map(\.channel)).sorted()
    }
}
