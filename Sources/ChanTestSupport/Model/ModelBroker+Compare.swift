// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Comparing the broker's effects and state with the model's.
extension ModelBroker {
    /// What differs between what the model expects and what happened; nil for nothing.
    func difference(from happened: [BrokerEvent], _ letGo: [UInt64]) -> String? {
        var rest = Self.joined(happened.map(Self.normal))[...]
        for group in joinedEvents() {
            let expected = group
            let actual = rest.prefix(expected.count)
            rest = rest.dropFirst(expected.count)
            if Array(actual) == expected { continue }
            guard Self.sorted(actual) == Self.sorted(expected) else {
                return "effects \(Self.text(happened)); expected \(Self.text(events.flatMap { $0 }))"
            }
        }
        guard rest.isEmpty else {
            return "effects \(Self.text(happened)); expected \(Self.text(events.flatMap { $0 }))"
        }
        guard letGo.count == discarded.count, letGo.sorted() == discarded.sorted() else {
            return "bodies let go \(letGo.sorted()), expected \(discarded.sorted())"
        }
        return nil
    }

    /// The expected effects, deliveries that follow each other by one credit made one.
    private func joinedEvents() -> [[BrokerEvent]] {
        var groups: [[BrokerEvent]] = []
        var single: [BrokerEvent] = []
        for group in events.map({ $0.map(Self.normal) }) {
            if group.count == 1 {
                single += group
            } else {
                groups += Self.joined(single).map { [$0] } + [group]
                single = []
            }
        }
        return groups + Self.joined(single).map { [$0] }
    }

    /// The broker may send several messages ahead in one answer (rule 21): how many is its choice, and whose come first where
    /// several sessions get some, which none of them sees.
    private static func joined(_ events: [BrokerEvent]) -> [BrokerEvent] {
        let runs = events.reduce(into: [[BrokerEvent]]()) { runs, event in
            if event.goesAhead, runs.last?.last?.goesAhead == true {
                runs[runs.count - 1].append(event)
            } else {
                runs.append([event])
            }
        }
        return runs.flatMap { run in
            Set(run.map(\.session)).sorted().flatMap { session in
                joinedOfOneSession(run.filter { $0.session == session })
            }
        }
    }

    private static func joinedOfOneSession(_ events: [BrokerEvent]) -> [BrokerEvent] {
        events.reduce(into: []) { events, event in
            guard case .delivered(let session, let request, let next, let following) = event,
                case .delivered(session, request, var group, let messages)? = events.last, group.isAhead,
                next.isAhead, group.more, next.more,
                group.caseIndex == next.caseIndex, group.handle == next.handle,
                group.first + UInt64(group.count) == next.first
            else {
                events.append(event)
                return
            }
            group.count += next.count
            group.byteCount += next.byteCount
            events[events.count - 1] = .delivered(
                session: session, request: request, group: group, messages: messages + following)
        }
    }

    private static func text(_ events: [BrokerEvent]) -> String {
        "[" + events.map(\.description).joined(separator: "; ") + "]"
    }

    private static func sorted(_ events: some Sequence<BrokerEvent>) -> [BrokerEvent] {
        events.sorted { ($0.session, $0.request) < ($1.session, $1.request) }
    }

    /// Without what the contract leaves to the broker: texts for people, and which of several cases it names
    /// when a handle goes.
    private static func normal(_ event: BrokerEvent) -> BrokerEvent {
        guard case .failed(let session, let request, var failure) = event, failure.kind != .closed else {
            return event
        }
        failure.text = ""
        if failure.kind == .handleClosed { failure.caseIndex = nil }
        return .failed(session: session, request: request, failure: failure)
    }

    /// The same reply, but for texts for people.
    static func normal(_ reply: BrokerReply) -> BrokerReply {
        switch reply {
        case .opened(.failure(let failure)): .opened(.failure(Failure(failure.kind)))
        case .closed(.failure(let failure)): .closed(.failure(Failure(failure.kind)))
        case .done(.some(let failure)): .done(Failure(failure.kind))
        default: reply
        }
    }

    /// What differs between a channel's snapshot and the model's channel; nil for nothing.
    func difference(_ channel: UInt64, from actual: ChannelSnapshot) -> String? {
        guard let there = channels[channel] else { return "the channel is gone" }
        let waits = waitingCases(channel)
        var found: String?
        func check<Value: Equatable>(_ what: StaticString, _ value: Value, _ expected: Value) {
            if found == nil, value != expected {
                found = "\(there.name): \(what) is \(value), expected \(expected)"
            }
        }
        check("generation", actual.generation, channel)
        check("name", actual.name, there.name)
        check("type tag", actual.typeTag, there.typeTag)
        check("capacity", actual.capacity, there.capacity ?? Capacity.undecided)
        check("queued", actual.queued, there.queue.count)
        check("queued bytes", actual.queuedBytes, there.queue.reduce(0) { $0 + $1.byteCount })
        check("unsettled", actual.unsettled, unsettled(channel))
        check("ahead", actual.ahead, ahead(channel))
        check("accepted", actual.accepted, there.accepted)
        check("settled", actual.settled, there.settled)
        check("waiting sends", Int(actual.sendWaiters), waits.count { $0.isSend })
        check("waiting receives", Int(actual.receiveWaiters), waits.count { !$0.isSend })
        check("send handles", Int(actual.sendHandles), sendHandles(channel))
        check("receive handles", Int(actual.receiveHandles), receiveHandles(channel))
        check("owner", actual.owner, there.owner)
        check("group", actual.group, there.group)
        check("mode", actual.mode, there.mode)
        check("closed", actual.isClosed, there.isClosed)
        check("paused", actual.isPaused, there.isPaused)
        check("kept", actual.isKept, there.keep)
        check("removed", actual.isRemoved, there.isRemoved)
        check("ends with senders", actual.closesWithLastSender, there.closesWithLastSender ?? false)
        check("ends with receivers", actual.failsWithLastReceiver, there.failsWithLastReceiver ?? false)
        check("close reason", actual.closeReason, there.reason)
        check("ready to send", actual.isSendReady, isSendReady(channel))
        check("ready to receive", actual.isReceiveReady, isReceiveReady(channel))
        return found
    }
}

extension BrokerEvent {
    /// Whether it is a delivery to a credit.
    fileprivate var goesAhead: Bool {
        if case .delivered(_, _, let group, _) = self { group.isAhead } else { false }
    }
}
