// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rule 26: channels that messages pass.
@Suite struct PassingTests {
    /// What the first message of a request passes, as ports of the session that got it.
    private func passed(_ scene: BrokerScene, _ request: UInt64, _ session: UInt32) -> [BrokerScene.Port] {
        (scene.messages(request).first?.passed ?? []).map {
            BrokerScene.Port(session: session, handle: $0.handle)
        }
    }

    @Test("26 a settled delivery's channels are handles of the receiver, with the roles listed")
    func passing() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let (reply, name) = try scene.unnamed(one.session, capacity: 3) { $0.typeTag = "text" }
        let work = try scene.open(one.session, "work", capacity: 1)
        scene.send(one, 1, passing: [(reply, .send), (work, .both)])
        let request = scene.receive(other)
        let message = try #require(scene.messages(request).first)
        #expect(message.flags == .passes)
        #expect(message.passed.map(\.role) == [.send, .both])
        #expect(message.passed.map(\.capacity) == [3, 1])
        #expect(message.passed.map(\.typeTag) == ["text", nil])
        #expect(message.passed.map(\.name) == [name.prefix(7) + "...", "/uid/1000/work"])
        scene.settle(other, 1)
        let ports = passed(scene, request, other.session)
        scene.closeHandle(reply)
        #expect(scene[scene.receive(ports[0])] == .failed(.wrongRole))
        #expect(scene[scene.send(ports[0], 2)] == .sent)
        #expect(scene[scene.send(ports[1], 3)] == .sent)
        #expect(scene[scene.receive(work)] == .received([3]))
        #expect(scene.closeHandle(ports[0]) == nil)
        #expect(scene.engine.broker.discarded == 1)
    }

    @Test("24 26 a message that passes channels is the last of its answer")
    func lastOfItsAnswer() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 3)
        let (reply, _) = try scene.unnamed(one.session, capacity: 3)
        scene.send(one, 1)
        scene.send(one, 2, passing: [(reply, .send)])
        scene.send(one, 3)
        let request = scene.receive(other, upTo: 3)
        #expect(scene[request] == .received([1, 2]))
    }

    @Test("26 an offered number names no handle until the settlement")
    func offered() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let (reply, _) = try scene.unnamed(one.session, capacity: 1)
        scene.send(one, 1, passing: [(reply, .both)])
        let request = scene.receive(other)
        let port = try #require(passed(scene, request, other.session).first)
        #expect(scene[scene.send(port, 2)] == .failed(.noSuchHandle))
        #expect(scene.closeHandle(port)?.kind == .noSuchHandle)
        #expect(!scene.settle(port, 1))
        let opened = try scene.open(other.session, "other")
        #expect(opened.handle != port.handle)
        scene.settle(other, 1)
        #expect(scene[scene.send(port, 2)] == .sent)
    }

    @Test("26 what goes back keeps its channels and offers another number", arguments: [0, 1, 2, 3])
    func back(way: Int) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let (reply, _) = try scene.unnamed(one.session, capacity: 1)
        scene.send(one, 1, passing: [(reply, .send)])
        scene.closeHandle(reply)
        let third = try scene.open(scene.client(), "c")
        let first = scene.lease(other, for: 10)
        switch way {
        case 0: scene.giveBack(other, 1)
        case 1: scene.wait(10)
        case 2: scene.returnLease(other, 1)
        default: scene.end(other.session)
        }
        #expect(passed(scene, first, 0).count == 1)
        #expect(scene.engine.broker.channelCount == 2)
        let request = scene.lease(third)
        let port = try #require(passed(scene, request, third.session).first)
        #expect(scene.finish(third, 1) == nil)
        #expect(scene[scene.send(port, 2)] == .sent)
    }

    @Test("26 a number that is free again is given to the next handle")
    func numbers() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1, passing: [(one, .send)])
        let request = scene.receive(other)
        let port = try #require(passed(scene, request, other.session).first)
        scene.giveBack(other, 1)
        #expect(try scene.open(other.session, "x") == port)
    }

    @Test("26 a listing is at most what the handle may do, and one that is open")
    func refused() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let sender = try scene.open(one.session, "x", role: .send)
        let failures: [(BrokerScene.Port, Role, FailureKind)] = [
            (sender, .both, .wrongRole), (sender, .receive, .wrongRole), (sender, [], .wrongRole),
            (BrokerScene.Port(session: one.session, handle: 99), .send, .noSuchHandle),
        ]
        for (port, role, kind) in failures {
            #expect(scene[scene.send(one, 1, passing: [(sender, .send), (port, role)])] == .failed(kind))
            let passing = [
                Listing(handle: sender.handle, role: .send), Listing(handle: port.handle, role: role),
            ]
            let candidate = CaseInput(
                kind: .send, handle: one.handle, untilDrained: false,
                message: SentMessage(2, passing: passing))
            let select = scene.select(one.session, [.send(one.handle, 3), candidate])
            #expect(scene[select] == .failed(kind))
        }
        #expect(scene.engine.broker.messageCount == 0)
        #expect(try scene.state(sender).sendHandles == 1)
        #expect(scene[scene.receive(other, timeout: 0)] == .failed(.wouldBlock))
    }

    @Test("26 27 a message passes 16 channels, and a user's messages as many as the limit says")
    func limits() throws {
        var limits = BrokerLimits()
        limits.listingsPerUser = 17
        let scene = scene(limits: limits)
        let (one, other) = try scene.pair(capacity: 9)
        let all = Array(repeating: (port: one, role: Role.send), count: 17)
        let tooMany = scene.send(one, 1, passing: all)
        #expect(scene.failure(tooMany)?.text == "limit passed_channels: used 17 of 16")
        #expect(scene[scene.send(one, 1, passing: Array(all.prefix(16)))] == .sent)
        #expect(scene[scene.send(one, 1, passing: Array(all.prefix(2)))] == .failed(.quotaExceeded))
        #expect(scene[scene.send(one, 1, passing: Array(all.prefix(1)))] == .sent)
        let request = scene.receive(other)
        #expect(passed(scene, request, 0).count == 16)
        scene.settle(other, 1)
        #expect(scene[scene.send(one, 1, passing: Array(all.prefix(16)))] == .sent)
        #expect(try scene.state(one).sendHandles == 2 + 16 + 17)
    }

    @Test("16 26 a listing counts as a sender: the channel closes when the message is gone")
    func lastSender() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let (receiver, name) = try scene.unnamed(one.session, role: .receive) {
            $0.closeWithLastSender = true
        }
        let sender = try scene.open(one.session, name, role: .send)
        scene.send(one, 1, passing: [(sender, .send)])
        scene.closeHandle(sender)
        let waiting = scene.receive(receiver)
        scene.receive(other)
        #expect(scene[waiting] == .waiting)
        scene.settle(other, 1)
        #expect(scene[waiting] == .waiting)
        scene.end(other.session)
        #expect(scene[waiting] == .failed(.closed))
    }

    @Test("16 26 a listing counts as a receiver", arguments: [false, true])
    func lastReceiver(parked: Bool) throws {
        let scene = scene()
        let one = try scene.open(scene.client(), "c", capacity: 0)
        let (sender, name) = try scene.unnamed(scene.client(), capacity: 1, role: .send) {
            $0.failWithLastReceiver = true
        }
        let receiver = try scene.open(one.session, name, role: .receive)
        let request = scene.send(one, 1, passing: [(receiver, .receive)])
        scene.closeHandle(receiver)
        #expect(scene[scene.send(sender, 1)] == .sent)
        let waiting = scene.send(sender, 2)
        #expect(scene[waiting] == .waiting)
        if parked { scene.cancel(one.session, request) } else { scene.end(one.session) }
        #expect(scene[waiting] == .failed(.noReceivers))
    }

    @Test("26 every way in which a message ends before its settlement lets its channels go", arguments: 0..<7)
    func letGo(way: Int) throws {
        let scene = scene()
        let client = scene.client()
        let port = try scene.open(client, "c", capacity: 0)
        let (passed, _) = try scene.unnamed(client, capacity: 1)
        let third = scene.client()
        let passing = [Listing(handle: passed.handle, role: .both)]
        let candidate = CaseInput(
            kind: .send, handle: port.handle, untilDrained: false, message: SentMessage(1, passing: passing))
        switch way {
        case 0: scene.send(port, 1, passing: [(passed, .both)], timeout: 0)
        case 1:
            scene.send(port, 1, passing: [(passed, .both)], timeout: 5)
            scene.wait(5)
        case 2: scene.select(client, [candidate], timeout: 0)
        case 3:
            // The case of the other channel wins.
            let ready = try scene.open(client, "ready", capacity: 1)
            scene.select(client, [candidate, .send(ready.handle, 2)])
        case 4:
            let select = scene.select(client, [candidate])
            scene.cancel(client, select)
        case 5:
            scene.send(port, 1, passing: [(passed, .both)])
            scene.close(port)
        default:
            let buffer = try scene.open(client, "buffer", capacity: 1)
            scene.send(buffer, 1, passing: [(passed, .both)])
            _ = try scene.open(third, "buffer")
            #expect(scene.remove(client, "buffer") == nil)
            scene.closeHandle(buffer)
            scene.end(third)
        }
        #expect(try scene.state(passed).sendHandles == 1)
        scene.closeHandle(passed)
        #expect(
            !scene.engine.broker.list(session: client, from: 0, count: 9).page.contains {
                $0.name.first == "$"
            })
    }

    @Test("19 26 a dead letter and what is set aside keep their channels")
    func deadLetters() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let (reply, _) = try scene.unnamed(one.session, capacity: 1)
        scene.send(one, 1, passing: [(reply, .send)])
        scene.lease(other, attempts: 1)
        scene.giveBack(other, 1)
        scene.send(one, 2, passing: [(reply, .send)])
        scene.lease(other, attempts: 1, deadLetter: "dead")
        scene.giveBack(other, 2)
        scene.closeHandle(reply)
        #expect(try scene.restore(one.session, "c").get() == 1)
        let dead = try scene.open(other.session, "dead")
        for (port, delivery) in [(other, 3), (dead, 1)] as [(BrokerScene.Port, UInt64)] {
            let request = scene.receive(port)
            let handle = try #require(passed(scene, request, other.session).first)
            scene.settle(port, delivery)
            #expect(scene.closeHandle(handle) == nil)
        }
    }

    @Test("14 26 a message on its way with both roles excludes what ends with its last sender")
    func mismatch() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let (reply, name) = try scene.unnamed(one.session)
        scene.send(one, 1, passing: [(reply, .both)])
        scene.closeHandle(reply)
        let result = scene.tryOpen(other.session, name, role: .send) { $0.closeWithLastSender = true }
        #expect(failure(result)?.kind == .mismatch)
        #expect(failure(result)?.text.contains("a message on its way") == true)
        let parties = try scene.engine.broker.parties(session: one.session, name: name, from: 0, count: 9)
            .get()
        #expect(parties.page.map(\.session) == [0])
        #expect(parties.page.map(\.uid) == [1000])
    }
}
