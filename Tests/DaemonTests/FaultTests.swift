// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Faults at every step of the protocol: whatever is cut off wherever, no message is lost and none comes twice
/// without saying so (rules 17, 18, 20 and 22; X6 to X10, X17).
@Suite(.blocking) struct FaultTests {
    private static let capacities: [Int64] = [0, 1, 4, Capacity.unbounded]

    /// The end after each frame that is written, by kill -9, and after each answer that is read, by closing.
    @Test(arguments: FaultConversation.allCases, capacities)
    func everyStep(_ conversation: FaultConversation, _ capacity: Int64) throws {
        try DaemonUnderTest.run { daemon in
            let partner = try WireClient(daemon.socketPath)
            let steps = conversation.steps
            for index in steps.indices {
                for isProcess in [true, false] {
                    let scene = try FaultScene(
                        conversation, daemon, partner, prefix: "\(index)-\(isProcess)", capacity: capacity,
                        isProcess: isProcess)
                    try scene.play(steps[..<index])
                    if isProcess {
                        let settled = scene.player.settled
                        try scene.write(steps[index])
                        // The process may be killed before it has passed the frame on: both is right.
                        let doubtful = scene.player.settled.subtracting(settled)
                        try scene.player.die()
                        try scene.check("killed at step \(index)", mayBeUnsettled: doubtful)
                    } else {
                        try scene.play(steps[index...index])
                        try scene.player.die()
                        try scene.check("closed after step \(index)")
                    }
                }
            }
        }
    }

    /// Each kind of frame up to each of its bytes, and then the end: what is not whole has no effect.
    @Test(arguments: FaultConversation.allCases)
    func halfFrames(_ conversation: FaultConversation) throws {
        try DaemonUnderTest.run { daemon in
            let partner = try WireClient(daemon.socketPath)
            let steps = conversation.steps
            var kinds: Set<UInt8> = []
            for index in steps.indices {
                var length = 1
                while true {
                    let scene = try FaultScene(
                        conversation, daemon, partner, prefix: "\(index)-\(length)", capacity: 1)
                    try scene.play(steps[..<index])
                    let player = scene.player
                    let (settled, requests) = (player.settled, player.requests.count)
                    let frame = try scene.frame(steps[index])
                    // A step may be several frames of a kind; the first one is cut.
                    let kind = frame[4]
                    let isHalf = length < FrameHeader.byteCount + Int(frame[0]) && !kinds.contains(kind)
                    if isHalf { try #require(player.client).write(Array(frame[..<length])) }
                    if player.requests.count > requests { player.unwritten(player.requests.last) }
                    player.unsettled(player.settled.subtracting(settled))
                    try player.die()
                    try scene.check("step \(index), \(length) of \(frame.count) bytes")
                    guard isHalf else {
                        kinds.insert(kind)
                        break
                    }
                    length += 1
                }
            }
        }
    }

    /// The whole conversation one byte at a time.
    @Test(arguments: FaultConversation.allCases, capacities)
    func byteByByte(_ conversation: FaultConversation, _ capacity: Int64) throws {
        try DaemonUnderTest.run { daemon in
            let partner = try WireClient(daemon.socketPath)
            let scene = try FaultScene(conversation, daemon, partner, prefix: "bytes", capacity: capacity)
            for step in conversation.steps {
                for byte in try scene.frame(step) {
                    try #require(scene.player.client).write([byte])
                    // What was written before is taken when another session is answered.
                    try partner.ping()
                }
                try scene.player.readAnswers()
            }
            try scene.player.die()
            try scene.check("byte by byte")
        }
    }

    /// CANCEL for everything, three times, right behind each frame: one outcome each, and the law.
    @Test(arguments: FaultConversation.allCases, capacities)
    func cancelStorm(_ conversation: FaultConversation, _ capacity: Int64) throws {
        try DaemonUnderTest.run { daemon in
            let partner = try WireClient(daemon.socketPath)
            let steps = conversation.steps
            for index in steps.indices {
                let scene = try FaultScene(
                    conversation, daemon, partner, prefix: "storm-\(index)", capacity: capacity)
                try scene.play(steps[..<index])
                let player = scene.player
                var bytes = try scene.frame(steps[index])
                for _ in 0..<3 { bytes += player.requests.flatMap { SimpleFrame.cancel(request: $0) } }
                bytes += SimpleFrame.cancel(request: 999_999)
                try #require(player.client).write(bytes)
                try player.readAnswers()
                // Nothing is under way any more.
                for request in player.requests {
                    #expect(player.outcomes[request] == 1, "storm at \(index), request \(request)")
                }
                try player.die()
                try scene.check("storm at step \(index)")
            }
        }
    }
}
