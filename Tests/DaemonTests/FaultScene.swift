// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

/// The other side of a conversation that is cut off: it has messages to receive, receives what is sent, and
/// checks the law when all is quiet.
final class FaultScene {
    private static let offered = 14

    let player: FaultPlayer
    private let partner: WireClient
    private let prefix: String
    private let names: [String]
    private let handles: [UInt32]
    private var sends: [UInt64] = []
    private var receives: [UInt64] = []
    private var mine: Set<String> = []

    /// Opens the channels, and lets a partner wait at them as the conversation needs it.
    init(
        _ conversation: FaultConversation, _ daemon: DaemonUnderTest, _ partner: WireClient, prefix: String,
        capacity: Int64, isProcess: Bool = false
    ) throws {
        (self.partner, self.prefix) = (partner, prefix)
        names = FaultConversation.channels(prefix)
        handles = try names.map { try partner.open($0, .both, capacity: capacity) }
        player = try FaultPlayer(daemon.socketPath, isProcess: isProcess)
        switch conversation {
        case .sender: try receive(2, from: 0)
        case .receiver: try send(Self.offered, to: 0)
        case .selector:
            try send(3, to: 0)
            try receive(2, from: 1)
        }
        try partner.ping()
    }

    private func send(_ count: Int, to channel: Int) throws {
        for number in 0..<count {
            let value = "p\(channel)-\(number)"
            mine.insert(value)
            sends.append(try partner.startSend(handles[channel], value))
        }
    }

    private func receive(_ count: Int, from channel: Int) throws {
        for _ in 0..<count { receives.append(try partner.startReceive(handles[channel])) }
    }

    /// The frame of a step.
    func frame(_ step: FaultConversation.Step) throws -> [UInt8] { try step(player, prefix) }

    /// Writes the frame of a step.
    func write(_ step: FaultConversation.Step) throws {
        try #require(player.client).write(try frame(step))
    }

    /// Carries out steps, and reads what they are answered.
    func play(_ steps: ArraySlice<FaultConversation.Step>) throws {
        for step in steps {
            try write(step)
            try player.readAnswers()
        }
    }

    /// The law, once the player's session has ended: *sent = settled + still there + unknown to a sender that lost
    /// its connection*, and nothing twice without the mark.
    ///
    /// - Parameter doubtful: settled by a frame that may not have got there.
    func check(_ place: String, mayBeUnsettled doubtful: Set<String> = []) throws {
        // Its handles may have gone before it: what it has not settled comes back with its session's end only.
        try partner.waitUntilAlone()
        for name in names {
            let status = try partner.inspect(name)
            #expect(status.sendHandles == 1 && status.receiveHandles == 1, "\(place): \(status)")
            #expect(
                status.accepted == status.settled + status.queued + status.unsettled, "\(place): \(status)")
        }
        // What waited for a partner since before, and then what is still there.
        var found: [String: Bool] = [:]
        for request in receives {
            try partner.cancel(request)
            if let delivered = try partner.outcome(of: request).delivered { try take(delivered, &found) }
        }
        for handle in handles {
            while let delivered = try partner.receive(handle, upTo: 5, timeout: 0).delivered {
                try take(delivered, &found)
            }
        }
        for request in sends { #expect(try partner.outcome(of: request) == .sent, "\(place)") }
        var accepted: UInt64 = 0
        for name in names {
            let status = try partner.inspect(name)
            #expect(
                status.accepted == status.settled && status.queued == 0 && status.unsettled == 0
                    && status.setAside == 0 && status.sendWaiters == 0 && status.receiveWaiters == 0,
                "\(place): \(status)")
            accepted += status.accepted
        }
        let everything = Set(found.keys).union(player.seen.keys)
        #expect(UInt64(everything.count) == accepted, "\(place)")
        #expect(mine.union(player.committed).subtracting(everything).isEmpty, "\(place): lost")
        #expect(player.refused.intersection(everything).isEmpty, "\(place): came though it failed")
        #expect(everything.isSubset(of: mine.union(player.offered)), "\(place): from nowhere")
        for (value, isMarked) in found where player.seen[value] != nil {
            let isSettled = player.settled.contains(value) && !doubtful.contains(value)
            #expect(!isSettled, "\(place): \(value) was settled, and came back")
            #expect(isMarked, "\(place): \(value) came back unmarked")
        }
        for value in player.seen.keys where found[value] == nil {
            #expect(player.settled.contains(value), "\(place): \(value) was not settled, and is gone")
        }
        for handle in handles { try partner.closeHandle(handle) }
    }

    private func take(_ delivered: Delivered, _ found: inout [String: Bool]) throws {
        for message in delivered.messages {
            let isFirst = found.updateValue(message.redelivered, forKey: message.text) == nil
            #expect(isFirst, "\(message.text) came twice")
        }
        try partner.settle(delivered.range)
    }
}
