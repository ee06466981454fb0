// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rules 15 and 16: generations, and channels that end with their senders or receivers.
@Suite struct LifetimeTests {
    @Test("15 X16 a generation is gone with its last handle; the next is another one")
    func generations() throws {
        let scene = scene()
        let client = scene.client()
        let first = try scene.tryOpen(client, "c") { $0.capacity = 1 }.get()
        scene.closeHandle(BrokerScene.Port(session: client, handle: first.handle))
        #expect(scene.engine.broker.channelCount == 0)
        let second = try scene.tryOpen(client, "c") { $0.capacity = 2 }.get()
        #expect(second.created)
        #expect(second.generation > first.generation)
    }

    @Test("15 messages hold it, and unsettled deliveries do", arguments: [false, true])
    func messagesHold(unsettled: Bool) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        scene.closeHandle(one)
        if unsettled {
            scene.receive(other)
            scene.closeHandle(other)
            #expect(scene.engine.broker.channelCount == 1)
            scene.settle(other, 1)
        } else {
            scene.closeHandle(other)
            #expect(scene.engine.broker.channelCount == 1)
            let later = try scene.open(other.session, "c", role: .receive)
            #expect(scene[scene.receive(later)] == .received([1]))
            scene.end(later.session)
            let last = try scene.open(one.session, "c")
            #expect(scene[scene.receive(last)] == .received([1]))
            scene.settle(last, 1)
            scene.closeHandle(last)
        }
        #expect(scene.engine.broker.channelCount == 0)
        #expect(scene.engine.broker.discarded == 0)
    }

    @Test("15 a kept one stays, closed and drained too, until it is removed")
    func keep() throws {
        let scene = scene()
        let client = scene.client()
        let port = try scene.open(client, "c", capacity: 1) { $0.keep = true }
        scene.close(port, CloseReason(text: "over"))
        scene.closeHandle(port)
        let late = try scene.tryOpen(client, "c").get()
        #expect(late.closed)
        let receive = scene.receive(BrokerScene.Port(session: client, handle: late.handle))
        #expect(scene.failure(receive)?.text == "over")
        #expect(scene.closeHandle(BrokerScene.Port(session: client, handle: late.handle)) == nil)
        #expect(scene.remove(client, "c") == nil)
        #expect(scene.engine.broker.channelCount == 0)
        #expect(scene.remove(client, "c")?.kind == .noSuchChannel)
    }

    @Test("15 X16 remove frees the name at once; the old generation's handles drain it and never move")
    func remove() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 3)
        for body in 1...3 as ClosedRange<UInt64> { scene.send(one, body) }
        scene.receive(other)
        #expect(scene.remove(one.session, "c") == nil)
        #expect(try scene.state(one).isRemoved)
        #expect(try scene.state(one).closeReason == .removed)
        let fresh = try scene.open(one.session, "c", capacity: 9)
        #expect(try scene.state(fresh).generation > scene.state(one).generation)
        #expect(scene[scene.send(one, 4)] == .failed(.closed))
        #expect(scene[scene.receive(one)] == .received([2]))
        scene.settle(one, 1)
        scene.closeHandle(one)
        scene.end(other.session)
        #expect(scene.engine.broker.discarded == 2)
        #expect(scene.engine.broker.channelCount == 1)
        #expect(try scene.state(fresh).queued == 0)
    }

    @Test("15 remove wakes who waits: senders fail, receivers see closed")
    func removeWakes() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let second = try scene.open(one.session, "d", capacity: 0)
        let send = scene.send(one, 1)
        let receive = scene.receive(second)
        #expect(scene.remove(other.session, "c") == nil)
        #expect(scene.remove(other.session, "d") == nil)
        #expect(scene.failure(send)?.text == "removed")
        #expect(scene.failure(receive) == Failure(.closed, reason: CloseReason.removed.code, text: "removed"))
    }

    @Test("16 X5 the channel closes with its last sender, after there was one", arguments: [false, true])
    func closesWithLastSender(bySession: Bool) throws {
        let scene = scene()
        let receiver = try scene.open(scene.client(), "c", capacity: 2, role: .receive) {
            $0.closeWithLastSender = true
        }
        let receive = scene.receive(receiver)
        #expect(scene[receive] == .waiting)
        let senders = try (0..<2).map { _ in try scene.open(scene.client(), "c", role: .send) }
        scene.send(senders[0], 1)
        scene.send(senders[0], 2)
        for sender in senders {
            #expect(!(try scene.state(receiver).isClosed))
            if bySession { scene.end(sender.session) } else { scene.closeHandle(sender) }
        }
        #expect(try scene.state(receiver).isClosed)
        #expect(scene[receive] == .received([1]))
        #expect(scene[scene.receive(receiver)] == .received([2]))
        scene.settle(receiver, 1, count: 2)
        #expect(scene[scene.receive(receiver)] == .failed(.closed))
        let late = try scene.tryOpen(scene.client(), "c", role: .send).get()
        #expect(late.closed)
    }

    @Test("16 whoever dies with both its sender and unsettled deliveries: they are back before the close")
    func diesWithDeliveries() throws {
        let scene = scene()
        let (worker, other) = (scene.client(), scene.client())
        let sender = try scene.open(worker, "c", capacity: 2, role: .send) { $0.closeWithLastSender = true }
        let mine = try scene.open(worker, "c", role: .receive)
        let theirs = try scene.open(other, "c", role: .receive)
        scene.send(sender, 1)
        scene.receive(mine)
        let receives = [scene.receive(theirs), scene.receive(theirs)]
        scene.end(worker)
        #expect(scene[receives[0]] == .received([1]))
        #expect(scene[receives[1]] == .waiting)
        scene.settle(theirs, 1)
        #expect(scene[receives[1]] == .failed(.closed))
    }

    @Test(
        "16 sends fail from the last receiver's going to the next one's coming",
        arguments: ["close", "stop", "end"])
    func failsWithLastReceiver(how: String) throws {
        let scene = scene()
        let sender = try scene.open(scene.client(), "c", capacity: 1, role: .send) {
            $0.failWithLastReceiver = true
        }
        #expect(scene[scene.send(sender, 1)] == .sent)
        let parked = [
            scene.send(sender, 2), scene.select(sender.session, [.never, .send(sender.handle, 3)]),
        ]
        let receiver = try scene.open(scene.client(), "c", role: .receive)
        #expect(parked.allSatisfy { scene[$0] == .waiting })
        switch how {
        case "close": scene.closeHandle(receiver)
        case "stop": scene.stop(receiver)
        default: scene.end(receiver.session)
        }
        #expect(parked.map { scene[$0] } == [.failed(.noReceivers), .failed(.noReceivers, by: 1)])
        #expect(scene[scene.send(sender, 4)] == .failed(.noReceivers))
        #expect(scene[scene.send(sender, 4, timeout: 0)] == .failed(.noReceivers))
        #expect(scene[scene.send(sender, 5, 6)] == .failed(.noReceivers))
        let select = scene.select(sender.session, [.send(sender.handle, 7)], timeout: 0)
        #expect(scene[select] == .failed(.noReceivers, by: 0))
        #expect(try scene.state(sender).queued == 1)
        #expect(try scene.state(sender).isSendReady)
        let next = try scene.open(scene.client(), "c", role: .receive)
        #expect(scene[scene.receive(next)] == .received([1]))
        #expect(scene[scene.send(sender, 8)] == .sent)
    }

    @Test("16 on such a channel a handle has one role", arguments: [true, false])
    func oneRole(closes: Bool) throws {
        let scene = scene()
        let client = scene.client(pid: 4321)
        func state(_ options: inout OpenOptions) {
            if closes { options.closeWithLastSender = true } else { options.failWithLastReceiver = true }
        }
        #expect(failure(scene.tryOpen(client, "c", role: .both, state))?.kind == .invalidArgument)
        let sender = try scene.open(client, "c", role: .send, state)
        #expect(failure(scene.tryOpen(client, "c", role: .both))?.kind == .invalidArgument)
        scene.closeHandle(sender)
        let both = try scene.open(client, "d", role: .both)
        let refused = failure(scene.tryOpen(scene.client(), "d", role: .receive, state))
        #expect(refused?.kind == .mismatch)
        #expect(refused?.text.contains("4321") == true)
        scene.stop(both)
        _ = try scene.open(client, "d", role: .receive, state)
    }

    @Test("16 both are off unless stated")
    func offUnlessStated() throws {
        let scene = scene()
        let receiver = try scene.open(scene.client(), "c", capacity: 1, role: .receive)
        let sender = try scene.open(scene.client(), "c", role: .send)
        let receive = scene.receive(receiver)
        scene.closeHandle(sender)
        #expect(scene[receive] == .waiting)
        let again = try scene.open(sender.session, "c", role: .send)
        scene.closeHandle(receiver)
        #expect(scene[scene.send(again, 1)] == .sent)
    }

    @Test("X14 stop takes the receive role away; what was received stays the handle's")
    func stop() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1)
        scene.receive(port)
        let waiting = [
            scene.receive(port), scene.select(port.session, [.never, .receive(port.handle)]),
        ]
        let other = try scene.open(port.session, "d", capacity: 0)
        let elsewhere = scene.receive(other)
        #expect(scene.stop(port) == nil)
        #expect(waiting.map { scene[$0] } == [.failed(.handleClosed), .failed(.handleClosed, by: 1)])
        #expect(scene[elsewhere] == .waiting)
        #expect(scene[scene.receive(port)] == .failed(.wrongRole))
        #expect(scene[scene.send(port, 2)] == .sent)
        #expect(scene.settle(port, 1))
        #expect(scene.stop(port)?.kind == .wrongRole)
    }

    @Test("a closed handle fails what waits by it, and that alone")
    func closeHandle() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let twin = try scene.open(one.session, "c")
        let waiting = [
            scene.receive(one), scene.select(one.session, [.receive(twin.handle), .receive(one.handle)]),
        ]
        let others = [scene.receive(twin), scene.receive(other)]
        scene.closeHandle(one)
        #expect(waiting.map { scene[$0] } == [.failed(.handleClosed), .failed(.handleClosed, by: 1)])
        #expect(others.map { scene[$0] } == [.waiting, .waiting])
        #expect(scene[scene.receive(one)] == .failed(.noSuchHandle))
        #expect(scene.closeHandle(one)?.kind == .noSuchHandle)
    }

    @Test(
        "a handle that is closed, or stopped, fails all that waits by it in a session that has more waiting elsewhere",
        arguments: [false, true])
    func endsAllThatWaits(stops: Bool) throws {
        let scene = scene()
        let client = scene.client()
        let elsewhere = try scene.open(client, "d", capacity: 0)
        let others = (0..<16).map { _ in scene.receive(elsewhere) }
        let port = try scene.open(client, "c", capacity: 2)
        let twin = try scene.open(client, "c")
        // One message ahead, whose credit rests, and one in the buffer: it is full, and nobody may receive.
        let ahead = scene.readAhead(port, 1)
        scene.send(twin, 1)
        scene.pause(client, "c")
        scene.send(twin, 2)
        let send = scene.send(port, 3)
        let receive = scene.receive(port)
        let select = scene.select(
            client, [.receive(elsewhere.handle), .receive(port.handle), .send(port.handle, 4)])
        let watch = scene.wait(port, until: .closed)
        let beside = scene.receive(twin)
        #expect([ahead, send, receive, select, watch].allSatisfy { scene[$0] == .waiting })
        if stops { scene.stop(port) } else { scene.closeHandle(port) }
        #expect([ahead, receive, select].allSatisfy { scene.failure($0)?.kind == .handleClosed })
        #expect([send, watch].allSatisfy { scene.failure($0)?.kind == (stops ? nil : .handleClosed) })
        #expect((others + [beside]).allSatisfy { scene[$0] == .waiting })
    }
}
