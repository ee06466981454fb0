// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Conformance

/// An engine with callers that wait: every input is one turn of the actor, every effect resumes its caller.
actor ConformanceHost: ConformanceBackend {
    private struct Key: Hashable {
        var session: UInt32
        var request: UInt64
    }

    private var engine: any ConformanceEngine
    private var waiting: [Key: CheckedContinuation<BrokerEvent, Never>] = [:]
    private var nextRequest: UInt64 = 1
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var timer: (deadline: UInt64, task: Task<Void, any Error>)?

    init(_ engine: sending any ConformanceEngine) {
        self.engine = engine
        start = clock.now
    }

    func connect() -> any ConformanceClient {
        guard case .session(let session) = apply(.begin(label: 0, Identity(uid: 1, gid: 1))) else {
            return HostClient(host: self, session: .max)
        }
        return HostClient(host: self, session: session)
    }

    /// Applies an input and hands its effects out; received messages are settled as they are handed over.
    @discardableResult
    func apply(_ input: BrokerInput) -> BrokerReply {
        let reply = turn(input)
        armTimer()
        return reply
    }

    private func turn(_ input: BrokerInput) -> BrokerReply {
        let (reply, events) = engine.perform(input)
        for event in events {
            let key = Key(session: event.session, request: event.request)
            waiting.removeValue(forKey: key)?.resume(returning: event)
        }
        for case .delivered(let session, _, let group, _) in events {
            _ = turn(.settle(session: session, handle: group.handle, first: group.first, count: group.count))
        }
        return reply
    }

    /// Runs a request to its outcome; cancelling the task withdraws it.
    func run(_ session: UInt32, _ input: (UInt64) -> BrokerInput) async -> BrokerEvent {
        let request = nextRequest
        nextRequest += 1
        let key = Key(session: session, request: request)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                waiting[key] = continuation
                apply(.advance(to: now))
                apply(input(request))
            }
        } onCancel: {
            Task { await self.apply(.cancel(session: session, request: request)) }
        }
    }

    /// The session ends; what its callers wait for ends with it.
    func end(_ session: UInt32) {
        apply(.end(session: session))
        for (key, continuation) in waiting where key.session == session {
            waiting[key] = nil
            continuation.resume(
                returning: .failed(
                    session: session, request: key.request,
                    failure: Failure(.handleClosed, text: "connection lost")))
        }
    }

    func state(_ session: UInt32, _ handle: UInt32) -> ChannelCounts? {
        engine.state(session: session, handle: handle)
    }

    // MARK: Time

    private var now: UInt64 {
        let (seconds, attoseconds) = (clock.now - start).components
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }

    private func armTimer() {
        guard let deadline = engine.nextDeadline else { return }
        if let timer, timer.deadline <= deadline { return }
        timer?.task.cancel()
        let end = start + .nanoseconds(Int64(clamping: deadline))
        timer = (
            deadline,
            Task {
                try await Task.sleep(until: end, clock: clock)
                timer = nil
                apply(.advance(to: max(now, deadline)))
            }
        )
    }
}
