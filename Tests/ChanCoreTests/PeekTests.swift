// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@testable import ChanCore

/// Looking at a channel's messages, and discarding them (rule 29).
@Suite struct PeekTests {
    @Test("what came back is first, in order, with its marks; nothing is taken")
    func order() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 8)
        scene.send(one, 1, 2, 3, 4)
        scene.receive(other, upTo: 3)
        for delivery: UInt64 in [3, 1, 2] { scene.giveBack(other, delivery, seen: true) }
        for _ in 0..<2 {
            let there = try scene.peek(one.session, "c").get()
            #expect(there.bodies == [1, 2, 3, 4] && there.next == 0)
            #expect(there.messages.map(\.number) == [1, 2, 3, 4])
            #expect(there.messages.map(\.attempts) == [1, 1, 1, 0])
            #expect(there.messages.map { $0.flags.contains(.redelivered) } == [true, true, true, false])
        }
        #expect(scene[scene.receive(other, upTo: 8)] == .received([1, 2, 3, 4]))
        #expect(try scene.peek(one.session, "c").get().bodies == [])
    }

    @Test("pages are bounded by messages and by bytes, and one message is always shown")
    func pages() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 8)
        scene.send(one, 1, 2, 3, 4, 5)
        scene.receive(other, upTo: 2)
        scene.giveBack(other, 1, count: 2)
        for (count, bytes) in [(1, Int.max), (2, .max), (3, .max), (1000, 1), (1000, 17), (1000, 24)] {
            var seen: [UInt64] = []
            var cursor: UInt64 = 0
            repeat {
                let page = try scene.peek(one.session, "c", from: cursor, count: count, byteCount: bytes)
                    .get()
                #expect(!page.messages.isEmpty && page.messages.count <= count)
                #expect(page.messages.count == 1 || page.messages.count * 8 <= bytes)
                seen += page.bodies
                cursor = page.next
            } while cursor != 0
            #expect(seen == [1, 2, 3, 4, 5])
        }
        // A number that is nobody's is as good as any.
        #expect(try scene.peek(one.session, "c", from: 6).get().bodies == [])
        #expect(try scene.peek(one.session, "c", from: .max).get().bodies == [])
        #expect(try scene.peek(one.session, "c", count: 0).get().next == 1)
    }

    @Test("of what came back a page looks for as much as it shows", arguments: 0..<6 as Range<UInt64>)
    func selects(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let scene = scene()
        let (one, other) = try scene.pair(capacity: Capacity.unbounded)
        let all = Array(1...120 as ClosedRange<UInt64>)
        for body in all { scene.send(one, body) }
        scene.receive(other, upTo: 120)
        var left = all
        while !left.isEmpty { scene.giveBack(other, left.remove(at: random.below(left.count))) }
        for (cursor, count) in [(0, 1), (0, 7), (5, 1), (30, 50), (60, 61), (119, 9), (120, 1), (121, 1)]
            as [(UInt64, Int)]
        {
            let rest = all.filter { $0 >= cursor }
            let page = try scene.peek(one.session, "c", from: cursor, count: count).get()
            #expect(page.bodies == Array(rest.prefix(count)), "\(count) from \(cursor)")
            #expect(page.next == rest.dropFirst(count).first ?? 0)
        }
        let found = scene.engine.broker.channelSlot(named: "/uid/1000/c")
        let channel = try #require(found)
        let first = scene.engine.broker.returned(to: channel, from: 4, most: 3)
        #expect(first.count == 3)
    }

    /// Between two pages the message to go on from is taken, comes back, and others are sent.
    @Test("a look goes on where it was, whatever became of the message there")
    func taken() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 20)
        scene.send(one, 1, 2, 3, 4, 5, 6)
        let page = { (cursor: UInt64) throws in try scene.peek(one.session, "c", from: cursor, count: 2).get()
        }
        #expect(try page(0).next == 3)
        scene.receive(other, upTo: 4)
        #expect(try page(3).bodies == [5, 6])
        scene.giveBack(other, 3)
        #expect(try page(3).bodies == [3, 5])
        scene.settle(other, 1, count: 2)
        scene.settle(other, 4)
        scene.send(one, 7, 8, 9)
        #expect(try page(5).bodies == [5, 6])
        #expect(try page(7).bodies == [7, 8])
        scene.receive(other, upTo: 20)
        scene.send(one, 10, 11, 12, 13)
        #expect(try page(9).bodies == [10, 11])
        // Another channel meanwhile: what is remembered is of one.
        let elsewhere = try scene.open(one.session, "d", capacity: 20)
        scene.send(elsewhere, 21, 22, 23)
        #expect(try scene.peek(one.session, "d", count: 2).get().next == 3)
        #expect(try page(12).bodies == [12, 13])
        #expect(try scene.peek(one.session, "d", from: 3).get().bodies == [23])
    }

    @Test("looking needs the right to receive")
    func looks() throws {
        let scene = scene()
        let session = scene.client()
        let port = try scene.open(session, "c", capacity: 2) { $0.mode = 0o644 }
        scene.send(port, 1)
        #expect(try scene.peek(scene.client(uid: 5), "/uid/1000/c").get().bodies == [1])
        _ = try scene.open(session, "d", capacity: 2) { $0.mode = 0o622 }
        #expect(failure(scene.peek(scene.client(uid: 5), "/uid/1000/d")) == .notPermitted)
        _ = try scene.open(session, "e", capacity: 2, role: .send) { $0.mode = 0o200 }
        #expect(failure(scene.peek(session, "e")) == .notPermitted)
        #expect(try scene.peek(scene.client(uid: 5, administrator: true), "/uid/1000/e").get().next == 0)
        #expect(failure(scene.peek(session, "none")) == .noSuchChannel)
        #expect(failure(scene.peek(session, ".x")) == .invalidName)
    }

    @Test("purging discards what is queued, what came back and what is set aside, and nothing else")
    func purges() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 8)
        scene.send(one, 1, 2, 3, 4, 5)
        scene.lease(other, attempts: 1)
        scene.returnLease(other, 1)
        scene.receive(other, upTo: 2)
        scene.giveBack(other, 2)
        #expect(try scene.state(one).setAside == 1 && scene.state(one).queued == 3)
        #expect(scene.purge(one.session, "c") == .success(PurgedPart(count: 4, next: 0)))
        #expect(scene.engine.discarded == [2, 4, 5, 1] && scene.engine.broker.discarded == 4)
        let state = try scene.state(one)
        #expect(state.queued == 0 && state.setAside == 0 && state.unsettled == 1 && state.settled == 0)
        #expect(scene.settle(other, 3))
        #expect(scene.purge(one.session, "c") == .success(PurgedPart(count: 0, next: 0)))
        scene.send(one, 6)
        #expect(scene[scene.receive(other)] == .received([6]))
    }

    @Test("rule 20 who waits for settlement is told that it was purged")
    func tells() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 8)
        let send = scene.send(one, 1, 2, confirm: .settlement)
        scene.receive(other)
        #expect(scene.purge(one.session, "c") == .success(PurgedPart(count: 1, next: 0)))
        #expect(scene[send] == .waiting)
        scene.settle(other, 1)
        #expect(scene[send] == .failed(.notConfirmed) && scene.failure(send)?.text == "purged")
    }

    @Test("a purge in parts ends, although others send meanwhile")
    func parts() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: -1)
        scene.send(one, 1, 2, 3, 4, 5)
        #expect(scene.purge(one.session, "c", limit: 2) == .success(PurgedPart(count: 2, next: 5)))
        scene.send(one, 6, 7, 8)
        #expect(scene.purge(one.session, "c", last: 5, limit: 2) == .success(PurgedPart(count: 2, next: 5)))
        #expect(scene.purge(one.session, "c", last: 5, limit: 2) == .success(PurgedPart(count: 1, next: 0)))
        #expect(scene[scene.receive(other, upTo: 8)] == .received([6, 7, 8]))
    }

    @Test("parked sends move in and stay")
    func moveIn() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        let parked = scene.send(one, 2)
        #expect(scene.purge(one.session, "c") == .success(PurgedPart(count: 1, next: 0)))
        #expect(scene[parked] == .sent)
        #expect(scene[scene.receive(other)] == .received([2]))
    }

    @Test("rules 4 and 15 a purged channel that is closed reports so, and goes when nobody has it")
    func closes() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        scene.send(one, 1, 2)
        scene.pause(one.session, "c")
        let waiting = scene.receive(other)
        scene.close(one)
        #expect(scene[waiting] == .waiting)
        _ = scene.purge(one.session, "c")
        #expect(scene[waiting] == .failed(.closed))
        let alone = try scene.open(one.session, "alone", capacity: 4)
        scene.send(alone, 1)
        scene.closeHandle(alone)
        #expect(scene.purge(one.session, "alone") == .success(PurgedPart(count: 1, next: 0)))
        #expect(failure(scene.purge(one.session, "alone")) == .noSuchChannel)
    }

    @Test("purging needs the owner or an administrator")
    func manages() throws {
        let scene = scene()
        let session = scene.client()
        let port = try scene.open(session, "c", capacity: 2) { $0.mode = 0o666 }
        scene.send(port, 1)
        #expect(failure(scene.purge(scene.client(uid: 5), "/uid/1000/c")) == .notPermitted)
        #expect(failure(scene.purge(session, "none")) == .noSuchChannel)
        let administrator = scene.client(uid: 5, administrator: true)
        #expect(scene.purge(administrator, "/uid/1000/c") == .success(PurgedPart(count: 1, next: 0)))
    }

    private func failure<Value>(_ result: Result<Value, Failure>) -> FailureKind? {
        if case .failure(let failure) = result { failure.kind } else { nil }
    }
}
