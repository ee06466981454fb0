// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Conformance

/// Channels of a live daemon, and a process for each client.
final class LiveBackend: ConformanceBackend {
    private let daemon: DaemonUnderTest
    /// Bodies that run at once share the daemon, but no names.
    private let prefix: String

    init(_ daemon: DaemonUnderTest, prefix: String) {
        self.daemon = daemon
        self.prefix = prefix
    }

    func connect() async throws -> any ConformanceClient {
        LiveClient(try await AgentProcess(daemon.socketPath), prefix: prefix)
    }
}

/// One agent in the words of the conformance bodies.
struct LiveClient: ConformanceClient {
    private let agent: AgentProcess
    private let prefix: String

    init(_ agent: AgentProcess, prefix: String) {
        self.agent = agent
        self.prefix = prefix
    }

    func open(_ name: String, _ options: ConformanceOptions) async throws(ConformanceFailure) -> Int {
        var open = AgentOpen("\(prefix)/\(name)", capacity: options.capacity.map { Int($0) })
        open.sends = options.role != .receive
        open.receives = options.role != .send
        open.closeWithLastSender = options.closeWithLastSender
        open.failWithLastReceiver = options.failWithLastReceiver
        let result = try await ask(.open(open))
        guard case .opened(let channel) = result else { throw unexpected(result) }
        return channel
    }

    func send(
        _ element: UInt64, on channel: Int, _ wait: ConformanceWait
    ) async throws(ConformanceFailure) {
        if let failure = await send(contentsOf: [element], on: channel, wait).failure { throw failure }
    }

    func send(
        contentsOf elements: [UInt64], on channel: Int, _ wait: ConformanceWait
    ) async -> (accepted: Int, failure: ConformanceFailure?) {
        do throws(ConformanceFailure) {
            let result = try await ask(.send(channel: channel, elements: elements, wait: AgentWait(wait)))
            guard case .sent(let accepted, let failure) = result else { throw unexpected(result) }
            return (accepted, failure.map { ConformanceFailure($0) })
        } catch {
            return (0, error)
        }
    }

    func receive(
        upTo count: Int, from channel: Int, _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> [UInt64] {
        let result = try await ask(.receive(channel: channel, count: count, wait: AgentWait(wait)))
        guard case .received(let elements) = result else { throw unexpected(result) }
        return elements
    }

    func select(
        _ cases: [ConformanceCase], _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> ConformanceSelection {
        let list = cases.map { candidate in
            switch candidate {
            case .never: AgentCase.never
            case .receive(let channel): AgentCase.receive(channel)
            case .send(let element, let channel): AgentCase.send(element, channel)
            }
        }
        let result = try await ask(.select(cases: list, wait: AgentWait(wait)))
        guard case .selected(let winner) = result else { throw unexpected(result) }
        switch winner {
        case .received(let element, let index): return .received(element, by: index)
        case .sent(let index): return .sent(by: index)
        case .sendFailed(let index): return .sendFailed(by: index)
        case .none: return wait == .never ? .wouldBlock : .timeout
        }
    }

    func close(_ channel: Int) async throws(ConformanceFailure) -> Bool {
        let result = try await ask(.close(channel: channel))
        guard case .done(let closed) = result else { throw unexpected(result) }
        return closed
    }

    func release(_ channel: Int) async throws(ConformanceFailure) {
        _ = try await ask(.release(channel: channel))
    }

    func state(_ channel: Int) async throws(ConformanceFailure) -> ConformanceState {
        let result = try await ask(.state(channel: channel))
        guard case .state(let state) = result else { throw unexpected(result) }
        return ConformanceState(
            length: state.length, capacity: Int64(state.capacity), sendWaiters: state.waitingSends,
            receiveWaiters: state.waitingReceives)
    }

    func disconnect() async { agent.kill() }

    func leave() async {
        _ = await agent.ask(.leave)
        agent.kill()
    }

    private func ask(_ verb: AgentCommand.Verb) async throws(ConformanceFailure) -> AgentReply.Result {
        guard let result = await agent.ask(verb) else { throw .other("the agent died") }
        if case .failed(let failure) = result { throw ConformanceFailure(failure) }
        return result
    }

    private func unexpected(_ result: AgentReply.Result) -> ConformanceFailure {
        .other("the agent replied \(result)")
    }
}

extension AgentWait {
    init(_ wait: ConformanceWait) {
        switch wait {
        case .forever: self = .forever
        case .never: self = .never
        case .atMost(let duration):
            let (seconds, attoseconds) = duration.components
            self = .nanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
        }
    }
}

extension ConformanceFailure {
    init(_ failure: AgentFailure) {
        self =
            switch failure {
            case .closed: .closed
            case .wouldBlock: .wouldBlock
            case .timeout: .timeout
            case .cancelled: .cancelled
            case .noReceivers: .noReceivers
            case .other(let text): .other(text)
            }
    }
}
