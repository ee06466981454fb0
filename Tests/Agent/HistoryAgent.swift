// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Foundation

/// Carries out the plans on standard input, one after the other: random operations through the library in
/// several tasks, each told before it begins and after it has ended.
final class HistoryAgent: Sendable {
    private let client: ChandClient
    private let lastID = Lock(0)
    /// Held to the end, since what is closed and drained is gone with its last handle.
    private let channels = Lock<[String: Chan<UInt64>]>([:])
    private let output = Lock<Int32>(1)

    private init(_ client: ChandClient) { self.client = client }

    static func run(socket: String) async throws {
        let agent = HistoryAgent(try await ChandClient.connect(to: socket))
        // Nothing of this process runs between two plans: the read may block the thread.
        while let line = readLine() {
            let plan = try JSONDecoder().decode(HistoryPlan.self, from: Data(line.utf8))
            do {
                try await agent.carryOut(plan)
                agent.write(.finished)
            } catch {
                agent.write(.failed("\(error)"))
            }
        }
        await agent.client.close()
    }

    private func carryOut(_ plan: HistoryPlan) async throws {
        var opened: [Chan<UInt64>] = []
        for channel in plan.channels { opened.append(try await open(channel, plan)) }
        let channels = opened
        if plan.drains { return try await drain(channels, plan) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<plan.lanes {
                group.addTask { try await self.run(lane, of: plan, channels) }
            }
            try await group.waitForAll()
        }
    }

    private func open(_ channel: HistoryPlan.Channel, _ plan: HistoryPlan) async throws -> Chan<UInt64> {
        if let known = channels.withLock({ $0[channel.name] }) { return known }
        let opened = try await client.channel(
            channel.name, capacity: channel.capacity, of: UInt64.self, role: plan.receives ? .both : .send)
        channels.withLock { $0[channel.name] = opened }
        return opened
    }

    private func drain(_ channels: [Chan<UInt64>], _ plan: HistoryPlan) async throws {
        for number in channels.indices {
            while case .received = try await perform(
                [.receive(number)], channels, .zero, isSelect: false, plan)
            {}
        }
    }

    /// One task's operations.
    private func run(_ lane: Int, of plan: HistoryPlan, _ channels: [Chan<UInt64>]) async throws {
        var random = SeededRandom(seed: plan.seed &+ UInt64(lane) &* 7919)
        var value = UInt64(plan.process) << 32 | UInt64(lane) << 24
        func offer() -> UInt64 {
            value += 1
            return value
        }
        for _ in 0..<plan.operations {
            if plan.closes, random.below(80) == 0 {
                try await close(random.below(channels.count), channels, plan)
                continue
            }
            let isSelect = plan.selects && random.below(3) == 0
            let cases = (0..<(isSelect ? 1 + random.below(4) : 1)).map { _ in
                let channel = random.below(channels.count)
                return plan.receives && random.below(2) == 0
                    ? HistoryOperation.Case.receive(channel) : .send(offer(), channel)
            }
            // Some tries, some that time out, and some that are cancelled, at once or while they wait.
            let time: Duration? =
                switch random.below(4) {
                case 0: .zero
                case 1: nil
                default: .microseconds(50 + random.below(3000))
                }
            let cancelsAfter: Duration? =
                time == nil || random.below(8) == 0 ? .microseconds(random.below(3000)) : nil
            let isOrdered = random.below(4) == 0
            let task = Task {
                try await self.perform(
                    cases, channels, time, isSelect: isSelect, isOrdered: isOrdered, plan)
            }
            if let cancelsAfter {
                let canceller = Task {
                    // Cut short where the operation has ended: then there is nothing to cancel.
                    try? await Task.sleep(for: cancelsAfter)
                    task.cancel()
                }
                _ = try await task.value
                canceller.cancel()
            } else {
                _ = try await task.value
            }
        }
    }

    private func close(_ number: Int, _ channels: [Chan<UInt64>], _ plan: HistoryPlan) async throws {
        let id = begin(.close(number), plan)
        let isFirst = try await channels[number].close()
        end(id, .closing(isFirst))
    }

    /// One operation, told before and after; without a time it waits until it is cancelled.
    @discardableResult
    private func perform(
        _ cases: [HistoryOperation.Case], _ channels: [Chan<UInt64>], _ time: Duration?, isSelect: Bool,
        isOrdered: Bool = false, _ plan: HistoryPlan
    ) async throws -> HistoryOperation.Outcome {
        let id = begin(.cases(cases), plan)
        let outcome: HistoryOperation.Outcome
        do {
            if isSelect {
                outcome = try await select(cases, channels, time, isOrdered)
            } else {
                outcome = try await single(cases[0], channels, time)
            }
        } catch is ChannelClosed {
            outcome = .closed(0)
        } catch is CancellationError {
            outcome = .withdrawn
        } catch let error as ChandError where error.code == .timeout {
            outcome = .blocked
        }
        end(id, outcome)
        return outcome
    }

    private func single(
        _ candidate: HistoryOperation.Case, _ channels: [Chan<UInt64>], _ time: Duration?
    ) async throws -> HistoryOperation.Outcome {
        switch candidate {
        case .send(let value, let number):
            if time == .zero { return try await channels[number].trySend(value) ? .sent(0) : .blocked }
            try await channels[number].send(value, timeout: time)
            return .sent(0)
        case .receive(let number):
            if time == .zero {
                return try await channels[number].tryReceive().map { .received($0, 0) } ?? .blocked
            }
            return .received(try await channels[number].receive(timeout: time), 0)
        }
    }

    private func select(
        _ cases: [HistoryOperation.Case], _ channels: [Chan<UInt64>], _ time: Duration?, _ isOrdered: Bool
    ) async throws -> HistoryOperation.Outcome {
        let list = cases.map { candidate in
            switch candidate {
            case .send(let value, let number): Channels.send(value, to: channels[number])
            case .receive(let number): Channels.receive(from: channels[number])
            }
        }
        let winner: SelectWinner? =
            if let time {
                try await Channels.select(list, timeout: time, ordered: isOrdered)
            } else {
                try await Channels.select(list, ordered: isOrdered)
            }
        guard let winner else { return .blocked }
        switch winner.outcome {
        case .sent: return .sent(winner.index)
        case .closed: return .closed(winner.index)
        case .failed(let error): throw error
        case .received, .timedOut, .otherwise:
            guard let value: UInt64 = winner.element() else { return .blocked }
            return .received(value, winner.index)
        }
    }

    // MARK: Telling

    private func begin(_ attempt: HistoryOperation.Attempt, _ plan: HistoryPlan) -> Int {
        let id = lastID.withLock { id in
            id += 1
            return id
        }
        let operation = HistoryOperation(
            process: plan.process, invoked: MonotonicClock.now(), returned: nil, attempt, nil)
        write(.began(id: id, operation))
        return id
    }

    private func end(_ id: Int, _ outcome: HistoryOperation.Outcome) {
        write(.ended(id: id, outcome, at: MonotonicClock.now()))
    }

    private func write(_ event: HistoryEvent) {
        guard var line = try? JSONEncoder().encode(event) else { return }
        line.append(UInt8(ascii: "\n"))
        output.withLock { descriptor in
            // Whoever reads no more is gone, and so is this process soon.
            try? line.withUnsafeBytes { try Transfer.writeAll(descriptor, $0) }
        }
    }
}
