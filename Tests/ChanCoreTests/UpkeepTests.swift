// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@testable import ChanCore

/// What the broker's owner asks of it.
@Suite struct UpkeepTests {
    @Test("a session keeps its number, which no later one gets, and its user's rights")
    func sessions() {
        let scene = scene()
        let first = scene.client()
        let number = scene.engine.broker.sessionID(first)
        let isFirst = scene.engine.broker.isAdministrator(session: first)
        scene.end(first)
        let second = scene.client(uid: 0, administrator: true)
        let later = scene.engine.broker.sessionID(second)
        let isSecond = scene.engine.broker.isAdministrator(session: second)
        #expect(second == first && later > number)
        #expect(!isFirst && isSecond)
    }

    @Test("the longest wait is that of the operation that was parked first")
    func longestWait() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let longest = { scene.engine.broker.longestWait }
        #expect(longest() == nil)
        let first = scene.receive(one)
        scene.wait(5)
        scene.receive(other)
        scene.wait(7)
        #expect(longest() == 12)
        scene.cancel(one.session, first)
        #expect(longest() == 7)
    }

    @Test("a request is under way from when it parks until it has its outcome")
    func underWay() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let isUnderWay = { (request: UInt64) in
            scene.engine.broker.isUnderWay(session: one.session, request: request)
        }
        let request = scene.receive(one)
        #expect(isUnderWay(request))
        #expect(!isUnderWay(request + 1))
        scene.send(other, 1)
        #expect(!isUnderWay(request))
    }

    @Test("6 a handle is ready for what would commit or fail for good now; without it all is")
    func isReady() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        let ready = { () -> [Bool] in
            [true, false].map {
                scene.engine.broker.isReady(session: port.session, handle: port.handle, sending: $0)
            }
        }
        #expect(ready() == [true, false])
        scene.send(port, 1)
        #expect(ready() == [false, true])
        scene.close(port)
        #expect(ready() == [true, true])
        scene.closeHandle(port)
        #expect(ready() == [true, true])
        let state = scene.engine.broker.snapshot(session: port.session, handle: port.handle)
        #expect(failure(state)?.kind == .noSuchHandle)
    }

    @Test("6 what a handle has not the role for fails for good, and so is ready")
    func isReadyWithoutTheRole() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        let ready = { (isSend: Bool) in
            scene.engine.broker.isReady(session: port.session, handle: port.handle, sending: isSend)
        }
        #expect(!ready(true) && !ready(false))
        scene.stop(port)
        #expect(!ready(true) && ready(false))
    }

    @Test("4 a close reason is as long as a name, no longer")
    func closeReasons() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        #expect(scene.close(port, CloseReason(text: String(repeating: "r", count: 201))) == nil)
        #expect(try !scene.state(port).isClosed)
        #expect(scene.close(port, CloseReason(text: String(repeating: "r", count: 200))) == true)
    }

    @Test("28 who waits on a channel is shown a page at a time")
    func parties() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        for body in 1...3 as ClosedRange<UInt64> { scene.send(one, body) }
        var kinds: [ChannelParty.Kind] = []
        var cursor: UInt64 = 0
        repeat {
            let part = try scene.engine.broker.parties(
                session: other.session, name: "c", from: cursor, count: 1
            ).get()
            #expect(part.page.count == 1)
            kinds += part.page.map(\.kind)
            cursor = part.next
        } while cursor != 0
        #expect(kinds == [.handle, .handle, .sendWaiter, .sendWaiter])
    }

    @Test("a channel that nobody receives from has only its own record")
    func activity() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let found = scene.engine.broker.channelSlot(named: "/uid/1000/c")
        let channel = try #require(found)
        func isActive() -> Bool { scene.engine.broker.channels[channel].flags.contains(.active) }
        scene.send(one, 1)
        let snapshot = scene.engine.broker.snapshot(channel)
        #expect(snapshot.queued == 1 && snapshot.maxBytes == 0 && snapshot.delivered == 0)
        #expect(!isActive())
        scene.receive(other)
        #expect(isActive())
    }

    @Test("28 of the parties before a page no record is made")
    func partiesBefore() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        scene.send(one, 1)
        scene.send(other, 2)
        let found = scene.engine.broker.channelSlot(named: "/uid/1000/c")
        let channel = try #require(found)
        for (cursor, count) in [(0, 4), (1, 3), (3, 1), (4, 0), (.max, 0)] as [(UInt64, Int)] {
            var made = 0
            scene.engine.broker.forEachParty(of: channel, from: cursor) { _ in
                made += 1
                return true
            }
            #expect(made == count, "from \(cursor)")
            let part = try scene.engine.broker.parties(
                session: one.session, name: "c", from: cursor, count: 9
            ).get()
            #expect(part.page.count == count && part.next == 0)
        }
    }

    @Test("28 who is no administrator any more keeps what is open, and opens no more of others' channels")
    func administrator() throws {
        let scene = scene()
        let owner = scene.client(uid: 1000)
        _ = try scene.open(owner, "c", capacity: 2)
        let other = scene.client(uid: 1001, administrator: true)
        let port = try scene.open(other, "/uid/1000/c")
        scene.engine.broker.setAdministrator(false, session: other)
        #expect(scene[scene.send(port, 1)] == .sent)
        #expect(failure(scene.tryOpen(other, "/uid/1000/c"))?.kind == .notPermitted)
        #expect(scene.pause(other, "/uid/1000/c") == .notPermitted)
        scene.engine.broker.setAdministrator(true, session: other)
        #expect(failure(scene.tryOpen(other, "/uid/1000/c")) == nil)
    }
}
