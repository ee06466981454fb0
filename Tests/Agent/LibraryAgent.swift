// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Foundation

/// Does operations through the library as it is told to: each command in a task of its own.
final class LibraryAgent: Sendable {
    private let client: ChandClient
    private let channels = Lock<[Chan<UInt64>]>([])
    private let tasks = Lock<[UInt64: Task<Void, Never>]>([:])
    private let output = Lock<Int32>(1)

    private init(_ client: ChandClient) { self.client = client }

    /// Serves the commands on standard input to their end.
    static func run(socket: String) async throws {
        let agent = LibraryAgent(try await ChandClient.connect(to: socket))
        agent.write(AgentReply(id: 0, .done(true)))
        // Input is read on a thread of its own: a read that waits may not hold up the tasks.
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            do {
                _ = try NativeThread.start(name: "commands") {
                    agent.readCommands()
                    continuation.resume()
                }
            } catch {
                continuation.resume()
            }
        }
        await agent.client.close()
    }

    private func readCommands() {
        let decoder = JSONDecoder()
        while let line = readLine() {
            guard let command = try? decoder.decode(AgentCommand.self, from: Data(line.utf8)) else { return }
            if case .cancel(let id) = command.verb {
                tasks.withLock { $0[id] }?.cancel()
                continue
            }
            tasks.withLock { tasks in
                // Half of the tasks run on the client's own loop, the others come to it from outside.
                let executor = command.id % 2 == 0 ? client.executor : nil
                tasks[command.id] = Task(executorPreference: executor) { [self] in
                    let result = await perform(command.verb)
                    _ = self.tasks.withLock { $0.removeValue(forKey: command.id) }
                    write(AgentReply(id: command.id, result))
                }
            }
        }
    }

    private func write(_ reply: AgentReply) {
        guard var line = try? JSONEncoder().encode(reply) else { return }
        line.append(UInt8(ascii: "\n"))
        output.withLock { descriptor in
            // Whoever reads no more is gone, and so is this process at once.
            try? line.withUnsafeBytes { try Transfer.writeAll(descriptor, $0) }
        }
    }

    private func perform(_ verb: AgentCommand.Verb) async -> AgentReply.Result {
        do {
            switch verb {
            case .open(let open): return .opened(try await self.open(open))
            case .send(let channel, let elements, let wait):
                return await send(elements, self[channel], wait)
            case .receive(let channel, let count, let wait):
                return .received(try await receive(count, self[channel], wait))
            case .select(let cases, let wait): return .selected(try await select(cases, wait))
            case .close(let channel): return .done(try await self[channel].close())
            case .release(let channel):
                await self[channel].release()
                return .done(true)
            case .state(let channel):
                let status = try await self[channel].status()
                return .state(
                    AgentState(
                        length: status.length, capacity: status.capacity.number ?? -1,
                        waitingSends: status.waitingSends, waitingReceives: status.waitingReceives))
            case .leave:
                await client.close()
                return .done(true)
            case .cancel: return .done(true)
            }
        } catch {
            return .failed(Self.failure(error))
        }
    }

    private subscript(channel: Int) -> Chan<UInt64> { channels.withLock { $0[channel] } }

    private func open(_ open: AgentOpen) async throws -> Int {
        var role: ChannelRole = []
        if open.sends { role.insert(.send) }
        if open.receives { role.insert(.receive) }
        let options = ChannelOptions(
            closeWithLastSender: open.closeWithLastSender ? true : nil,
            failWithLastReceiver: open.failWithLastReceiver ? true : nil)
        let channel = try await client.channel(
            open.name, capacity: open.capacity, of: UInt64.self, role: role, options: options)
        return channels.withLock { channels in
            channels.append(channel)
            return channels.count - 1
        }
    }

    private func send(
        _ elements: [UInt64], _ channel: Chan<UInt64>, _ wait: AgentWait
    ) async -> AgentReply.Result {
        do {
            if elements.count == 1 {
                switch wait {
                case .forever: try await channel.send(elements[0])
                case .nanoseconds(let time): try await channel.send(elements[0], timeout: .nanoseconds(time))
                case .never:
                    guard try await channel.trySend(elements[0]) else { return .sent(0, .wouldBlock) }
                }
                return .sent(1, nil)
            }
            switch wait {
            case .forever: return .sent(try await channel.send(contentsOf: elements), nil)
            case .nanoseconds(let time):
                return .sent(try await channel.send(contentsOf: elements, timeout: .nanoseconds(time)), nil)
            case .never:
                let count = try await channel.trySend(contentsOf: elements)
                return .sent(count, count == elements.count ? nil : .wouldBlock)
            }
        } catch {
            let accepted = (error as? ChandError)?.accepted ?? (error as? ChannelClosed)?.accepted ?? 0
            return .sent(accepted, Self.failure(error))
        }
    }

    private func receive(
        _ count: Int, _ channel: Chan<UInt64>, _ wait: AgentWait
    ) async throws -> [UInt64] {
        switch (wait, count) {
        case (.forever, 1): return [try await channel.receive()]
        case (.forever, _): return try await channel.receive(upTo: count)
        case (.nanoseconds(let time), _):
            return try await channel.receive(upTo: count, timeout: .nanoseconds(time))
        case (.never, 1):
            guard let element = try await channel.tryReceive() else { throw AgentFailure.wouldBlock }
            return [element]
        case (.never, _):
            let elements = try await channel.tryReceive(upTo: count)
            guard !elements.isEmpty else { throw AgentFailure.wouldBlock }
            return elements
        }
    }

    private func select(_ cases: [AgentCase], _ wait: AgentWait) async throws -> AgentWinner {
        let list = cases.map { candidate in
            switch candidate {
            case .never: Channels.receive(from: Chan<UInt64>?.none)
            case .receive(let channel): Channels.receive(from: self[channel])
            case .send(let element, let channel): Channels.send(element, to: self[channel])
            }
        }
        let winner: SelectWinner? =
            switch wait {
            case .forever: try await Channels.select(list)
            case .never: try await trySelect(list)
            case .nanoseconds(let time): try await Channels.select(list, timeout: .nanoseconds(time))
            }
        guard let winner else { return .none }
        switch winner.outcome {
        case .sent: return .sent(by: winner.index)
        case .received: return .received(winner.element(), by: winner.index)
        case .closed:
            if case .send = cases[winner.index] { return .sendFailed(by: winner.index) }
            return .received(nil, by: winner.index)
        case .failed(let error): throw error
        case .timedOut, .otherwise: return .none
        }
    }

    private static func failure(_ error: any Error) -> AgentFailure {
        switch error {
        case let failure as AgentFailure: failure
        case is ChannelClosed: .closed
        case is CancellationError: .cancelled
        case let error as ChandError where error.code == .timeout: .timeout
        case let error as ChandError where error.code == .cancelled: .cancelled
        case let error as ChandError where error.code == .noReceivers: .noReceivers
        default: .other("\(error)")
        }
    }
}
