// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanFuzzing
import ChanWire
import Testing

@testable import ChandServer

/// Who is written to first where a turn has something for several: who asked (docs/architecture.md).
@Suite struct AnswerOrderTests {
    /// Two sessions with handle 0 on a channel without buffer.
    private struct Scene: ~Copyable {
        var sessions = DetachedSessions(
            limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 1024, checksInvariants: true)
        let one: Int
        let other: Int

        init() {
            one = sessions.connect(uid: 1000)
            other = sessions.connect(uid: 1000)
            for each in [one, other] {
                var open = OpenRequest(name: "met", role: [.send, .receive])
                open.capacity = 0
                _ = give(Hello(clientName: "test").encoded(), by: each)
                _ = give(open.encoded(request: 1), by: each)
            }
        }

        /// Who was written to in that turn, in order.
        mutating func give(_ frame: [UInt8], by number: Int) -> [Int] {
            var written: [Int] = []
            frame.withUnsafeBytes { bytes in
                sessions.receive(bytes, from: number) { number, _ in written.append(number) }
            }
            return written
        }
    }

    private let send = Frames.send(request: 2, handle: 0, timeout: WireTimeout.never, [[1]])
    private let receive = Frames.receive(request: 2, ReceiveRequest(handle: 0, timeout: WireTimeout.never))

    @Test func aSenderComesBeforeTheReceiverThatWaited() {
        var scene = Scene()
        let (one, other) = (scene.one, scene.other)
        let parked = scene.give(receive, by: other)
        #expect(parked == [])
        let written = scene.give(send, by: one)
        #expect(written == [one, other])
    }

    @Test func aReceiverComesBeforeTheSenderThatWaited() {
        var scene = Scene()
        let (one, other) = (scene.one, scene.other)
        let parked = scene.give(send, by: one)
        #expect(parked == [])
        let written = scene.give(receive, by: other)
        #expect(written == [other, one])
    }
}
