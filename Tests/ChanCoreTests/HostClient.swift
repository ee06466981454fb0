// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Conformance

/// A session of an engine in this process.
struct HostClient: ConformanceClient {
    let host: ConformanceHost
    let session: UInt32

    func open(_ name: String, _ options: ConformanceOptions) async throws(ConformanceFailure) -> Int {
        let role: Role =
            switch options.role {
            case .send: .send
            case .receive: .receive
            case .both: .both
            }
        var open = OpenOptions(name: name, role: role)
        open.capacity = options.capacity
        if options.closeWithLastSender { open.closeWithLastSender = true }
        if options.failWithLastReceiver { open.failWithLastReceiver = true }
        switch await host.apply(.open(session: session, label: 0, open)) {
        case .opened(.success(let opened)): return Int(opened.handle)
        case .opened(.failure(let failure)): throw Self.failure(failure)
        default: throw .other("no reply to an open")
        }
    }

    func send(_ element: UInt64, on channel: Int, _ wait: ConformanceWait) async throws(ConformanceFailure) {
        if let failure = await send(contentsOf: [element], on: channel, wait).failure { throw failure }
    }

    func send(
        contentsOf elements: [UInt64], on channel: Int, _ wait: ConformanceWait
    ) async -> (accepted: Int, failure: ConformanceFailure?) {
        let event = await host.run(session) { request in
            .send(
                session: session, request: request, handle: UInt32(channel), elements.map { SentMessage($0) },
                timeout: Self.nanoseconds(wait))
        }
        guard let failure = event.failure else { return (elements.count, nil) }
        return (Int(failure.accepted), Self.failure(failure))
    }

    func receive(
        upTo count: Int, from channel: Int, _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> [UInt64] {
        let event = await host.run(session) { request in
            .receive(
                session: session, request: request, handle: UInt32(channel), count: UInt32(count),
                timeout: Self.nanoseconds(wait), untilDrained: false)
        }
        if let failure = event.failure { throw Self.failure(failure) }
        return event.bodies
    }

    func select(
        _ cases: [ConformanceCase], _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> ConformanceSelection {
        let inputs = cases.map { one -> CaseInput in
            switch one {
            case .receive(let channel): .receive(UInt32(channel))
            case .send(let element, let channel): .send(UInt32(channel), element)
            case .never: .never
            }
        }
        let event = await host.run(session) { request in
            .select(
                session: session, request: request, inputs, ordered: false,
                timeout: Self.nanoseconds(wait))
        }
        let index = event.caseIndex ?? 0
        switch event {
        case .selected: return .sent(by: index)
        case .delivered: return .received(event.bodies.first, by: index)
        case .sent, .waited: throw .other("a select was answered as another operation")
        case .failed(_, _, let failure):
            switch failure.kind {
            case .wouldBlock: return .wouldBlock
            case .timeout: return .timeout
            case .closed:
                if case .send = cases[index] { return .sendFailed(by: index) }
                return .received(nil, by: index)
            default: throw Self.failure(failure)
            }
        }
    }

    func close(_ channel: Int) async throws(ConformanceFailure) -> Bool {
        switch await host.apply(.close(session: session, handle: UInt32(channel), CloseReason())) {
        case .closed(.success(let first)): return first
        case .closed(.failure(let failure)): throw Self.failure(failure)
        default: throw .other("no reply to a close")
        }
    }

    func release(_ channel: Int) async throws(ConformanceFailure) {
        if case .done(let failure?) = await host.apply(
            .closeHandle(session: session, handle: UInt32(channel)))
        {
            throw Self.failure(failure)
        }
    }

    func state(_ channel: Int) async throws(ConformanceFailure) -> ConformanceState {
        guard let there = await host.state(session, UInt32(channel)) else { throw .other("no such handle") }
        return ConformanceState(
            length: there.length, capacity: there.capacity, sendWaiters: there.sendWaiters,
            receiveWaiters: there.receiveWaiters)
    }

    func disconnect() async { await host.end(session) }

    private static func nanoseconds(_ wait: ConformanceWait) -> Int64 {
        switch wait {
        case .forever: return -1
        case .never: return 0
        case .atMost(let duration):
            let (seconds, attoseconds) = duration.components
            return max(1, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        }
    }

    private static func failure(_ failure: Failure) -> ConformanceFailure {
        switch failure.kind {
        case .closed: .closed
        case .wouldBlock: .wouldBlock
        case .timeout: .timeout
        case .cancelled: .cancelled
        case .noReceivers: .noReceivers
        default: .other("\(failure.kind): \(failure.text)")
        }
    }
}
