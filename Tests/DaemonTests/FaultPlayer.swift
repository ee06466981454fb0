// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// A session that goes through a conversation step by step, may be cut off anywhere, and knows what it knew by
/// then: what it sent for sure, what surely not, and what it saw and settled.
final class FaultPlayer {
    /// What a request offers.
    enum Offer {
        /// Messages of a send: a prefix of them may be accepted.
        case batch([String])
        /// The message of each case of a select; nil for those that send nothing.
        case cases([String?])

        var values: [String] {
            switch self {
            case .batch(let values): values
            case .cases(let values): values.compactMap { $0 }
            }
        }
    }

    private(set) var client: WireClient?
    private var process: ClientProcess?
    private var offers: [UInt64: Offer] = [:]
    private var held: [(delivery: DeliveryRange, value: String)] = []
    private(set) var outcomes: [UInt64: Int] = [:]
    private(set) var requests: [UInt64] = []

    /// Surely accepted.
    private(set) var committed: Set<String> = []
    /// Surely not accepted.
    private(set) var refused: Set<String> = []
    /// Offered, in frames that were written at least in part.
    private(set) var offered: Set<String> = []
    /// Seen here, and whether marked.
    private(set) var seen: [String: Bool] = [:]
    /// Settled by a frame that was written.
    private(set) var settled: Set<String> = []

    /// A session of this process, or of one of its own that can be killed.
    init(_ socketPath: String, isProcess: Bool = false) throws {
        if isProcess {
            let process = try ClientProcess(socketPath)
            (self.process, client) = (process, process.client)
        } else {
            client = try WireClient(socketPath)
        }
    }

    /// Ends the session by kill -9, or by closing its connection without reading what is there.
    func die() throws {
        try process?.kill()
        process = nil
        client = nil
    }

    // MARK: Frames

    /// Requests that some step made, the latest last.
    func request(_ offer: Offer? = nil) throws -> UInt64 {
        let request = try #require(client).request()
        requests.append(request)
        if let offer {
            offers[request] = offer
            offered.formUnion(offer.values)
        }
        return request
    }

    /// Takes deliveries out of what is held, the oldest first, to be settled or given back.
    func takeHeld(_ count: Int = .max) -> ArraySlice<(delivery: DeliveryRange, value: String)> {
        let taken = held.prefix(count)
        held.removeFirst(taken.count)
        return taken
    }

    /// Takes deliveries that the next frame settles.
    func settleHeld(_ count: Int = .max) -> [DeliveryRange] {
        let taken = takeHeld(count)
        settled.formUnion(taken.map(\.value))
        return taken.map(\.delivery)
    }

    /// Takes the oldest delivery, which the next frame gives back; unseen, it is as if it had never come.
    func giveBackHeld(seen isSeen: Bool) -> [DeliveryRange] {
        let taken = takeHeld(1)
        if !isSeen { for (_, value) in taken { seen[value] = nil } }
        return taken.map(\.delivery)
    }

    /// The oldest delivery that is held.
    var firstHeld: DeliveryRange? { held.first?.delivery }

    /// The frame was never whole, so what it offers is surely not sent, nor settled what it settles.
    func unwritten(_ request: UInt64?) {
        guard let request, let offer = offers[request] else { return }
        refused.formUnion(offer.values)
    }

    /// What was settled by the last frame, if that frame never got there.
    func unsettled(_ values: Set<String>) { settled.subtract(values) }

    // MARK: Answers

    /// Reads all that is due.
    func readAnswers() throws {
        for frame in try #require(client).framesSoFar() { try take(frame) }
    }

    private func take(_ frame: WireFrame) throws {
        for request in try frame.requests() {
            outcomes[request, default: 0] += 1
            guard let offer = offers[request] else { continue }
            switch (frame.type, offer) {
            case (.sent, .batch(let values)): committed.formUnion(values)
            case (.selected, .cases(let values)):
                let winner = Int(frame.header.field)
                if let value = values[winner] { committed.insert(value) }
                refused.formUnion(values.enumerated().compactMap { $0.offset == winner ? nil : $0.element })
            case (.failed, .batch(let values)):
                let accepted = Int(try frame.failed().accepted)
                committed.formUnion(values.prefix(accepted))
                refused.formUnion(values.dropFirst(accepted))
            default: refused.formUnion(offer.values)
            }
        }
        guard frame.type == .received else { return }
        guard let delivered = try Outcome(frame).delivered else { return }
        for (index, message) in delivered.messages.enumerated() {
            if seen.updateValue(message.redelivered, forKey: message.text) != nil, !message.redelivered {
                throw LiveFailure("\(message.text) came twice to one session, unmarked")
            }
            let delivery = DeliveryRange(
                handle: delivered.handle, first: delivered.first + UInt64(index), count: 1)
            held.append((delivery, message.text))
        }
    }
}
