// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Sends, receives and close as in Go; the ids are those of rules.md.
@Suite struct GoChannelTests {
    @Test("G1 rendezvous: a send completes only with a receiver")
    func rendezvous() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let send = scene.send(one, 1)
        #expect(scene[send] == .waiting)
        let receive = scene.receive(other)
        #expect(scene[send] == .sent)
        #expect(scene[receive] == .received([1]))
    }

    @Test("G1 capacity n: sends complete while fewer than n are queued", arguments: [1, 2, 7])
    func buffered(capacity: UInt64) throws {
        let scene = scene()
        let port = try scene.single(capacity: Int64(capacity))
        for body in 1...capacity { #expect(scene[scene.send(port, body)] == .sent) }
        #expect(scene[scene.send(port, 99)] == .waiting)
    }

    @Test("G1 capacity -1 never blocks; below is refused")
    func unbounded() throws {
        let scene = scene()
        let port = try scene.single(capacity: -1)
        for body in 1...1000 as ClosedRange<UInt64> { #expect(scene[scene.send(port, body)] == .sent) }
        for capacity in [-2, -3, Int64.min] {
            let result = scene.tryOpen(port.session, "d") { $0.capacity = capacity }
            #expect(failure(result)?.kind == .invalidArgument)
        }
        #expect(failure(scene.tryOpen(port.session, "d") { $0.mustExist = true })?.kind == .noSuchChannel)
    }

    @Test("G2 capacity counts messages, empty ones too")
    func zeroSize() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        let sends = (1...3).map { scene.send(port, [SentMessage($0, byteCount: 0)]) }
        #expect(sends.map { scene[$0] } == [.sent, .sent, .waiting])
        #expect(try scene.state(port).queued == 2)
        #expect(try scene.state(port).queuedBytes == 0)
    }

    @Test(
        "G3 G13 a send hands its message to the longest-waiting receiver, past the buffer",
        arguments: [0, 3, -1])
    func longestWaiting(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        let receives = [one, other, one, other].map { scene.receive($0) }
        for (index, receive) in receives.enumerated() {
            #expect(scene[receive] == .waiting)
            #expect(scene[scene.send(one, UInt64(index))] == .sent)
            #expect(scene[receive] == .received([UInt64(index)]))
            #expect(try scene.state(one).queued == 0)
        }
    }

    @Test("G4 G9 a receive from a full buffer takes the head and lets the longest-waiting sender in")
    func fullBuffer() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let sends = (1...4).map { scene.send(one, $0) }
        #expect(scene[scene.receive(other)] == .received([1]))
        #expect(sends.map { scene[$0] } == [.sent, .sent, .sent, .waiting])
        #expect(try scene.state(one).queued == 2)
        let rest = (2...4).map { _ in scene.receive(other) }
        #expect(rest.map { scene[$0] } == [.received([2]), .received([3]), .received([4])])
    }

    @Test("G5 a nil channel never proceeds")
    func never() throws {
        let scene = scene()
        let client = scene.client()
        let select = scene.select(client, [.never])
        scene.wait(1 << 40)
        #expect(scene[select] == .waiting)
        scene.cancel(client, select)
        #expect(scene[select] == .failed(.cancelled))
    }

    @Test("G6 sends on a closed channel fail, waiting ones too, and reach nobody", arguments: [0, 1])
    func sendOnClosed(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        for body in 0..<UInt64(capacity) { scene.send(one, body) }
        let waiting = [one, other].map { scene.send($0, 50) }
        #expect(scene.close(one) == true)
        #expect(waiting.map { scene[$0] } == [.failed(.closed), .failed(.closed)])
        #expect(scene[scene.send(other, 60)] == .failed(.closed))
        #expect(scene[scene.send(other, 61, timeout: 0)] == .failed(.closed))
        for body in 0..<UInt64(capacity) { #expect(scene[scene.receive(other)] == .received([body])) }
        scene.settle(other, 1, count: UInt32(capacity))
        #expect(scene[scene.receive(other)] == .failed(.closed))
    }

    @Test("G7 G8 G11 a closed channel is drained in order, then closed for ever")
    func drain() throws {
        let scene = scene()
        let port = try scene.single(capacity: 3)
        for body in 1...3 as ClosedRange<UInt64> { scene.send(port, body) }
        #expect(scene.close(port, CloseReason(code: 4, text: "enough")) == true)
        #expect(scene.close(port) == false)
        for body in 1...3 as ClosedRange<UInt64> {
            #expect(scene[scene.receive(port)] == .received([body]))
            scene.settle(port, body)
        }
        for _ in 0..<5 {
            let receive = scene.receive(port)
            #expect(scene.failure(receive) == Failure(.closed, reason: 4, text: "enough"))
            #expect(scene[scene.receive(port, timeout: 0)] == .failed(.closed))
        }
        #expect(scene.close(port) == false)
    }

    @Test("G10 close wakes every waiting receiver", arguments: [nil, 0, 1, -1] as [Int64?])
    func closeWakes(capacity: Int64?) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        let receives = [one, other, one, other].map { scene.receive($0) }
        scene.close(one, CloseReason(code: 1))
        #expect(receives.allSatisfy { scene[$0] == .failed(.closed) })
        #expect(receives.allSatisfy { scene.failure($0)?.reason == 1 })
    }

    @Test(
        "G12 G13 waiting senders are served in the order in which they came",
        arguments: [nil, 0, 1, 4] as [Int64?])
    func senderOrder(capacity: Int64?) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        let third = try scene.open(scene.client(), "c")
        for body in 0..<30 as Range<UInt64> { scene.send([one, other, third][Int(body % 3)], body) }
        for body in 0..<30 as Range<UInt64> {
            #expect(scene[scene.receive(body % 2 == 0 ? one : other)] == .received([body]))
        }
    }

    @Test("G16 X20 len counts what is queued, neither waiters nor deliveries; cap is what was stated")
    func length() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        for body in 1...4 as ClosedRange<UInt64> { scene.send(one, body) }
        scene.receive(other)
        var state = try scene.state(one)
        #expect(state.capacity == 2)
        #expect(state.queued == 2)
        #expect(state.sendWaiters == 1)
        #expect(state.unsettled == 1)
        #expect(state.accepted == 3)
        #expect(!state.isSendReady)
        #expect(state.isReceiveReady)
        scene.settle(other, 1)
        state = try scene.state(one)
        #expect(state.unsettled == 0)
        #expect(state.settled == 1)
        let zero = try scene.open(one.session, "zero", capacity: 0)
        scene.send(zero, 9)
        #expect(try scene.state(zero).queued == 0)
        #expect(try scene.state(zero).capacity == 0)
    }

    @Test("G18 a try on a closed channel says closed, not would block")
    func tryOnClosed() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        #expect(scene[scene.receive(port, timeout: 0)] == .failed(.wouldBlock))
        scene.close(port)
        #expect(scene[scene.receive(port, timeout: 0)] == .failed(.closed))
        #expect(scene[scene.send(port, 1, timeout: 0)] == .failed(.closed))
    }

    @Test(
        "G17 G19 a try on a rendezvous channel succeeds only against a party that waits", arguments: [nil, 0])
    func tryRendezvous(capacity: Int64?) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        #expect(scene[scene.send(one, 1, timeout: 0)] == .failed(.wouldBlock))
        #expect(scene[scene.receive(one, timeout: 0)] == .failed(.wouldBlock))
        let receive = scene.receive(other)
        #expect(scene[scene.send(one, 2, timeout: 0)] == .sent)
        #expect(scene[receive] == .received([2]))
        let send = scene.send(other, 3)
        #expect(scene[scene.receive(one, timeout: 0)] == .received([3]))
        #expect(scene[send] == .sent)
    }

    @Test("G21 X14 a handle does what its role allows")
    func roles() throws {
        let scene = scene()
        let client = scene.client()
        let sender = try scene.open(client, "c", capacity: 1, role: .send)
        let receiver = try scene.open(client, "c", role: .receive)
        #expect(scene[scene.receive(sender)] == .failed(.wrongRole))
        #expect(scene[scene.send(receiver, 1)] == .failed(.wrongRole))
        #expect(
            scene[scene.select(client, [.receive(receiver.handle), .send(receiver.handle, 1)])]
                == .failed(.wrongRole, by: 1))
        #expect(scene.close(receiver) == nil)
        #expect(try scene.state(sender).isClosed == false)
        #expect(scene.stop(sender)?.kind == .wrongRole)
        #expect(scene.close(sender) == true)
    }

    @Test("G22 two handles on one name are the same channel")
    func sameChannel() throws {
        let scene = scene()
        let client = scene.client()
        let first = try scene.tryOpen(client, "c").get()
        let second = try scene.tryOpen(client, "/uid/1000/c").get()
        #expect(first.generation == second.generation)
        #expect(first.name == second.name)
        #expect(first.handle != second.handle)
    }

    @Test("G23 whatever happens elsewhere, a waiting operation stays without outcome")
    func noSpuriousWakeup() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let busy = try scene.open(other.session, "busy", capacity: 1)
        let receive = scene.receive(one)
        let select = scene.select(one.session, [.receive(one.handle), .never])
        for body in 0..<100 as Range<UInt64> {
            scene.send(busy, body)
            scene.receive(busy)
            scene.settle(busy, body + 1)
            scene.wait(10)
        }
        scene.end(scene.client())
        #expect(scene[receive] == .waiting)
        #expect(scene[select] == .waiting)
    }

    @Test("G24 ten thousand in a daisy chain")
    func daisyChain() throws {
        // The scene's own checks walk the whole state: not after each of 40 000 steps.
        var engine = BrokerEngine(seed: 1)
        engine.broker = Broker(seed: 1, limits: wide)
        guard case .session(let client) = engine.apply(.begin(label: 0, Identity(uid: 1, gid: 1))) else {
            return
        }
        let count: UInt32 = 10_000
        for link in 0...count {
            var options = OpenOptions(name: "l\(link)", role: .both)
            options.capacity = 0
            engine.apply(.open(session: client, label: link, options))
        }
        for link in 0..<count {
            engine.apply(
                .receive(
                    session: client, request: UInt64(link), handle: link, count: 1, timeout: -1,
                    untilDrained: false))
        }
        try engine.broker.checkInvariants()
        var body: UInt64 = 0
        for link in 0..<count {
            let request = UInt64(count + link)
            engine.apply(
                .send(session: client, request: request, handle: link, [SentMessage(body)], timeout: -1))
            guard case .delivered(_, UInt64(link), _, let messages)? = engine.events.first else {
                Issue.record("link \(link) got nothing")
                return
            }
            body = (messages.first?.body ?? 0) + 1
        }
        #expect(body == UInt64(count))
        try engine.broker.checkInvariants()
    }

    private var wide: BrokerLimits {
        var limits = BrokerLimits()
        limits.waitersPerSession = 20_000
        return limits
    }
}
