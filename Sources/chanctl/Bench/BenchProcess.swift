// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels
import Glibc
import Synchronization

/// The process of one role: `chanctl bench --role ...`, which the measuring one starts, with the board as descriptor 3.
struct BenchProcess: Sendable {
    let role: BenchRole
    let board: BenchBoard
    let codec: BenchCodec
    private let parent = getppid()

    /// Plays the role; returns never, but for a failure.
    static func run(_ role: BenchRole) throws -> Never {
        try ThisProcess.pinThread(to: role.processors)
        let process = BenchProcess(
            role: role, board: try BenchBoard(mapping: 3), codec: BenchCodec(payload: role.job.payload))
        do {
            if process.isBlocking {
                try process.block()
            } else {
                try Program.wait(for: process.suspend) { _ in }
            }
        } catch {
            process.board.fail("\(role.kind) \(role.number): \(error)")
            exit(ExitStatusCode.failed.rawValue)
        }
        process.board.sent(role.number).finish()
        // The one that measures ends this process when all that was sent has come.
        while true { process.nap(microseconds: 100_000) }
    }

    private var isBlocking: Bool {
        switch role.kind {
        case .ping, .pong, .producer: role.job.sending == .blocking
        case .consumer: [.blocking, .select].contains(role.job.receiving)
        }
    }

    /// Blocks the thread; the end of whoever measures is the end of this.
    private func nap(microseconds: UInt32) {
        usleep(microseconds)
        if getppid() != parent { exit(ExitStatusCode.failed.rawValue) }
    }

    /// Says that the channels are open, and waits for the others.
    private func start() {
        board.ready.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while board.go.pointee.load(ordering: .sequentiallyConsistent) == 0 { nap(microseconds: 200) }
    }

    func message(_ sequence: UInt64) -> BenchMessage {
        BenchMessage(sequence: sequence, producer: UInt32(role.number))
    }

    func countSent(_ message: BenchMessage) { board.sent(role.number).count(1, marks: message.mark) }
    func countGot(_ message: BenchMessage) { board.got(role.number).count(1, marks: message.mark) }

    var arrivals: BenchArrivals { BenchArrivals(isAlone: role.job.consumers == 1) }

    /// The channel that a producer sends on.
    private var outgoing: String { role.channel(role.job.channels == role.job.producers ? role.number : 0) }

    // MARK: - Blocking

    private func block() throws {
        let client = try ChandClient.Blocking(name: "chanctl bench")
        let open = { (name: String, direction: ChannelRole) in
            try client.channel(name, capacity: role.job.capacity, codec: codec, role: direction)
        }
        switch role.kind {
        case .ping:
            let (there, back) = (try open(role.channel(0), .send), try open(role.channel(1), .receive))
            start()
            try pingBlocking(there, back)
        case .pong:
            let (there, back) = (try open(role.channel(0), .receive), try open(role.channel(1), .send))
            start()
            while true { try back.send(try there.receive()) }
        case .producer:
            let channel = try open(outgoing, .send)
            start()
            try produceBlocking(channel)
        case .consumer:
            let channels = try (0..<role.job.channels).map { try open(role.channel($0), .receive) }
            start()
            try consumeBlocking(client, channels)
        }
    }

    private func pingBlocking(
        _ there: BlockingChan<BenchMessage>, _ back: BlockingChan<BenchMessage>
    ) throws {
        var sequence: UInt64 = 0
        while !board.isStopped {
            let sent = message(sequence)
            let began = MonotonicClock.now()
            try there.send(sent)
            countSent(sent)
            let got = try back.receive()
            try returned(got, sequence, since: began)
            sequence += 1
        }
    }

    func returned(_ got: BenchMessage, _ sequence: UInt64, since began: UInt64) throws {
        board.note(MonotonicClock.now() - began)
        guard got.sequence == sequence else { throw BenchFault("a round trip out of order") }
        countGot(got)
    }

    private func produceBlocking(_ channel: BlockingChan<BenchMessage>) throws {
        let confirm: SendConfirmation = role.job.awaitsReceipt ? .receipt : .commit
        var sequence: UInt64 = 0
        while !board.isStopped {
            let message = message(sequence)
            try channel.send(message, confirm: confirm)
            countSent(message)
            sequence += 1
        }
    }

    private func consumeBlocking(
        _ client: ChandClient.Blocking, _ channels: [BlockingChan<BenchMessage>]
    ) throws {
        var arrivals = arrivals
        let cases = channels.map { Channels.receive(from: $0) }
        while true {
            switch role.job.receiving {
            case .select:
                guard let winner = try client.select(cases) else { continue }
                let message = try Self.element(of: winner)
                try arrivals.take(message)
                countGot(message)
            default:
                let message = try channels[0].receive()
                try arrivals.take(message)
                countGot(message)
            }
        }
    }

    static func element(of winner: SelectWinner) throws -> BenchMessage {
        if let message = winner.element(as: BenchMessage.self) { return message }
        throw winner.error ?? BenchFault("a select without a message")
    }

    // MARK: - Tasks

    private func suspend() async throws {
        let client = try await ChandClient.connect(
            name: "chanctl bench", reconnect: .never, busyLimit: nil)
        try await client.run {
            let open = { @Sendable (name: String, direction: ChannelRole) async throws in
                try await client.channel(
                    name, capacity: role.job.capacity, codec: codec, role: direction)
            }
            switch role.kind {
            case .ping:
                let there = try await open(role.channel(0), .send)
                let back = try await open(role.channel(1), .receive)
                start()
                try await ping(there, back)
            case .pong:
                let there = try await open(role.channel(0), .receive)
                let back = try await open(role.channel(1), .send)
                start()
                for try await message in there.readingAhead(role.job.ahead) {
                    try await back.sendLater(message)
                }
            case .producer:
                let channel = try await open(outgoing, .send)
                start()
                try await produce(channel)
            case .consumer:
                var channels: [Chan<BenchMessage>] = []
                for index in 0..<role.job.channels {
                    channels.append(try await open(role.channel(index), .receive))
                }
                start()
                try await consume(channels)
            }
        }
    }
}
