// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Processes that send and receive in every way there is and are killed at random: nothing is lost, and
/// nothing comes twice without saying so.
@Suite(.blocking) struct StressTests {
    private static let channels = ["left", "right"]

    @Test(.timeLimit(.minutes(15)), arguments: [Int64(0), 3])
    func tenThousandMessages(_ capacity: Int64) throws {
        let given = ThisProcess.environment("CHAND_TEST_SEED").flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 1...UInt64(UInt32.max))
        print("tenThousandMessages: repeat with CHAND_TEST_SEED=\(seed)")
        try DaemonUnderTest.run { daemon in
            let ledger = StressLedger()
            let observer = try WireClient(daemon.socketPath)
            let mine = try Self.channels.map { try observer.open($0, .receive, capacity: capacity) }
            let senders = try (0..<3).map { index in
                try NativeThread.start(name: "sender") {
                    ledger.guarding {
                        var sender = StressSender(
                            daemon.socketPath, index, seed: seed &+ UInt64(index), ledger)
                        while sender.sent < 3334 { try sender.step() }
                    }
                }
            }
            let receivers = try (0..<3).map { index in
                try NativeThread.start(name: "receiver") {
                    ledger.guarding {
                        var receiver = StressReceiver(
                            daemon.socketPath, seed: seed &+ UInt64(index) &+ 100, ledger)
                        while !ledger.isOver { try receiver.step() }
                    }
                }
            }
            for thread in senders { thread.join() }
            ledger.finish()
            for thread in receivers { thread.join() }
            #expect(ledger.failures.isEmpty, "\(ledger.failures)")
            // What is still there: of receivers whose end the daemon has yet to see as well.
            var accepted: UInt64 = 0
            for (name, handle) in zip(Self.channels, mine) {
                try observer.wait(for: name, "only this session") {
                    $0.receiveHandles == 1 && $0.sendHandles == 0
                }
                while let delivered = try observer.receive(handle, upTo: 100, timeout: 0).delivered {
                    ledger.received(delivered)
                    try observer.settle(delivered.range)
                }
                let status = try observer.inspect(name)
                #expect(status.queued == 0 && status.unsettled == 0 && status.settled == status.accepted)
                accepted += status.accepted
            }
            ledger.check(accepted: accepted)
        }
    }
}

/// What everybody has done and seen.
final class StressLedger: Sendable {
    private struct State {
        var committed: Set<String> = []
        var withdrawn: Set<String> = []
        var seen: Set<String> = []
        var failures: [String] = []
        var isOver = false
    }

    private let state = Lock(State())

    var failures: [String] { state.withLock { $0.failures } }
    var isOver: Bool { state.withLock { $0.isOver || !$0.failures.isEmpty } }

    func finish() { state.withLock { $0.isOver = true } }

    /// Runs what a thread does, and keeps the error that it ends with.
    func guarding(_ body: () throws -> Void) {
        do { try body() } catch { state.withLock { $0.failures.append("\(error)") } }
    }

    /// The first messages are in the channel, the others are surely not.
    func sent(_ messages: [String], accepted: Int) {
        state.withLock { state in
            state.committed.formUnion(messages.prefix(accepted))
            state.withdrawn.formUnion(messages.dropFirst(accepted))
        }
    }

    func received(_ delivered: Delivered) {
        state.withLock { state in
            for message in delivered.messages where !state.seen.insert(message.text).inserted {
                if !message.redelivered { state.failures.append("\(message.text) came twice, unmarked") }
            }
        }
    }

    /// The law: what was sent was received, what was withdrawn was not, and all that was accepted is known.
    func check(accepted: UInt64) {
        state.withLock { state in
            #expect(state.failures.isEmpty, "\(state.failures)")
            #expect(state.committed.subtracting(state.seen) == [])
            #expect(state.withdrawn.intersection(state.seen) == [])
            #expect(UInt64(state.seen.count) == accepted)
            #expect(state.committed.count > 5000)
        }
    }
}

/// A process that sends, and its successors.
private struct StressSender {
    private(set) var sent = 0
    private let socket: String
    private let index: Int
    private var random: SeededRandom
    private let ledger: StressLedger
    private var current: (process: ClientProcess, handles: [UInt32])?

    init(_ socket: String, _ index: Int, seed: UInt64, _ ledger: StressLedger) {
        (self.socket, self.index, self.ledger) = (socket, index, ledger)
        random = SeededRandom(seed: seed)
    }

    mutating func step() throws {
        if current == nil {
            let process = try ClientProcess(socket)
            current = (process, try ["left", "right"].map { try process.client.open($0, .send) })
        }
        guard let (process, handles) = current else { return }
        let client = process.client
        let count = random.below(4) == 0 ? 1 + random.below(6) : 1
        let messages = (0..<count).map { "\(index)-\(sent + $0)" }
        sent += count
        let handle = handles[random.below(2)]
        let timeout: Int64 = [WireTimeout.never, WireTimeout.never, 0, 500_000][random.below(4)]
        let request = client.request()
        var frame: [UInt8]
        let isSelect = count == 1 && random.below(3) == 0
        if isSelect {
            let cases = handles.map { WireClient.Case.send($0, messages[0]) }
            frame = WireClient.selectFrame(request: request, cases, timeout: timeout)
        } else {
            let bytes = messages.map { Array($0.utf8) }
            frame = WireClient.sendFrame(request: request, handle: handle, bytes, timeout: timeout)
        }
        if random.below(20) == 0 { frame += SimpleFrame.cancel(request: request) }
        if random.below(100) == 0 {
            // Cut anywhere: what became of these messages nobody on this side will know.
            try client.write(Array(frame[..<random.below(frame.count + 1)]))
            try process.kill()
            current = nil
            return
        }
        try client.write(frame)
        switch try client.outcome(of: request) {
        case .sent, .selected: ledger.sent(messages, accepted: count)
        case .failed(let failed): ledger.sent(messages, accepted: Int(failed.accepted))
        case let other: throw LiveFailure("a send ended with \(other)")
        }
    }
}

/// A process that receives, and its successors.
private struct StressReceiver {
    private let socket: String
    private var random: SeededRandom
    private let ledger: StressLedger
    private var current: (process: ClientProcess, handles: [UInt32])?
    private var unsettled: [DeliveryRange] = []

    init(_ socket: String, seed: UInt64, _ ledger: StressLedger) {
        (self.socket, self.ledger) = (socket, ledger)
        random = SeededRandom(seed: seed)
    }

    mutating func step() throws {
        if current == nil {
            let process = try ClientProcess(socket)
            current = (process, try ["left", "right"].map { try process.client.open($0, .receive) })
            unsettled = []
        }
        guard let (process, handles) = current else { return }
        let client = process.client
        let request = client.request()
        let timeout: Int64 = [0, 1_000_000, 1_000_000, 20_000_000][random.below(4)]
        var frame: [UInt8]
        if random.below(3) == 0 {
            let cases = handles.map { WireClient.Case.receive($0) }
            frame = WireClient.selectFrame(request: request, cases, timeout: timeout)
        } else {
            frame = WireClient.receiveFrame(
                request: request, handle: handles[random.below(2)], upTo: UInt32(1 + random.below(5)),
                timeout: timeout)
        }
        if random.below(20) == 0 { frame += SimpleFrame.cancel(request: request) }
        try client.write(frame)
        if random.below(100) == 0 {
            try process.kill()
            current = nil
            return
        }
        if case .received(let delivered) = try client.outcome(of: request) {
            ledger.received(delivered)
            unsettled.append(delivered.range)
        }
        while !unsettled.isEmpty, random.below(4) != 0 {
            let range = unsettled.remove(at: random.below(unsettled.count))
            if random.below(10) == 0 {
                try client.giveBack(range, seen: true)
            } else {
                try client.settle(range)
            }
        }
    }
}
