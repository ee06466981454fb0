// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Conformance

@testable import Channels

/// Channels inside the process; a client is a set of handles of its own.
final class LocalBackend: ConformanceBackend {
    /// What names mean to the bodies; channels of the process have none to open.
    private let stores = Lock<[String: ElementStore<UInt64>]>([:])

    func connect() async throws -> any ConformanceClient { LocalClient(self) }

    func store(_ name: String) -> ElementStore<UInt64> {
        stores.withLock { stores in
            if let store = stores[name] { return store }
            let store = ElementStore<UInt64>(.process)
            stores[name] = store
            return store
        }
    }
}

/// A client whose channels are values of the library.
final class LocalClient: ConformanceClient {
    private let backend: LocalBackend
    private let channels = Lock<[Channels.Chan<UInt64>]>([])

    init(_ backend: LocalBackend) { self.backend = backend }

    private subscript(channel: Int) -> Channels.Chan<UInt64> { channels.withLock { $0[channel] } }

    func open(_ name: String, _ options: ConformanceOptions) async throws(ConformanceFailure) -> Int {
        let role: ChannelRole =
            switch options.role {
            case .send: .send
            case .receive: .receive
            case .both: .both
            }
        let local = try words {
            try LocalChannel(
                backend.store(name), role: role, capacity: options.capacity.map { Int($0) },
                options: ChannelOptions(
                    closeWithLastSender: options.closeWithLastSender ? true : nil,
                    failWithLastReceiver: options.failWithLastReceiver ? true : nil))
        }
        return channels.withLock { channels in
            channels.append(Channels.Chan(.near(local)))
            return channels.count - 1
        }
    }

    func send(
        _ element: UInt64, on channel: Int, _ wait: ConformanceWait
    ) async throws(ConformanceFailure) {
        let channel = self[channel]
        try await words {
            switch wait {
            case .forever: try await channel.send(element)
            case .atMost(let time): try await channel.send(element, timeout: time)
            case .never:
                guard try await channel.trySend(element) else { throw ConformanceFailure.wouldBlock }
            }
        }
    }

    func send(
        contentsOf elements: [UInt64], on channel: Int, _ wait: ConformanceWait
    ) async -> (accepted: Int, failure: ConformanceFailure?) {
        let channel = self[channel]
        do {
            switch wait {
            case .forever: return (try await channel.send(contentsOf: elements), nil)
            case .atMost(let time): return (try await channel.send(contentsOf: elements, timeout: time), nil)
            case .never:
                let count = try await channel.trySend(contentsOf: elements)
                return (count, count == elements.count ? nil : .wouldBlock)
            }
        } catch {
            let accepted = (error as? ChandError)?.accepted ?? (error as? ChannelClosed)?.accepted ?? 0
            return (accepted, failure(error))
        }
    }

    func receive(
        upTo count: Int, from channel: Int, _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> [UInt64] {
        let channel = self[channel]
        return try await words {
            switch (wait, count) {
            case (.forever, 1): return [try await channel.receive()]
            case (.forever, _): return try await channel.receive(upTo: count)
            case (.atMost(let time), _): return try await channel.receive(upTo: count, timeout: time)
            case (.never, 1):
                guard let element = try await channel.tryReceive() else {
                    throw ConformanceFailure.wouldBlock
                }
                return [element]
            case (.never, _):
                let elements = try await channel.tryReceive(upTo: count)
                if elements.isEmpty { throw ConformanceFailure.wouldBlock }
                return elements
            }
        }
    }

    func select(
        _ cases: [ConformanceCase], _ wait: ConformanceWait
    ) async throws(ConformanceFailure) -> ConformanceSelection {
        let list = cases.map { candidate in
            switch candidate {
            case .never: Channels.receive(from: Channels.Chan<UInt64>?.none)
            case .receive(let channel): Channels.receive(from: self[channel])
            case .send(let element, let channel): Channels.send(element, to: self[channel])
            }
        }
        return try await words {
            let winner: SelectWinner? =
                switch wait {
                case .forever: try await Channels.select(list)
                case .never: try await trySelect(list)
                case .atMost(let time): try await Channels.select(list, timeout: time)
                }
            guard let winner else { return wait == .never ? .wouldBlock : .timeout }
            switch winner.outcome {
            case .sent: return .sent(by: winner.index)
            case .received: return .received(winner.element(), by: winner.index)
            case .closed:
                if case .send = cases[winner.index] { return .sendFailed(by: winner.index) }
                return .received(nil, by: winner.index)
            case .failed(let error): throw error
            case .timedOut, .otherwise: throw ConformanceFailure.other("\(winner)")
            }
        }
    }

    func close(_ channel: Int) async throws(ConformanceFailure) -> Bool {
        try await words { try await self[channel].close() }
    }

    func release(_ channel: Int) async throws(ConformanceFailure) { await self[channel].release() }

    func state(_ channel: Int) async throws(ConformanceFailure) -> ConformanceState {
        let status = try await words { try await self[channel].status() }
        return ConformanceState(
            length: status.length, capacity: status.capacity.number.map { Int64($0) } ?? -2,
            sendWaiters: status.waitingSends, receiveWaiters: status.waitingReceives)
    }

    /// A process has no sessions that die; what its handles hold goes with them.
    func disconnect() async {
        for channel in channels.withLock({ $0 }) { await channel.release() }
    }

    /// Turns the library's errors into the bodies'.
    private func words<Result>(
        _ body: () async throws -> Result
    ) async throws(ConformanceFailure) -> Result {
        do { return try await body() } catch { throw failure(error) }
    }

    private func words<Result>(_ body: () throws -> Result) throws(ConformanceFailure) -> Result {
        do { return try body() } catch { throw failure(error) }
    }

    private func failure(_ error: any Error) -> ConformanceFailure {
        switch error {
        case let failure as ConformanceFailure: failure
        case is ChannelClosed: .closed
        case is CancellationError: .cancelled
        case let error as ChandError where error.code == .timeout: .timeout
        case let error as ChandError where error.code == .cancelled: .cancelled
        case let error as ChandError where error.code == .noReceivers: .noReceivers
        default: .other("\(error)")
        }
    }
}
