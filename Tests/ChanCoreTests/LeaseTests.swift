// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Deliveries under a lease: time, attempts, dead letters, what is set aside (rules 4, 18 and 19).
@Suite struct LeaseTests {
    // MARK: Time

    @Test("rule 19 a lease runs from the commit, and then the delivery goes back to its place, marked")
    func expires() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        for body in 1...3 as ClosedRange<UInt64> { scene.send(one, body) }
        scene.lease(other, for: 10)
        scene.wait(9)
        #expect(try scene.state(one).queued == 2)
        scene.wait(1)
        #expect(try scene.state(one).queued == 3)
        let again = scene.lease(other, upTo: 3)
        #expect(scene[again] == .received([1, 2, 3]))
        #expect(scene.messages(again).map(\.redelivered) == [true, false, false])
        #expect(scene.messages(again).map(\.attempts) == [1, 0, 0])
    }

    @Test("rule 19 the time of a receive that waited runs from its commit, not from when it came")
    func runsFromTheCommit() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let waiting = scene.lease(other, for: 10)
        scene.wait(50)
        scene.send(one, 1)
        #expect(scene[waiting] == .received([1]))
        scene.wait(9)
        #expect(try scene.state(one).unsettled == 1)
        scene.wait(1)
        #expect(try scene.state(one).unsettled == 0)
    }

    @Test("rule 19 a lease without a time stays")
    func lastsForEver() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        scene.send(port, 1)
        scene.lease(port)
        scene.wait(1 << 60)
        #expect(try scene.state(port).unsettled == 1)
        #expect(scene.finish(port, 1) == nil)
        #expect(try scene.state(port).settled == 1)
    }

    @Test("rule 19 an extension counts from now, longer or shorter; 0 is for ever")
    func extends() throws {
        let scene = scene()
        let port = try scene.single(capacity: 3)
        scene.send(port, 1, 2, 3)
        scene.lease(port, upTo: 3, for: 10)
        scene.wait(8)
        #expect(scene.extend(port, 1, for: 10) == nil)
        #expect(scene.extend(port, 2, for: 1) == nil)
        #expect(scene.extend(port, 3, for: 0) == nil)
        scene.wait(1)
        #expect(try scene.state(port).unsettled == 2)
        scene.wait(8)
        #expect(try scene.state(port).unsettled == 2)
        scene.wait(1)
        #expect(try scene.state(port).unsettled == 1)
        scene.wait(1000)
        #expect(scene.finish(port, 3) == nil)
        #expect(scene.extend(port, 1, for: 5) == .leaseExpired)
    }

    @Test("rule 10 what comes back with a lease wins against a timeout, however late the clock is told")
    func leaseBeforeTimeout() throws {
        for (expiry, timeout, late) in [(10, 10, 0), (10, 20, 100)] as [(UInt64, Int64, UInt64)] {
            let scene = scene()
            let (one, other) = try scene.pair(capacity: 1)
            scene.send(one, 1)
            scene.lease(other, for: expiry)
            let waiting = scene.receive(one, timeout: timeout)
            scene.wait(UInt64(timeout) + late)
            #expect(scene[waiting] == .received([1]))
        }
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        scene.lease(other, for: 20)
        let waiting = scene.receive(one, timeout: 10)
        scene.wait(100)
        #expect(scene[waiting] == .failed(.timeout))
        #expect(try scene.state(one).queued == 1)
    }

    @Test("rule 19 many leases expire each at its time", arguments: 0..<8 as Range<UInt64>)
    func manyLeases(seed: UInt64) throws {
        let scene = scene()
        var random = SeededRandom(seed: seed)
        let port = try scene.single(capacity: -1)
        var due: [UInt64] = []
        for delivery in 1...60 as ClosedRange<UInt64> {
            scene.send(port, delivery)
            due.append(1 + UInt64(random.below(40)))
            scene.lease(port, for: due[Int(delivery) - 1])
        }
        for delivery in 1...60 as ClosedRange<UInt64> where random.below(3) == 0 {
            if random.below(2) == 0 {
                due[Int(delivery) - 1] = 1 + UInt64(random.below(40))
                #expect(scene.extend(port, delivery, for: due[Int(delivery) - 1]) == nil)
            } else {
                due[Int(delivery) - 1] = 0
                #expect(scene.finish(port, delivery) == nil)
            }
        }
        for now in 1...40 as ClosedRange<UInt64> {
            scene.wait(1)
            #expect(try scene.state(port).unsettled == due.count { $0 > now })
        }
    }

    // MARK: What is over

    @Test("rule 19 finishing, returning or extending what is over fails and changes nothing")
    func isOver() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1)
        scene.lease(port, for: 10)
        scene.wait(10)
        #expect(scene[scene.lease(port)] == .received([1]))
        for delivery: UInt64 in [1, 0, 3, .max] {
            #expect(scene.finish(port, delivery) == .leaseExpired)
            #expect(scene.returnLease(port, delivery) == .leaseExpired)
            #expect(scene.extend(port, delivery, for: 1) == .leaseExpired)
        }
        #expect(try scene.state(port).unsettled == 1)
        #expect(scene.finish(port, 2) == nil)
        #expect(scene.finish(port, 2) == .leaseExpired)
        #expect(scene.finish(BrokerScene.Port(session: port.session, handle: 9), 1) == .leaseExpired)
    }

    @Test("rule 19 a delivery that is not leased can't be finished as one")
    func isNotLeased() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        scene.send(port, 1)
        scene.receive(port)
        #expect(scene.finish(port, 1) == .leaseExpired)
        #expect(scene.settle(port, 1))
    }

    @Test("rule 19 an old lease touches no delivery of another handle that got its handle's number")
    func handleNumberAnew() throws {
        let scene = scene()
        let session = scene.client()
        let other = try scene.open(scene.client(), "c", capacity: 2)
        let old = try scene.open(session, "c")
        scene.send(other, 1)
        scene.lease(old, for: 10)
        scene.closeHandle(old)
        scene.wait(10)
        let new = try scene.open(session, "c")
        #expect(new == old)
        #expect(scene[scene.lease(new)] == .received([1]))
        #expect(scene.finish(old, 1) == .leaseExpired)
        #expect(try scene.state(other).unsettled == 1)
        #expect(scene.finish(new, 2) == nil)
    }

    @Test("rule 19 SETTLE and GIVE_BACK end leased deliveries too")
    func otherEnds() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1, 2)
        scene.lease(port, upTo: 2, for: 10)
        scene.settle(port, 1)
        scene.giveBack(port, 2, seen: false)
        #expect(scene.finish(port, 1) == .leaseExpired)
        let again = scene.receive(port)
        #expect(scene.messages(again) == [DeliveredMessage(body: 2, attempts: 1)])
        scene.wait(100)
        #expect(try scene.state(port).unsettled == 1)
    }

    @Test("rule 19 a closed handle's leases can be finished, and expire")
    func closedHandle() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        scene.send(one, 1, 2)
        scene.lease(other, upTo: 2, for: 10)
        scene.closeHandle(other)
        #expect(scene.finish(other, 1) == nil)
        scene.wait(10)
        #expect(try scene.state(one).queued == 1)
        #expect(scene.finish(other, 2) == .leaseExpired)
    }

    // MARK: The holder dies, the channel closes

    @Test("rule 18 the holder's death returns its leases at once, marked, at their places")
    func holderDies() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        scene.send(one, 1, 2, 3)
        scene.lease(other, upTo: 2, for: 1 << 40)
        let waiting = scene.receive(one, upTo: 8)
        #expect(scene[waiting] == .received([3]))
        let again = scene.receive(one, upTo: 8)
        scene.end(other.session)
        #expect(scene[again] == .received([1, 2]))
        #expect(scene.messages(again).allSatisfy { $0.redelivered && $0.attempts == 1 })
        scene.wait(1 << 41)
        #expect(try scene.state(one).unsettled == 3)
    }

    @Test("rule 4 a leased delivery delays closed, unless only what is queued is waited for")
    func delaysClosed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        scene.lease(other, for: 10)
        scene.close(one)
        #expect(scene[scene.receive(one, untilDrained: true)] == .failed(.closed))
        #expect(scene[scene.lease(one, untilDrained: true)] == .failed(.closed))
        #expect(scene[scene.receive(one, timeout: 0)] == .failed(.wouldBlock))
        let waiting = scene.receive(one)
        let selecting = scene.select(one.session, [.receive(one.handle)])
        #expect(scene[waiting] == .waiting)
        #expect(scene.finish(other, 1) == nil)
        #expect(scene[waiting] == .failed(.closed))
        #expect(scene[selecting] == .failed(.closed, by: 0))
    }

    @Test("rule 15 a removed channel's last lease is discarded when it expires")
    func removedWithALease() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        scene.lease(other, for: 10)
        #expect(scene.remove(one.session, "c") == nil)
        scene.closeHandle(one)
        scene.closeHandle(other)
        #expect(scene.engine.broker.messageCount == 1)
        scene.wait(10)
        #expect(scene.engine.broker.messageCount == 0)
        #expect(scene.finish(other, 1) == .leaseExpired)
    }

    // MARK: Attempts and dead letters

    /// The handle of who reads the dead letters of `c`.
    private static func dead(_ scene: BrokerScene, _ session: UInt32) throws -> BrokerScene.Port {
        try scene.open(session, "dead") { $0.mustExist = true }
    }

    @Test("rule 19 past its attempts a message goes to the dead-letter channel, and counts anew there")
    func deadLetter() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1, 2)
        for attempt in 0..<3 as Range<UInt16> {
            let request = scene.lease(port, for: 10, attempts: 3, deadLetter: "dead")
            #expect(
                scene.messages(request) == [
                    DeliveredMessage(
                        body: 1, attempts: attempt, redelivered: attempt > 0, flags: .attemptsLimited)
                ])
            scene.wait(10)
        }
        #expect(scene[scene.receive(port)] == .received([2]))
        let dead = try Self.dead(scene, port.session)
        #expect(try scene.state(dead).capacity == Capacity.unbounded)
        #expect(try scene.state(dead).isKept)
        let buried = scene.receive(dead)
        #expect(scene.messages(buried) == [DeliveredMessage(body: 1)])
    }

    @Test("rule 19 every way back is an attempt, and the last one buries", arguments: 0..<4)
    func waysBack(way: Int) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        scene.lease(other, for: 10, attempts: 1, deadLetter: "dead")
        let dead = try Self.dead(scene, one.session)
        let waiting = scene.receive(dead)
        switch way {
        case 0: scene.wait(10)
        case 1: scene.returnLease(other, 1)
        case 2: scene.giveBack(other, 1, seen: false)
        default: scene.end(other.session)
        }
        #expect(scene[waiting] == .received([1]))
        #expect(try scene.state(one).queued == 0)
        #expect(try scene.state(one).unsettled == 0)
    }

    @Test("rule 19 a dead letter is the last thing: closed follows")
    func closedAfterBurial() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        scene.send(port, 1)
        scene.lease(port, attempts: 1, deadLetter: "dead")
        scene.close(port)
        let waiting = scene.receive(port)
        scene.returnLease(port, 1)
        #expect(scene[waiting] == .failed(.closed))
    }

    @Test("rule 19 the dead-letter channel is its user's, charged to him, and the source is refused")
    func deadLetterChannel() throws {
        var limits = BrokerLimits()
        limits.channelsPerUser = 2
        let scene = scene(limits: limits)
        let port = try scene.single(capacity: 1)
        let own = scene.lease(port, attempts: 1, deadLetter: "c", timeout: 0)
        #expect(scene[own] == .failed(.invalidArgument))
        let absolute = scene.lease(port, attempts: 1, deadLetter: "/uid/1000/c", timeout: 0)
        #expect(scene[absolute] == .failed(.invalidArgument))
        #expect(scene[scene.lease(port, deadLetter: "dead", timeout: 0)] == .failed(.invalidArgument))
        #expect(scene[scene.lease(port, attempts: 1, deadLetter: ".x", timeout: 0)] == .failed(.invalidName))
        #expect(scene[scene.lease(port, attempts: 1, deadLetter: "dead", timeout: 0)] == .failed(.wouldBlock))
        #expect(scene[scene.lease(port, attempts: 1, deadLetter: "dead", timeout: 0)] == .failed(.wouldBlock))
        #expect(
            scene[scene.lease(port, attempts: 1, deadLetter: "more", timeout: 0)] == .failed(.quotaExceeded))
        #expect(try scene.state(try Self.dead(scene, port.session)).owner == 1000)
    }

    @Test("rule 19 the right to send to the dead-letter channel is checked at the receive")
    func deadLetterRight() throws {
        let scene = scene()
        let owner = scene.client(uid: 1)
        _ = try scene.open(owner, "dead", capacity: 4)
        let port = try scene.open(scene.client(uid: 2), "c", capacity: 1)
        for name in ["/uid/1/dead", "/uid/1/none"] {
            let request = scene.lease(port, attempts: 1, deadLetter: name, timeout: 0)
            #expect(scene[request] == .failed(.notPermitted))
        }
        let open = try scene.open(owner, "open", capacity: 4) { $0.mode = 0o622 }
        scene.send(port, 1)
        scene.lease(port, attempts: 1, deadLetter: "/uid/1/open")
        scene.returnLease(port, 1)
        #expect(scene[scene.receive(open)] == .received([1]))
    }

    // MARK: Set aside

    private enum Refusal: CaseIterable {
        case noName, full, closed, noReceiver, removed
    }

    @Test("rule 19 what no dead-letter channel takes is set aside", arguments: 0..<5)
    func setAside(index: Int) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let refusal = Refusal.allCases[index]
        let capacity: Int64 = refusal == .noReceiver ? 0 : 1
        let dead = try scene.open(one.session, "dead", capacity: capacity)
        if refusal == .full { scene.send(dead, 9) }
        if refusal == .closed { scene.close(dead) }
        scene.send(one, 1, 2)
        scene.lease(other, attempts: 1, deadLetter: refusal == .noName ? "" : "dead")
        if refusal == .removed { #expect(scene.remove(one.session, "dead") == nil) }
        #expect(scene.returnLease(other, 1) == nil)
        let state = try scene.state(one)
        #expect(state.setAside == 1 && state.queued == 1 && state.unsettled == 0)
        #expect(scene[scene.receive(one, upTo: 8)] == .received([2]))
        #expect(scene[scene.receive(one, timeout: 0)] == .failed(.wouldBlock))
    }

    @Test("rule 19 what is set aside delays no closed and keeps the generation")
    func setAsideStays() throws {
        let scene = scene()
        let session = scene.client()
        let port = try scene.open(session, "c", capacity: 1)
        scene.send(port, 1)
        scene.lease(port, attempts: 1)
        scene.returnLease(port, 1)
        scene.close(port)
        #expect(scene[scene.receive(port)] == .failed(.closed))
        scene.closeHandle(port)
        #expect(scene.engine.broker.messageCount == 1)
        #expect(failure(scene.restore(scene.client(uid: 5), "/uid/1000/c"))?.kind == .notPermitted)
        #expect(failure(scene.restore(session, "none"))?.kind == .noSuchChannel)
        #expect(scene.restore(scene.client(uid: 5, administrator: true), "/uid/1000/c") == .success(1))
        let again = try scene.open(session, "c")
        let request = scene.receive(again)
        #expect(scene.messages(request) == [DeliveredMessage(body: 1, attempts: 1, redelivered: true)])
        #expect(scene.settle(again, 1) || scene.settle(again, 2))
    }

    @Test("rule 19 restoring puts messages at their places, before later ones, and wakes who waits")
    func restores() throws {
        let scene = scene()
        let port = try scene.single(capacity: 4)
        scene.send(port, 1, 2, 3)
        scene.lease(port, upTo: 3, attempts: 1)
        scene.send(port, 4)
        for delivery: UInt64 in [3, 1, 2] { scene.returnLease(port, delivery) }
        #expect(try scene.state(port).setAside == 3)
        #expect(scene.restore(port.session, "c") == .success(3))
        #expect(scene.restore(port.session, "c") == .success(0))
        #expect(scene[scene.receive(port, upTo: 8)] == .received([1, 2, 3, 4]))
        scene.settle(port, 1, count: 8)
        scene.send(port, 5)
        scene.lease(port, attempts: 1)
        let delivery = UInt64(8)
        #expect(scene.returnLease(port, delivery) == nil)
        let waiting = scene.receive(port)
        #expect(scene[waiting] == .waiting)
        #expect(scene.restore(port.session, "c") == .success(1))
        #expect(scene[waiting] == .received([5]))
    }

    @Test("rule 15 what is set aside in a removed channel is discarded with it")
    func removedWithSetAside() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        scene.send(port, 1)
        scene.lease(port, attempts: 1)
        scene.returnLease(port, 1)
        #expect(scene.remove(port.session, "c") == nil)
        #expect(scene.engine.broker.messageCount == 1)
        scene.closeHandle(port)
        #expect(scene.engine.broker.messageCount == 0)
        #expect(scene.engine.discarded == [1])
    }
}
