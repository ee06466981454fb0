// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Order, batches and receives of several (rules 21, 23 and 24; X3).
@Suite struct BatchTests {
    @Test("rule 24 a batch is accepted in order as a prefix and keeps its place")
    func prefix() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let batch = scene.send(one, 1, 2, 3, 4)
        let late = scene.send(other, 9)
        #expect(try scene.state(one).queued == 2)
        #expect(scene[batch] == .waiting)
        for body in 1...4 as ClosedRange<UInt64> {
            #expect(scene[scene.receive(other)] == .received([body]))
            #expect((scene[batch] == .sent) == (body >= 2))
        }
        #expect(scene[late] == .sent)
        #expect(scene[scene.receive(other)] == .received([9]))
    }

    @Test(
        "rule 24 its failure says how many were accepted",
        arguments: ["close", "cancel", "timeout", "try", "receivers", "handle"])
    func accepted(how: String) throws {
        let scene = scene()
        let sender = try scene.open(scene.client(), "c", capacity: 2, role: .send) {
            $0.failWithLastReceiver = true
        }
        let receiver = try scene.open(scene.client(), "c", role: .receive)
        let timeout: Int64 = how == "timeout" ? 5 : how == "try" ? 0 : -1
        let batch = scene.send(sender, 1, 2, 3, 4, timeout: timeout)
        let expected: FailureKind
        switch how {
        case "close": (_, expected) = (scene.close(sender), .closed)
        case "cancel": (_, expected) = (scene.cancel(sender.session, batch), .cancelled)
        case "timeout": (_, expected) = (scene.wait(5), .timeout)
        case "receivers": (_, expected) = (scene.stop(receiver), .noReceivers)
        case "handle": (_, expected) = (scene.closeHandle(sender), .handleClosed)
        default: expected = .wouldBlock
        }
        #expect(scene.failure(batch)?.kind == expected)
        #expect(scene.failure(batch)?.accepted == 2)
        #expect(scene.engine.discarded.sorted() == [3, 4])
        if how != "receivers" {
            #expect(scene[scene.receive(receiver, upTo: 9)] == .received([1, 2]))
        }
    }

    @Test("rule 24 an empty batch is sent at once")
    func emptyBatch() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        #expect(scene[scene.send(port, [])] == .sent)
        #expect(try scene.state(port).accepted == 0)
    }

    @Test("rule 21 a receive of several takes what is there, 1 to n")
    func several() throws {
        let scene = scene()
        let port = try scene.single(capacity: 4)
        scene.send(port, 1, 2, 3)
        #expect(scene[scene.receive(port, upTo: 10)] == .received([1, 2, 3]))
        let waiting = scene.receive(port, upTo: 2)
        #expect(scene[waiting] == .waiting)
        #expect(scene[scene.send(port, 4, 5, 6)] == .sent)
        #expect(scene[waiting] == .received([4, 5]))
        #expect(scene[scene.receive(port, upTo: 10)] == .received([6]))
    }

    @Test("rule 21 on a rendezvous channel it meets up to n waiting senders, batches counted by message")
    func severalSenders() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let sends = [scene.send(one, 1), scene.send(one, 2, 3, 4), scene.send(one, 5)]
        #expect(scene[scene.receive(other, upTo: 3)] == .received([1, 2, 3]))
        #expect(sends.map { scene[$0] } == [.sent, .waiting, .waiting])
        #expect(scene[scene.receive(other, upTo: 10)] == .received([4, 5]))
        #expect(sends.map { scene[$0] } == [.sent, .sent, .sent])
    }

    @Test("rule 24 a batch serves several waiting receivers in order")
    func batchForMany() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let receives = [scene.receive(other, upTo: 2), scene.receive(one), scene.receive(other, upTo: 5)]
        let batch = scene.send(one, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
        #expect(
            receives.map { scene[$0] } == [.received([1, 2]), .received([3]), .received([4, 5, 6, 7, 8])])
        #expect(scene[batch] == .waiting)
        #expect(scene[scene.receive(other, upTo: 5)] == .received([9, 10]))
        #expect(scene[batch] == .sent)
    }

    @Test("a receive of several ends at the limit of bytes, after at least one message")
    func bytes() throws {
        var limits = BrokerLimits()
        // 10 bytes of messages, and what stands in front of two of them.
        limits.receiveBatchBytes = 10 + 2 * limits.receiveBatchPrefixBytes
        let scene = scene(limits: limits)
        let port = try scene.single(capacity: -1)
        for body in 1...3 as ClosedRange<UInt64> { scene.send(port, [SentMessage(body, byteCount: 6)]) }
        scene.send(port, [SentMessage(4, byteCount: 100)])
        scene.send(port, [SentMessage(5, byteCount: 0)])
        #expect(scene[scene.receive(port, upTo: 9)] == .received([1, 2]))
        #expect(scene[scene.receive(port, upTo: 9)] == .received([3, 4]))
        #expect(scene[scene.receive(port, upTo: 9)] == .received([5]))
    }

    @Test("a receive of none is refused, and nothing waits for it")
    func none() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        #expect(scene[scene.receive(port, upTo: 0)] == .failed(.invalidArgument))
        scene.send(port, 1)
        #expect(scene[scene.receive(port, upTo: 0)] == .failed(.invalidArgument))
        #expect(scene[scene.receive(port)] == .received([1]))
    }

    @Test("a send case without a message is refused, any other with one")
    func sendCaseChain() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        let empty = CaseInput(kind: .send, handle: port.handle, untilDrained: false, message: nil)
        #expect(scene[scene.select(port.session, [empty])] == .failed(.invalidArgument, by: 0))
        for kind in [SelectCase.Kind.receive, .never] {
            let laden = CaseInput(
                kind: kind, handle: port.handle, untilDrained: false, message: SentMessage(1))
            #expect(scene[scene.select(port.session, [.never, laden])] == .failed(.invalidArgument, by: 1))
            #expect(scene.engine.discarded == [1])
        }
        #expect(scene[scene.receive(port, timeout: 0)] == .failed(.wouldBlock))
    }

    @Test(
        "X3 rule 23 sends of one session on one channel keep their order, waiting or not",
        arguments: [0, 1, 3, -1])
    func programOrder(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        var random = SeededRandom(seed: 11)
        var body: UInt64 = 1
        var received: [UInt64] = []
        while received.count < 200 {
            if random.chance(60) {
                let count = UInt64(1 + random.below(4))
                scene.send(one, (body..<body + count).map { SentMessage($0) })
                body += count
            } else {
                let receive = scene.receive(other, upTo: UInt32(1 + random.below(4)), timeout: 0)
                received += scene.messages(receive).map(\.body)
            }
        }
        #expect(received == Array(1...UInt64(received.count)))
    }
}
