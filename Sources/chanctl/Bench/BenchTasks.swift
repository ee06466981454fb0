// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels
import Synchronization

/// The roles as tasks on the client's own thread.
extension BenchProcess {
    func ping(_ there: Chan<BenchMessage>, _ back: Chan<BenchMessage>) async throws {
        var incoming = back.readingAhead(role.job.ahead).makeAsyncIterator()
        var sequence: UInt64 = 0
        while !board.isStopped {
            let sent = message(sequence)
            let began = MonotonicClock.now()
            try await there.sendLater(sent)
            countSent(sent)
            guard let got = try await incoming.next() else { throw BenchFault("the channel was closed") }
            try returned(got, sequence, since: began)
            sequence += 1
        }
    }

    // MARK: - Producers

    func produce(_ channel: Chan<BenchMessage>) async throws {
        switch role.job.sending {
        case .later: try await produceLater(channel)
        case .gathered: try await produceGathered(channel)
        case .blocking, .task: try await produceInTasks(1, channel)
        case .tasks: try await produceInTasks(64, channel)
        }
    }

    private func produceLater(_ channel: Chan<BenchMessage>) async throws {
        var sequence: UInt64 = 0
        while !board.isStopped {
            let message = message(sequence)
            try await channel.sendLater(message)
            countSent(message)
            sequence += 1
        }
        try await channel.flush()
    }

    /// The tasks share the loop's thread, so that they send in the order in which they draw their numbers.
    private func produceInTasks(_ tasks: Int, _ channel: Chan<BenchMessage>) async throws {
        let numbers = SequenceNumbers()
        let confirm: SendConfirmation = role.job.awaitsReceipt ? .receipt : .commit
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    while !board.isStopped {
                        let message = message(numbers.take(1))
                        try await channel.send(message, confirm: confirm)
                        countSent(message)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// As many batches under way as the peers' harness has.
    private static let batchesUnderWay = 4

    private func produceGathered(_ channel: Chan<BenchMessage>) async throws {
        let numbers = SequenceNumbers()
        let batch = role.job.batch
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<Self.batchesUnderWay {
                group.addTask {
                    var messages = [BenchMessage](repeating: message(0), count: batch)
                    while !board.isStopped {
                        let first = numbers.take(UInt64(batch))
                        var marks: UInt64 = 0
                        for index in messages.indices {
                            messages[index].sequence = first + UInt64(index)
                            marks &+= messages[index].mark
                        }
                        try await channel.send(contentsOf: messages)
                        board.sent(role.number).count(UInt64(batch), marks: marks)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    // MARK: - Consumers

    func consume(_ channels: [Chan<BenchMessage>]) async throws {
        var arrivals = arrivals
        let channel = channels[0]
        switch role.job.receiving {
        case .blocking, .plain, .select:
            for try await message in channel {
                try arrivals.take(message)
                countGot(message)
            }
        case .ahead:
            for try await message in channel.readingAhead(role.job.ahead) {
                try arrivals.take(message)
                countGot(message)
            }
        case .leases:
            for try await lease in channel.leases(readAhead: role.job.ahead) {
                try arrivals.take(lease.element)
                try lease.doneLater()
                countGot(lease.element)
            }
        case .selects:
            let cases = channels.map { Channels.receive(from: $0) }
            while true {
                for winner in try await Channels.select(upTo: role.job.batchReceived, cases) {
                    let message = try Self.element(of: winner)
                    try arrivals.take(message)
                    countGot(message)
                }
            }
        }
        throw BenchFault("the channel was closed")
    }
}

/// The numbers of messages, for several tasks.
private final class SequenceNumbers: Sendable {
    private let next = Atomic<UInt64>(0)

    func take(_ count: UInt64) -> UInt64 { next.wrappingAdd(count, ordering: .relaxed).oldValue }
}
