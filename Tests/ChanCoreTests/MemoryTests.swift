// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@testable import ChanCore

/// Rule 27: what all together may take, and what goes on when it is taken.
@Suite struct MemoryTests {
    private func scene(_ bytes: Int) -> BrokerScene {
        var limits = BrokerLimits()
        limits.memoryBytes = bytes
        return ChanCoreTests.scene(limits: limits)
    }

    private func message(_ bytes: Int) -> [SentMessage] { [SentMessage(1, byteCount: bytes)] }

    @Test("27 sends stop and name the limit, what frees memory goes on")
    func sendsStop() throws {
        let scene = scene(80_000)
        let port = try scene.open(scene.client(), "c", capacity: Capacity.unbounded)
        // Of 70 000 for messages the first user gets half.
        #expect(scene[scene.send(port, message(30_000))] == .sent)
        let refused = scene.failure(scene.send(port, message(10_000)))
        #expect(refused?.kind == .quotaExceeded)
        let used = scene.engine.broker.memoryInUse
        #expect(refused?.text == "limit memory_bytes: used \(used) of 70000")
        // Of what is left the second gets a third.
        let other = try scene.open(scene.client(uid: 1001), "c", capacity: Capacity.unbounded)
        #expect(scene[scene.send(other, message(14_000))] == .failed(.quotaExceeded))
        #expect(scene[scene.send(other, message(9_000))] == .sent)
        #expect(scene[scene.receive(port)] == .received([1]))
        #expect(scene.settle(port, 1))
        #expect(scene[scene.send(port, message(9_000))] == .sent)
    }

    @Test("27 what connections hold counts, for their user and for all, and the reserve is there for it")
    func buffers() throws {
        let scene = scene(80_000)
        let port = try scene.open(scene.client(), "c", capacity: Capacity.unbounded)
        let waiting = scene.receive(port)
        let connection = scene.engine.broker.beginConnection(uid: 1000)
        scene.engine.broker.setBuffers(30_000, of: connection)
        var isHalfFull = scene.engine.broker.isHalfFull
        #expect(!isHalfFull)
        let small = scene.engine.broker.beginConnection(uid: 1001)
        scene.engine.broker.setBuffers(6_000, of: small)
        isHalfFull = scene.engine.broker.isHalfFull
        #expect(isHalfFull)
        let most = scene.engine.broker.mostBuffers
        #expect(most.account == scene.engine.broker.account(ofConnection: connection))
        #expect(most.bytes == 30_000)
        scene.engine.broker.endConnection(small)
        scene.engine.broker.setBuffers(71_000, of: connection)
        let isShort = scene.engine.broker.isShortOfMemory
        #expect(isShort)
        #expect(scene[scene.send(port, message(0))] == .failed(.quotaExceeded))
        #expect(failure(scene.tryOpen(port.session, "d")) == nil)
        scene.cancel(port.session, waiting)
        #expect(scene[scene.receive(port)] == .waiting)
        // Nothing is left at all: nothing new, but an end to everything.
        scene.engine.broker.setBuffers(80_000, of: connection)
        #expect(failure(scene.tryOpen(port.session, "e"))?.text.contains("limit memory_bytes") == true)
        #expect(scene.failure(scene.receive(port))?.text.contains("limit memory_bytes") == true)
        #expect(try scene.state(port).receiveWaiters == 1)
        scene.engine.broker.endConnection(connection)
        #expect(scene[scene.send(port, message(0))] == .sent)
        try scene.engine.broker.checkInvariants()
    }

    @Test("27 every kind of thing counts, and all of it is given back")
    func everything() throws {
        let scene = scene(1 << 30)
        let empty = scene.engine.broker.memoryInUse
        let client = scene.client()
        var before = empty
        func expectMore(_ what: Comment) {
            let now = scene.engine.broker.memoryInUse
            #expect(now > before, what)
            before = now
        }
        let port = try scene.open(client, "c", capacity: 0)
        expectMore("a channel and a handle")
        scene.send(port, message(0))
        expectMore("a message and a parked send")
        scene.send(port, message(1000))
        expectMore("bytes")
        scene.end(client)
        let after = scene.engine.broker.memoryInUse
        #expect(after == empty)
    }

    @Test("27 waits for a state are few, since each is looked at once a turn")
    func waits() throws {
        var limits = BrokerLimits()
        limits.waitsPerUser = 2
        let scene = ChanCoreTests.scene(limits: limits)
        let (one, other) = try scene.pair(capacity: 1)
        let first = scene.wait(one, until: .closed)
        scene.wait(other, until: .closed)
        let refused = scene.failure(scene.wait(other, until: .closed))
        #expect(refused?.text == "limit waits_per_user: used 2 of 2")
        #expect(scene[scene.wait(try scene.open(scene.client(uid: 1001), "c"), until: .closed)] == .waiting)
        scene.cancel(one.session, first)
        #expect(scene[scene.wait(other, until: .closed)] == .waiting)
    }

    @Test("27 nothing that anybody says overflows", arguments: [0, 1, Int.max])
    func overflow(count: Int) throws {
        for users in [1, 1 << 32] {
            for share in [0, 1 << 40, Int.max] {
                let isAdmitted = Share.admits(count, share: share, users: users, remaining: 1 << 20)
                #expect(isAdmitted == (count == 0 || (count == 1 && share == 0 && users == 1)))
            }
        }
        #expect(!Share.admits(-1, share: 0, users: 1, remaining: 10))
    }

    @Test("19 27 no dead-letter channel is made when all of the memory is taken")
    func deadLetterChannels() throws {
        let scene = scene(80_000)
        let port = try scene.open(scene.client(), "c", capacity: Capacity.unbounded)
        scene.send(port, message(0))
        let connection = scene.engine.broker.beginConnection(uid: 1000)
        scene.engine.broker.setBuffers(80_000, of: connection)
        let refused = scene.failure(scene.lease(port, attempts: 1, deadLetter: "dead"))
        #expect(refused?.text.contains("limit memory_bytes") == true)
        // A delivery that can't go there is set aside.
        #expect(scene[scene.receive(port)] == .received([1]))
        #expect(scene.giveUp(port, 1, deadLetter: "dead"))
        #expect(try scene.state(port).setAside == 1)
        #expect(scene.engine.broker.channelCount == 1)
        scene.engine.broker.endConnection(connection)
        scene.send(port, message(0))
        #expect(scene[scene.lease(port, attempts: 1, deadLetter: "dead")] == .received([1]))
        #expect(scene.engine.broker.channelCount == 2)
    }
}
