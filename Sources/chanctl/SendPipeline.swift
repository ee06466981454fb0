// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels

/// A message on its way out: a part of what was read.
struct Piece: ChanElement {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    init(decoding message: MessageBytes) { bytes = Array(message)[...] }

    func encode(into message: inout MessageWriter) {
        bytes.withUnsafeBytes { message.append($0) }
    }
}

/// Sends batches in order, several at a time.
///
/// Invariants:
/// - batches begin in order: each is a task on the client's thread, which runs tasks first in, first out, and
///   each fits one request of the library, so that none has a second part that the next could overtake;
/// - what waits is withdrawn from the newest on, so that no batch is accepted behind one that was withdrawn.
struct SendPipeline: Sendable {
    /// How long a send may wait.
    enum Pace: Sendable {
        /// For ever; the next batches follow meanwhile.
        case pipelined
        /// As long as messages are accepted at least this often.
        case within(Duration)
        /// Not at all.
        case atOnce
    }

    private struct Flight: Sendable {
        let task: Task<Void, any Error>
        let count: Int
    }

    private static let maxFlights = 4
    /// Half of what the library sends as one request at most, and what a read of a pipe gives.
    private static let goodBatchBytes = 64 << 10
    private static let maxBatchMessages = 65_536
    /// What a message needs besides its bytes, and a request besides its messages.
    private static let messageOverhead = 4
    private static let requestOverhead = 64

    /// How many messages are known to be accepted: the first ones.
    private(set) var accepted = 0
    private let channel: Chan<Piece>
    private let client: ChandClient
    private let pace: Pace
    private let batchBytes: Int
    private let flights = Lock<[Flight]>([])
    private var failed: @Sendable () -> Void = {}

    init(_ channel: Chan<Piece>, _ client: ChandClient, _ pace: Pace) {
        self.channel = channel
        self.client = client
        self.pace = pace
        batchBytes = min(Self.goodBatchBytes, client.daemon.limits.maxBodyBytes - Self.requestOverhead)
    }

    /// Has a body called when a batch fails that nobody awaits yet.
    mutating func onFailure(_ body: @escaping @Sendable () -> Void) { failed = body }

    /// Sends messages; returns when they are accepted or on their way.
    mutating func send(_ messages: [ArraySlice<UInt8>]) async throws {
        var rest = messages[...]
        while !rest.isEmpty {
            let batch = rest.prefix(batchCount(rest))
            rest = rest.dropFirst(batch.count)
            try Task.checkCancellation()
            let pieces = batch.map(Piece.init)
            switch pace {
            case .pipelined:
                while flights.withLock({ $0.count }) >= Self.maxFlights { try await land() }
                launch(pieces)
            case .within(let time):
                try await send(pieces, within: time)
            case .atOnce:
                let count = try await channel.trySend(contentsOf: pieces)
                accepted += count
                guard count == pieces.count else { throw wouldBlock }
            }
        }
    }

    /// Waits until everything is accepted.
    mutating func finish() async throws {
        while flights.withLock({ !$0.isEmpty }) { try await land() }
    }

    /// How many of the first messages make a good batch; at least one.
    private func batchCount(_ messages: ArraySlice<ArraySlice<UInt8>>) -> Int {
        var bytes = 0
        var count = 0
        for message in messages {
            bytes += message.count + Self.messageOverhead
            if count > 0, bytes > batchBytes || count == Self.maxBatchMessages { break }
            count += 1
        }
        return count
    }

    private func launch(_ pieces: [Piece]) {
        let task = Task(executorPreference: client.executor) { [channel, failed] in
            do {
                try await channel.send(contentsOf: pieces)
            } catch {
                failed()
                throw error
            }
        }
        flights.withLock { $0.append(Flight(task: task, count: pieces.count)) }
    }

    /// Waits for the oldest batch.
    private mutating func land() async throws {
        guard let oldest = flights.withLock({ $0.first }) else { return }
        let result = await withTaskCancellationHandler {
            await oldest.task.result
        } onCancel: { [flights] in
            Self.withdrawAll(flights)
        }
        flights.withLock { _ = $0.removeFirst() }
        switch result {
        case .success: accepted += oldest.count
        case .failure(let error): try await fail(error)
        }
    }

    private static func withdrawAll(_ flights: Lock<[Flight]>) {
        // The lock is not held while cancelling, which runs others' code.
        for flight in flights.withLock({ $0 }).reversed() { flight.task.cancel() }
    }

    /// Ends everything because of a batch that failed, and says how much was accepted.
    private mutating func fail(_ error: any Error) async throws {
        accepted += error.acceptedMessages
        Self.withdrawAll(flights)
        var behind = 0
        for flight in flights.withLock({ exchange(&$0, with: []) }) {
            switch await flight.task.result {
            case .success: behind += flight.count
            case .failure(let error): behind += error.acceptedMessages
            }
        }
        // Possible where a quota refused a batch and had room for a smaller one behind it.
        guard behind == 0 else {
            let failure = Failure(error)
            throw Failure(
                failure.code, "\(failure.message); of later messages, \(behind) were accepted nevertheless",
                channel: channel.name, exit: failure.exit)
        }
        throw error.counting(accepted, channel: channel.name)
    }

    private mutating func send(_ pieces: [Piece], within time: Duration) async throws {
        var rest = pieces[...]
        while !rest.isEmpty {
            do {
                try await channel.send(contentsOf: rest, timeout: time)
                accepted += rest.count
                return
            } catch let error as ChandError where error.code == .timeout && error.accepted > 0 {
                // Slow, but not standing still: the time begins anew.
                accepted += error.accepted
                rest = rest.dropFirst(error.accepted)
            } catch {
                accepted += error.acceptedMessages
                throw error.counting(accepted, channel: channel.name)
            }
        }
    }

    private var wouldBlock: Failure {
        .wouldBlock(
            "channel \(channel.name): no more can be sent without waiting; \(accepted) were accepted",
            channel: channel.name)
    }
}

extension Error {
    /// How many messages of a batch were accepted before it failed.
    fileprivate var acceptedMessages: Int {
        switch self {
        case let error as ChandError: error.accepted
        case let closed as ChannelClosed: closed.accepted
        default: 0
        }
    }

    /// The same error, with all messages counted that were accepted before it.
    fileprivate func counting(_ accepted: Int, channel: String) -> any Error {
        switch self {
        case let error as ChandError:
            ChandError(
                error.code, error.message, channel: channel, socket: error.socket, errno: error.errno,
                accepted: accepted, underlying: error.underlying)
        case let closed as ChannelClosed:
            ChannelClosed(channel: closed.channel, reason: closed.reason, accepted: accepted)
        case is CancellationError where accepted > 0:
            ChandError(.cancelled, "interrupted", channel: channel, accepted: accepted)
        default:
            self
        }
    }
}
