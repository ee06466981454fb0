// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Deliveries that come back, and senders and receivers that die (rules 17 to 19, 22; X6 to X8, X13).
@Suite struct ReturnTests {
    @Test("X6 rule 17 a dead sender's waiting sends vanish; what was committed stays", arguments: [0, 1])
    func senderDies(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        for body in 0..<UInt64(capacity) { scene.send(one, body) }
        let waiting = scene.send(one, 50, 51)
        scene.select(one.session, [.send(one.handle, 60), .send(one.handle, 61)])
        scene.end(one.session)
        #expect(scene[waiting] == .waiting)
        #expect(Set(scene.engine.discarded) == [50, 51, 60, 61])
        for body in 0..<UInt64(capacity) { #expect(scene[scene.receive(other)] == .received([body])) }
        #expect(scene[scene.receive(other, timeout: 0)] == .failed(.wouldBlock))
    }

    @Test("X6 a dead receiver's waiting receives take nothing")
    func ghostReceiver() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.receive(other)
        scene.select(other.session, [.receive(other.handle)])
        scene.end(other.session)
        scene.send(one, 1)
        #expect(try scene.state(one).queued == 1)
    }

    @Test("X7 X8 rule 18 a dead receiver's deliveries go back in order, marked", arguments: [0, 1, 4, -1])
    func receiverDies(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        for body in 1...6 as ClosedRange<UInt64> { scene.send(one, body) }
        for _ in 1...4 { scene.receive(other) }
        scene.settle(other, 2)
        scene.end(other.session)
        #expect(try scene.state(one).queued >= 3)
        let third = try scene.open(scene.client(), "c")
        let got = (0..<5).flatMap { _ in scene.messages(scene.receive(third)) }
        #expect(got.map(\.body) == [1, 3, 4, 5, 6])
        #expect(got.map(\.redelivered) == [true, true, true, false, false])
        #expect(got.map(\.attempts) == [1, 1, 1, 0, 0])
    }

    @Test("rule 18 a message that came back may exceed the capacity, on a rendezvous channel too")
    func exceedsCapacity() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        scene.receive(other)
        scene.send(one, 1)
        scene.giveBack(other, 1)
        #expect(try scene.state(one).queued == 1)
        #expect(!(try scene.state(one).isSendReady))
        let send = scene.send(one, 2)
        #expect(scene[send] == .waiting)
        #expect(scene[scene.receive(other)] == .received([1]))
        #expect(scene[send] == .waiting)
        #expect(scene[scene.receive(other)] == .received([2]))
    }

    @Test("rule 18 given back unseen: unmarked; given back seen: marked; an attempt either way")
    func marks() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1)
        scene.receive(port)
        scene.giveBack(port, 1, seen: false)
        let second = scene.receive(port)
        #expect(scene.messages(second) == [DeliveredMessage(body: 1, attempts: 1)])
        scene.giveBack(port, 2, seen: true)
        let third = scene.receive(port)
        #expect(scene.messages(third) == [DeliveredMessage(body: 1, attempts: 2, redelivered: true)])
        scene.giveBack(port, 3, seen: false)
        #expect(scene.messages(scene.receive(port)).first?.redelivered == true)
    }

    @Test("X8 the order is that of acceptance, whoever returns what when", arguments: 0..<20 as Range<UInt64>)
    func returnedHeap(seed: UInt64) throws {
        let scene = scene()
        var random = SeededRandom(seed: seed)
        let ports = try (0..<3).map { _ in try scene.open(scene.client(), "c", capacity: -1) }
        let count: UInt64 = 60
        for body in 1...count { scene.send(ports[0], body) }
        // Who has which message, by the delivery number it has there.
        var held: [(port: BrokerScene.Port, delivery: UInt64, body: UInt64)] = []
        var next = [UInt64](repeating: 1, count: 3)
        var queued = Array(1...count)
        for _ in 0..<400 {
            if random.chance(55), let first = queued.min() {
                let index = random.below(3)
                #expect(scene[scene.receive(ports[index])] == .received([first]))
                queued.removeAll { $0 == first }
                held.append((ports[index], next[index], first))
                next[index] += 1
            } else if !held.isEmpty {
                let back = held.remove(at: random.below(held.count))
                scene.giveBack(back.port, back.delivery)
                queued.append(back.body)
            }
        }
        for body in queued.sorted() { #expect(scene[scene.receive(ports[0])] == .received([body])) }
    }

    @Test("rule 18 what comes back goes to who waits at once")
    func meetsWaiting() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        scene.receive(other)
        let receive = scene.receive(one)
        let select = scene.select(one.session, [.receive(one.handle)])
        scene.end(other.session)
        #expect(scene[receive] == .received([1]))
        #expect(scene[select] == .waiting)
    }

    @Test("X13 rule 4 nobody sees closed while a delivery may come back")
    func closedWaits() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        scene.send(one, 1)
        scene.receive(other)
        scene.close(one)
        let receive = scene.receive(one)
        let select = scene.select(one.session, [.receive(one.handle)])
        #expect(scene[receive] == .waiting)
        #expect(scene[scene.receive(one, timeout: 0)] == .failed(.wouldBlock))
        #expect(try scene.state(one).isReceiveReady == false)
        #expect(scene[scene.receive(one, untilDrained: true)] == .failed(.closed))
        scene.giveBack(other, 1)
        #expect(scene[receive] == .received([1]))
        #expect(scene[select] == .waiting)
        scene.settle(one, 1)
        #expect(scene[select] == .failed(.closed, by: 0))
    }

    @Test("rule 4 until drained waits for the queue only, also where it waited before")
    func untilDrained() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        scene.send(one, 1)
        scene.receive(other)
        let drained = scene.receive(one, untilDrained: true)
        let plain = scene.receive(one)
        let select = scene.select(one.session, [.receive(one.handle, untilDrained: true)])
        scene.close(one)
        #expect(scene[drained] == .failed(.closed))
        #expect(scene[select] == .failed(.closed, by: 0))
        #expect(scene[plain] == .waiting)
        scene.settle(other, 1)
        #expect(scene[plain] == .failed(.closed))
    }

    @Test("rule 4 a delivery from a closed channel says so")
    func closedDelivery() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1)
        scene.send(port, 2)
        let before = scene.receive(port)
        scene.close(port)
        let after = scene.receive(port)
        guard case .delivered(_, _, let first, _) = scene.event(before),
            case .delivered(_, _, let second, _) = scene.event(after)
        else {
            Issue.record("nothing was delivered")
            return
        }
        #expect(!first.closed)
        #expect(second.closed)
    }

    @Test("rule 19 settlement in ranges, out of order and repeated; unknown numbers are refused")
    func settlement() throws {
        let scene = scene()
        let port = try scene.single(capacity: -1)
        for body in 1...10 as ClosedRange<UInt64> { scene.send(port, body) }
        for _ in 1...10 { scene.receive(port) }
        #expect(scene.settle(port, 4, count: 3))
        #expect(scene.engine.discarded == [4, 5, 6])
        #expect(scene.settle(port, 1))
        #expect(scene.settle(port, 3, count: 5))
        #expect(Set(scene.engine.discarded) == [3, 7])
        #expect(scene.settle(port, 1))
        #expect(scene.engine.discarded.isEmpty)
        #expect(try scene.state(port).unsettled == 5 - 1)
        for bad in [(0, 1), (0, 0), (11, 1), (10, 2), (1, 11), (.max, 1), (.max, .max)] as [(UInt64, UInt32)]
        {
            #expect(!scene.settle(port, bad.0, count: bad.1), "\(bad)")
            #expect(!scene.giveBack(port, bad.0, count: bad.1), "\(bad)")
        }
        #expect(try scene.state(port).unsettled == 4)
        #expect(scene.settle(port, 1, count: 10))
        #expect(try scene.state(port).settled == 10)
    }

    @Test("rule 19 settled is settled: it does not come back")
    func settledStays() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        for body in 1...4 as ClosedRange<UInt64> { scene.send(one, body) }
        scene.receive(other, upTo: 4)
        scene.settle(other, 2, count: 2)
        scene.giveBack(other, 2, count: 2)
        #expect(try scene.state(one).queued == 0)
        scene.end(other.session)
        #expect(scene[scene.receive(one, upTo: 9)] == .received([1, 4]))
    }

    @Test("rule 18 a closed handle's deliveries stay its own until they are over")
    func closedHandle() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        scene.send(one, 1)
        scene.send(one, 2)
        scene.receive(other, upTo: 2)
        scene.closeHandle(other)
        #expect(try scene.state(one).unsettled == 2)
        #expect(scene.settle(other, 1))
        #expect(scene.giveBack(other, 2))
        #expect(try scene.state(one).queued == 1)
        // Nothing is left of it: its number goes to the next handle.
        #expect(try scene.open(other.session, "d").handle == other.handle)
    }

    @Test("X10 rule 22 a cancelled operation has one outcome and no effect", arguments: [nil, 0, 1])
    func cancelled(capacity: Int64?) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        if capacity == 1 { scene.send(one, 1) }
        let send = scene.send(one, 2)
        scene.cancel(other.session, send)
        #expect(scene[send] == .waiting)
        scene.cancel(one.session, send)
        #expect(scene[send] == .failed(.cancelled))
        scene.cancel(one.session, send)
        if capacity == 1 { #expect(scene[scene.receive(other)] == .received([1])) }
        let receive = scene.receive(other)
        scene.cancel(other.session, receive)
        #expect(scene[receive] == .failed(.cancelled))
        scene.send(one, 3, timeout: 0)
        #expect(scene[receive] == .failed(.cancelled))
    }

    @Test("X10 rule 22 a cancel after the commit changes nothing")
    func cancelledLate() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let receive = scene.receive(other)
        let send = scene.send(one, 1)
        scene.cancel(other.session, receive)
        scene.cancel(one.session, send)
        #expect(scene[receive] == .received([1]))
        #expect(scene[send] == .sent)
        #expect(try scene.state(one).unsettled == 1)
    }

    @Test("X11 a timeout says that nothing happened")
    func timedOut() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let requests = [
            scene.send(one, 1, timeout: 30), scene.receive(try scene.open(one.session, "d"), timeout: 10),
        ]
        #expect(scene.engine.broker.nextDeadline == 10)
        scene.wait(10)
        #expect(scene[requests[1]] == .failed(.timeout))
        #expect(scene.engine.broker.nextDeadline == 30)
        scene.wait(20)
        #expect(scene[requests[0]] == .failed(.timeout))
        #expect(scene.engine.broker.nextDeadline == nil)
        #expect(scene[scene.receive(other, timeout: 0)] == .failed(.wouldBlock))
    }

    @Test("X18 empty message, closed, cancelled, timeout and would block are five different things")
    func distinct() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        scene.send(port, [SentMessage(1, byteCount: 0)])
        let empty = scene.receive(port)
        #expect(scene.messages(empty) == [DeliveredMessage(body: 1, byteCount: 0)])
        let (cancelled, timed) = (scene.receive(port), scene.receive(port, timeout: 5))
        scene.cancel(port.session, cancelled)
        scene.wait(5)
        let wouldBlock = scene.receive(port, timeout: 0)
        scene.settle(port, 1)
        scene.close(port)
        let outcomes = [empty, cancelled, timed, wouldBlock, scene.receive(port)].map { scene[$0] }
        #expect(
            outcomes == [
                .received([1]), .failed(.cancelled), .failed(.timeout), .failed(.wouldBlock),
                .failed(.closed),
            ])
    }

    @Test("X23 nothing is delivered that nobody asked for")
    func noHiddenBuffer() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 8)
        for body in 1...8 as ClosedRange<UInt64> { scene.send(one, body) }
        scene.receive(other)
        #expect(try scene.state(one).queued == 7)
        #expect(try scene.state(one).unsettled == 1)
        scene.settle(other, 1)
        #expect(try scene.state(one).queued == 7)
    }

    @Test("X30 two operations of one session may meet, one select may not")
    func selfRendezvous() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        let receive = scene.receive(port)
        #expect(scene[scene.send(port, 1)] == .sent)
        #expect(scene[receive] == .received([1]))
        let select = scene.select(port.session, [.receive(port.handle)])
        #expect(scene[scene.select(port.session, [.send(port.handle, 2)])] == .selected(0))
        #expect(scene[select] == .received([2]))
    }
}
