// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Pause holds every commit of a receive (rule 29).
@Suite struct PauseTests {
    @Test("rule 29 receives that wait, come or try are held; resume lets all go on in order")
    func holds() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let early = scene.receive(other)
        #expect(scene.pause(one.session, "c") == nil)
        #expect(scene.pause(one.session, "c") == nil)
        let sends = (1...5 as ClosedRange<UInt64>).map { scene.send(one, $0) }
        #expect(sends.map { scene[$0] } == [.sent, .sent, .waiting, .waiting, .waiting])
        #expect(scene[scene.send(one, 9, timeout: 0)] == .failed(.wouldBlock))
        #expect(scene[scene.receive(other, timeout: 0)] == .failed(.wouldBlock))
        #expect(scene[scene.receive(other, upTo: 4, timeout: 0)] == .failed(.wouldBlock))
        let late = scene.receive(one, upTo: 3)
        let state = try scene.state(one)
        #expect(state.isPaused && state.queued == 2 && !state.isReceiveReady && !state.isSendReady)
        #expect(state.receiveWaiters == 2 && state.sendWaiters == 3)
        #expect(scene.pause(one.session, "c", false) == nil)
        #expect(scene[early] == .received([1]))
        #expect(scene[late] == .received([2, 3, 4]))
        #expect(sends.allSatisfy { scene[$0] == .sent })
        #expect(scene[scene.receive(other)] == .received([5]))
        #expect(!(try scene.state(one).isPaused))
    }

    @Test("rule 29 on a rendezvous channel both sides wait", arguments: [0, nil])
    func rendezvous(capacity: Int64?) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        scene.pause(one.session, "c")
        let first = scene.receive(other)
        let sends = (1...3 as ClosedRange<UInt64>).map { scene.send(one, $0) }
        let second = scene.receive(other, upTo: 2)
        #expect(scene[scene.send(one, 9, timeout: 0)] == .failed(.wouldBlock))
        #expect(([first, second] + sends).allSatisfy { scene[$0] == .waiting })
        scene.pause(one.session, "c", false)
        #expect(scene[first] == .received([1]))
        #expect(scene[second] == .received([2, 3]))
        #expect(sends.allSatisfy { scene[$0] == .sent })
    }

    @Test("rule 29 a capacity that is decided while paused fills the buffer")
    func decided() throws {
        let scene = scene()
        let port = try scene.single(capacity: nil)
        scene.pause(port.session, "c")
        let waiting = scene.receive(port)
        let sends = (1...3 as ClosedRange<UInt64>).map { scene.send(port, $0) }
        _ = try scene.open(port.session, "c", capacity: 2)
        #expect(sends.map { scene[$0] } == [.sent, .sent, .waiting])
        #expect(scene[waiting] == .waiting)
        scene.pause(port.session, "c", false)
        #expect(scene[waiting] == .received([1]))
        #expect(scene[sends[2]] == .sent)
    }

    @Test(
        "rule 29 a select's receive case is not ready, its send case follows the buffer", arguments: [0, 1])
    func selects(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        scene.pause(one.session, "c")
        let parked = scene.select(other.session, [.receive(other.handle)])
        let sending = scene.select(one.session, [.send(one.handle, 1)])
        #expect(scene[sending] == (capacity == 0 ? .waiting : .selected(0)))
        #expect(
            scene[scene.select(other.session, [.receive(other.handle)], timeout: 0)] == .failed(.wouldBlock))
        #expect(
            scene[scene.select(other.session, [.send(one.handle, 9)], timeout: 0)] == .failed(.wouldBlock))
        let elsewhere = try scene.open(other.session, "d", capacity: 1)
        scene.send(elsewhere, 7)
        let both = scene.select(
            other.session, [.receive(other.handle), .receive(elsewhere.handle)], ordered: true)
        #expect(scene[both] == .received([7], by: 1))
        scene.pause(one.session, "c", false)
        #expect(scene[parked] == .received([1], by: 0))
        #expect(scene[sending] == .selected(0))
    }

    @Test("rule 29 a select in both directions still never meets itself after it")
    func selectsItself() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        scene.pause(port.session, "c")
        let both = scene.select(port.session, [.send(port.handle, 1), .receive(port.handle)])
        scene.pause(port.session, "c", false)
        #expect(scene[both] == .waiting)
        let other = try scene.open(scene.client(), "c")
        scene.receive(other)
        #expect(scene[both] == .selected(0))
    }

    @Test("rule 29 closed is still reported, and not before what is queued was received", arguments: [0, 1])
    func closed(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        scene.pause(one.session, "c")
        let waiting = scene.receive(other)
        let selecting = scene.select(other.session, [.receive(other.handle)])
        scene.send(one, 1)
        scene.close(one)
        if capacity == 1 {
            #expect(scene[waiting] == .waiting)
            #expect(scene[scene.receive(other, timeout: 0, untilDrained: true)] == .failed(.wouldBlock))
            scene.pause(one.session, "c", false)
            #expect(scene[waiting] == .received([1]))
            scene.settle(other, 1)
        } else {
            #expect(scene[waiting] == .failed(.closed))
        }
        #expect(scene[selecting] == .failed(.closed, by: 0))
        #expect(scene[scene.receive(other)] == .failed(.closed))
    }

    @Test("rule 29 settling, giving back and expiry go on, and what comes back waits")
    func deliveriesGoOn() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        scene.send(one, 1, 2, 3, 4)
        scene.lease(other, upTo: 3, for: 10)
        scene.pause(one.session, "c")
        let waiting = scene.receive(one, upTo: 8)
        #expect(scene.finish(other, 2) == nil)
        scene.returnLease(other, 3)
        scene.wait(10)
        #expect(scene[waiting] == .waiting)
        #expect(try scene.state(one).queued == 3)
        scene.pause(one.session, "c", false)
        #expect(scene[waiting] == .received([1, 3, 4]))
    }

    @Test("rule 29 what waits can time out, be cancelled, and die")
    func ends() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.pause(one.session, "c")
        scene.send(one, 1)
        let timed = scene.receive(other, timeout: 10)
        let cancelled = scene.receive(other)
        let confirmed = scene.send(one, 2, confirm: .settlement, timeout: 20)
        scene.receive(other)
        scene.wait(10)
        scene.cancel(other.session, cancelled)
        #expect(scene[timed] == .failed(.timeout))
        #expect(scene[cancelled] == .failed(.cancelled))
        scene.end(other.session)
        scene.wait(10)
        #expect(scene[confirmed] == .failed(.timeout))
        scene.pause(one.session, "c", false)
        #expect(scene[scene.receive(one)] == .received([1]))
    }

    @Test("rule 29 dead letters fill a paused channel, and are held there")
    func deadLetters() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        scene.send(port, 1)
        scene.lease(port, attempts: 1, deadLetter: "dead")
        let dead = try scene.open(port.session, "dead")
        scene.pause(port.session, "dead")
        let waiting = scene.receive(dead)
        scene.returnLease(port, 1)
        #expect(scene[waiting] == .waiting)
        scene.pause(port.session, "dead", false)
        #expect(scene[waiting] == .received([1]))
    }

    @Test("rule 29 only the owner or an administrator; the next generation is not paused")
    func rights() throws {
        let scene = scene()
        let owner = scene.client()
        let stranger = scene.client(uid: 5)
        let port = try scene.open(owner, "c", capacity: 1) { $0.mode = 0o666 }
        #expect(scene.pause(stranger, "/uid/1000/c") == .notPermitted)
        #expect(scene.pause(stranger, "c") == .noSuchChannel)
        #expect(scene.pause(owner, "none") == .noSuchChannel)
        #expect(scene.pause(scene.client(uid: 6, administrator: true), "/uid/1000/c") == nil)
        #expect(scene.pause(stranger, "/uid/1000/c", false) == .notPermitted)
        #expect(try scene.state(port).isPaused)
        scene.closeHandle(port)
        let next = try scene.open(owner, "c", capacity: 1)
        #expect(!(try scene.state(next).isPaused))
    }

    @Test(
        "8 29 a select that waits in both directions on a held buffer does one of the two when it is resumed")
    func bothDirections() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(other, 1)
        #expect(scene.pause(other.session, "c") == nil)
        let select = scene.select(one.session, [.send(one.handle, 2), .receive(one.handle)])
        let parked = scene.send(other, 3)
        #expect(scene[select] == .waiting)
        #expect(scene.pause(other.session, "c", false) == nil)
        #expect(scene[select] == .received([1], by: 1))
        #expect(scene[parked] == .sent)
        #expect(try scene.state(other).queued == 1)
        #expect(try scene.state(other).sendWaiters == 0)
    }

    @Test(
        "rules 15 and 29 a removed generation is held no more, since nobody could resume it: its handles drain it"
    )
    func removed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        scene.send(one, 1, 2)
        scene.pause(one.session, "c")
        let waiting = scene.receive(other)
        #expect(scene.remove(one.session, "c") == nil)
        #expect(scene[waiting] == .received([1]))
        #expect(scene[scene.receive(one)] == .received([2]))
        scene.settle(other, 1)
        scene.settle(one, 1)
        #expect(scene[scene.receive(other)] == .failed(.closed))
        #expect(!(try scene.state(one).isPaused))
    }
}
