// SPDX-License-Identifier: Apache-2.0

import ChanCore
import Testing

@testable import ChandServer

/// What is left of a hub.
struct HubTests {
    @Test func messagesEndWithTheHub() {
        let bodies: BodyPool
        do {
            var hub = Hub(
                limits: BrokerLimits(), spaces: [], maxMessageBytes: 1024, framesPerTurn: 16,
                outputHighWatermark: 64 << 10, inspectionsPerSecond: 1, seed: 1, instance: 1,
                checksInvariants: false)
            bodies = hub.outbox.bodies
            let session = hub.broker.beginSession(Identity(uid: 1, gid: 1, pid: 1))
            var chain = MessageChain()
            for _ in 0..<3 {
                let bytes = [UInt8](repeating: 1, count: 100)
                let body = bytes.withUnsafeBytes { MessageBody(copying: $0, in: bodies) }
                hub.broker.append(body, byteCount: 100, to: &chain, session: session)
            }
            #expect(hub.broker.messageCount == 3 && bodies.spareBytes == 0)
        }
        // Each with what stands before its bytes, in steps of the pool.
        #expect(bodies.spareBytes == 3 * 128)
    }
}
