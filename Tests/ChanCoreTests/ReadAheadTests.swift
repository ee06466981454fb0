// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Read-ahead as a credit (rules 4, 18, 19, 21).
@Suite struct ReadAheadTests {
    @Test("rule 21 a credit stays, and has as many messages ahead as it is for, and no more")
    func stays() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 16)
        let ahead = scene.readAhead(other, 3)
        for body in 1...5 as ClosedRange<UInt64> { scene.send(one, body) }
        #expect(scene.bodies(ahead) == [1, 2, 3])
        #expect(scene[ahead] == .waiting)
        let state = try scene.state(one)
        #expect(state.ahead == 3 && state.unsettled == 3 && state.queued == 2)
        scene.settle(other, 2)
        #expect(scene.bodies(ahead) == [1, 2, 3, 4])
        scene.receipt(other, 1)
        #expect(scene.bodies(ahead) == [1, 2, 3, 4, 5])
        #expect(try scene.state(one).ahead == 3)
        #expect(try scene.state(one).unsettled == 4)
    }

    @Test("rule 21 a buffer of 16 and a read-ahead of 8 hold 16, not 24")
    func keepsItsSlot() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 16)
        let ahead = scene.readAhead(other, 8)
        let sends = (1...17 as ClosedRange<UInt64>).map { scene.send(one, $0) }
        #expect(sends.prefix(16).allSatisfy { scene[$0] == .sent })
        #expect(scene[sends[16]] == .waiting)
        #expect(scene.bodies(ahead) == Array(1...8))
        #expect(try scene.state(one).isSendReady == false)
        scene.receipt(other, 1)
        #expect(scene[sends[16]] == .sent)
        #expect(scene.bodies(ahead) == Array(1...9))
    }

    @Test(
        "rule 21 a credit is passed over while what is ahead fills the capacity; a plain receive is met directly"
    )
    func passedOver() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let ahead = scene.readAhead(other, 2)
        scene.send(one, 1)
        let parked = scene.send(one, 2)
        #expect(scene.bodies(ahead) == [1])
        #expect(scene[parked] == .waiting)
        #expect(try scene.state(one).isReceiveReady)
        let plain = scene.receive(one)
        #expect(scene[plain] == .received([2]))
        #expect(scene[parked] == .sent)
        // Now a receiver that waits, behind the credit.
        let waiting = scene.receive(one)
        #expect(try scene.state(one).isSendReady)
        let tried = scene.send(one, 3, timeout: 0)
        #expect(scene[tried] == .sent && scene[waiting] == .received([3]))
        #expect(scene[scene.send(one, 4, timeout: 0)] == .failed(.wouldBlock))
        #expect(scene.bodies(ahead) == [1])
    }

    @Test("rule 21 a select case needs no slot either, and never meets its own other case")
    func passedOverForASelect() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.readAhead(other, 1)
        scene.send(one, 1)
        let both = scene.select(one.session, [.send(one.handle, 2), .receive(one.handle)])
        #expect(scene[both] == .waiting)
        let met = scene.send(other, 3)
        #expect(scene[met] == .sent && scene[both] == .received([3], by: 1))
        let again = scene.select(one.session, [.send(one.handle, 4), .receive(one.handle)])
        scene.receipt(other, 1)
        #expect(scene[again] == .selected(0))
    }

    @Test(
        "rules 8 and 21 a select in both directions takes what comes back from ahead, and nothing by its send"
    )
    func backFromAheadToASelect() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let ahead = scene.readAhead(other, 1)
        scene.send(one, 1)
        let both = scene.select(one.session, [.send(one.handle, 2), .receive(one.handle)])
        #expect(scene[both] == .waiting)
        scene.giveBack(other, 1)
        #expect(scene[both] == .received([1], by: 1))
        #expect(try scene.state(one).queued == 0)
        scene.send(one, 3)
        #expect(scene.bodies(ahead) == [1, 3])
    }

    @Test("rule 21 a credit goes to the tail after each message, so that others get their share")
    func sharesInTurn() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 16)
        let third = try scene.open(scene.client(), "c")
        let first = scene.readAhead(one, 8)
        let second = scene.readAhead(other, 8)
        scene.send(third, 1, 2, 3, 4, 5)
        #expect(scene.bodies(first) == [1, 3, 5])
        #expect(scene.bodies(second) == [2, 4])
        let plain = scene.receive(third)
        scene.send(third, 6)
        #expect(scene.bodies(second) == [2, 4, 6])
        scene.send(third, 7)
        scene.send(third, 8)
        #expect(scene[plain] == .received([8]))
        #expect(scene.bodies(first) == [1, 3, 5, 7])
    }

    @Test(
        "rule 21 many messages at once are dealt in turn, as they would be one by one",
        arguments: [false, true])
    func dealtInTurn(areQueued: Bool) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 16)
        let third = try scene.open(scene.client(), "c")
        let first = scene.readAhead(one, 4)
        let second = scene.readAhead(other, 2)
        let last = scene.readAhead(third, 4)
        if areQueued { scene.pause(one.session, "c") }
        scene.send(third, 1, 2, 3, 4, 5, 6, 7, 8, 9)
        if areQueued { scene.pause(one.session, "c", false) }
        #expect(scene.bodies(first) == [1, 4, 7, 9])
        #expect(scene.bodies(second) == [2, 5])
        #expect(scene.bodies(last) == [3, 6, 8])
        scene.send(third, 10)
        #expect(scene.bodies(last) == [3, 6, 8, 10])
        // All rest, and each comes back to the tail.
        scene.receipt(other, 1, count: 2)
        scene.receipt(one, 1, count: 3)
        scene.receipt(third, 1, count: 2)
        scene.send(one, 11, 12, 13, 14)
        #expect(scene.bodies(second) == [2, 5, 11, 14])
        #expect(scene.bodies(first) == [1, 4, 7, 9, 12])
        #expect(scene.bodies(last) == [3, 6, 8, 10, 13])
        scene.send(one, 15)
        #expect(scene.bodies(first) == [1, 4, 7, 9, 12, 15])
    }

    @Test("rule 21 messages are dealt as far as there is room")
    func dealtAsFarAsThereIsRoom() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 3)
        let first = scene.readAhead(one, 8)
        let second = scene.readAhead(other, 8)
        let sent = scene.send(one, 1, 2, 3, 4, 5, 6)
        #expect(scene.bodies(first) == [1, 3])
        #expect(scene.bodies(second) == [2])
        #expect(scene[sent] == .waiting)
        scene.receipt(one, 2)
        #expect(scene.bodies(second) == [2, 4])
        #expect(scene.bodies(first) == [1, 3])
    }

    @Test("rule 21 a credit whose window opens waits at the tail")
    func reopensAtTheTail() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        let first = scene.readAhead(one, 1)
        scene.send(other, 1)
        let second = scene.readAhead(other, 1)
        scene.settle(one, 1)
        scene.send(other, 2)
        #expect(scene.bodies(first) == [1])
        #expect(scene.bodies(second) == [2])
        scene.send(other, 3)
        #expect(scene.bodies(first) == [1, 3])
    }

    @Test("rule 18 what was not handed over goes back unseen, as no attempt, at its place")
    func goesBackUnseen() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        let ahead = scene.readAhead(other, 4)
        scene.send(one, 1, 2, 3)
        scene.cancel(other.session, ahead)
        #expect(scene[ahead] == .failed(.cancelled))
        #expect(try scene.state(one).ahead == 3)
        scene.giveBack(other, 2, count: 2)
        scene.settle(other, 1)
        #expect(try scene.state(one).ahead == 0)
        let rest = scene.receive(one, upTo: 4)
        #expect(scene.bodies(rest) == [2, 3])
        #expect(scene.messages(rest).allSatisfy { !$0.redelivered && $0.attempts == 0 })
    }

    @Test("rule 18 at the end of a session all that is ahead is marked; only a receipt makes it an attempt")
    func endOfSession() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        scene.readAhead(other, 4)
        scene.send(one, 1, 2)
        scene.receipt(other, 1)
        scene.end(other.session)
        let rest = scene.receive(one, upTo: 4)
        #expect(scene.bodies(rest) == [1, 2])
        #expect(scene.messages(rest).map(\.redelivered) == [true, true])
        #expect(scene.messages(rest).map(\.attempts) == [1, 0])
    }

    @Test("rule 18 given back as seen is handed over: marked, and an attempt")
    func goesBackSeen() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        let ahead = scene.readAhead(other, 1)
        scene.send(one, 1)
        scene.giveBack(other, 1, seen: true)
        #expect(scene.bodies(ahead) == [1, 1])
        #expect(scene.messages(ahead).map(\.attempts) == [0, 1])
        #expect(scene.messages(ahead).map(\.redelivered) == [false, true])
    }

    @Test("rule 21 without a buffer it is a plain receive, and begins once a buffer is decided, at its place")
    func rendezvousThenBuffered() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: nil)
        let met = scene.readAhead(other, 4)
        scene.send(one, 1)
        #expect(scene[met] == .received([1]))
        #expect(try scene.state(one).ahead == 0)
        let parked = scene.send(one, 2)
        let second = scene.readAhead(other, 4)
        #expect(scene[parked] == .sent && scene[second] == .received([2]))
        let third = scene.readAhead(other, 4)
        let behind = scene.receive(one)
        _ = try scene.open(one.session, "c", capacity: 2)
        scene.send(one, 3)
        #expect(scene.bodies(third) == [3])
        #expect(scene[third] == .waiting && scene[behind] == .waiting)
        scene.send(one, 4)
        #expect(scene[behind] == .received([4]))
    }

    @Test("rule 4 a credit reports closed when nothing queued or unsettled is left")
    func closed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        let ahead = scene.readAhead(other, 1)
        let drained = scene.readAhead(one, 1, untilDrained: true)
        scene.send(one, 1, 2, 3)
        scene.close(one)
        #expect(scene[ahead] == .waiting && scene[drained] == .waiting)
        scene.settle(other, 1)
        // The one that rests ends too: nothing is queued any more.
        #expect(scene.bodies(ahead) == [1, 3])
        #expect(scene[drained] == .failed(.closed))
        #expect(scene[ahead] == .waiting)
        scene.settle(other, 2)
        #expect(scene[ahead] == .waiting)
        scene.settle(one, 1)
        #expect(scene[ahead] == .failed(.closed))
    }

    @Test("rule 4 a credit that rests until drained ends when others take the last that was queued")
    func drainedByOthers() throws {
        for takes in [true, false] {
            let scene = scene()
            let (one, other) = try scene.pair(capacity: 4)
            scene.send(one, 1, 2)
            scene.close(one)
            let ahead = scene.readAhead(other, 1, untilDrained: true)
            #expect(scene.bodies(ahead) == [1] && scene[ahead] == .waiting)
            let last = takes ? scene.receive(one) : scene.select(one.session, [.receive(one.handle)])
            #expect(scene[last] == .received([2]))
            #expect(scene[ahead] == .failed(.closed))
        }
    }

    @Test("rule 29 a pause holds credits")
    func pause() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let ahead = scene.readAhead(other, 2)
        scene.pause(one.session, "c")
        scene.send(one, 1)
        #expect(scene.bodies(ahead) == [])
        scene.pause(one.session, "c", false)
        #expect(scene.bodies(ahead) == [1])
    }

    @Test("rule 19 under a lease, time runs from the receipt; without one it is no attempt")
    func leased() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        let terms = LeaseTerms(nanoseconds: 10, attemptLimit: 2)
        let ahead = scene.readAhead(other, 2, terms: terms)
        scene.send(one, 1, 2)
        #expect(scene.messages(ahead).allSatisfy { $0.flags == .attemptsLimited })
        scene.wait(1000)
        #expect(try scene.state(one).unsettled == 2)
        #expect(try scene.state(one).leased == 2)
        scene.receipt(other, 1)
        scene.wait(9)
        #expect(try scene.state(one).unsettled == 2)
        scene.wait(1)
        // It expired and came at once again.
        #expect(scene.bodies(ahead) == [1, 2, 1])
        #expect(scene.messages(ahead).map(\.attempts) == [0, 0, 1])
        // Unseen, however often, uses nothing up.
        for delivery in 3...5 as ClosedRange<UInt64> { scene.giveBack(other, delivery) }
        #expect(scene.messages(ahead).last?.attempts == 1)
        scene.receipt(other, 6)
        scene.giveBack(other, 6, seen: true)
        #expect(try scene.state(one).setAside == 1)
    }

    @Test("rule 19 who extends, finishes or returns a lease has the message")
    func leaseIsAReceipt() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 3)
        let ahead = scene.readAhead(other, 1, terms: LeaseTerms(nanoseconds: 10))
        scene.send(one, 1, 2, 3)
        #expect(scene.extend(other, 1, for: 5) == nil)
        #expect(scene.bodies(ahead) == [1, 2])
        scene.wait(5)
        #expect(try scene.state(one).queued == 2)
        #expect(scene.finish(other, 2) == nil)
        #expect(scene.bodies(ahead) == [1, 2, 1])
        #expect(scene.returnLease(other, 3) == nil)
        #expect(scene.messages(ahead).map(\.attempts) == [0, 0, 1, 2])
    }

    @Test("rule 20 a receipt of what is ahead confirms it")
    func confirmed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.readAhead(other, 1)
        let send = scene.send(one, 1, confirm: .receipt)
        #expect(scene[send] == .waiting)
        scene.receipt(other, 1)
        #expect(scene[send] == .sent)
    }

    @Test("rules 10 and 21 a credit has no timeout, and counts among what waits")
    func refused() throws {
        var limits = BrokerLimits()
        limits.waitersPerSession = 1
        let scene = scene(limits: limits)
        let port = try scene.single(capacity: 1)
        #expect(scene[scene.readAhead(port, 1, timeout: 0)] == .failed(.invalidArgument))
        #expect(scene[scene.readAhead(port, 1, timeout: 5)] == .failed(.invalidArgument))
        #expect(scene[scene.readAhead(port, 0)] == .failed(.invalidArgument))
        scene.send(port, 1)
        let ahead = scene.readAhead(port, 1)
        #expect(scene.bodies(ahead) == [1])
        #expect(scene[scene.readAhead(port, 1)] == .failed(.quotaExceeded))
    }

    @Test("rule 21 stop and the end of the handle end a credit; what is ahead stays the session's")
    func ends() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let ahead = scene.readAhead(other, 2)
        scene.send(one, 1)
        scene.stop(other)
        #expect(scene[ahead] == .failed(.handleClosed))
        scene.closeHandle(other)
        #expect(try scene.state(one).ahead == 1)
        scene.giveBack(other, 1)
        #expect(scene.bodies(scene.receive(one)) == [1])
    }
}

/// Several selects in one turn (rule 24).
@Suite struct SelectSeveralTests {
    private func ports(_ scene: BrokerScene) throws -> (BrokerScene.Port, BrokerScene.Port) {
        let client = scene.client()
        return (try scene.open(client, "a", capacity: 4), try scene.open(client, "b", capacity: 4))
    }

    @Test("rule 24 n selects in one turn end at the first that would park")
    func several() throws {
        let scene = scene()
        let (a, b) = try ports(scene)
        scene.send(a, 1, 2)
        scene.send(b, 11)
        let cases: [CaseInput] = [.receive(a.handle), .receive(b.handle)]
        let some = scene.select(a.session, cases, upTo: 2, ordered: true)
        #expect(scene.bodies(some) == [1, 2])
        #expect(scene.answers(some).map(\.isPart) == [true, false])
        scene.send(a, 3)
        let rest = scene.select(a.session, cases, upTo: 9)
        #expect(scene.bodies(rest).sorted() == [3, 11])
        let none = scene.select(a.session, cases, upTo: 9, timeout: 0)
        #expect(scene[none] == .failed(.wouldBlock))
    }

    @Test("rule 24 each select is drawn anew")
    func drawnAnew() throws {
        let scene = scene()
        let (a, b) = try ports(scene)
        var firsts: Set<[UInt64]> = []
        for _ in 0..<64 {
            scene.send(a, 1, 2)
            scene.send(b, 11, 12)
            let cases: [CaseInput] = [.receive(a.handle), .receive(b.handle)]
            let two = scene.select(a.session, cases, upTo: 2)
            firsts.insert(scene.bodies(two))
            _ = scene.select(a.session, cases, upTo: 9)
        }
        #expect(firsts == [[1, 2], [1, 11], [11, 1], [11, 12]])
    }

    @Test(
        "rules 8 and 24 a sender that waits at two channels is met at one of them, and missed at the other in the same turn"
    )
    func metOnce() throws {
        let scene = scene()
        let client = scene.client()
        let (a, b) = (try scene.open(client, "a", capacity: 0), try scene.open(client, "b", capacity: 0))
        let other = scene.client()
        let (there, beside) = (try scene.open(other, "a"), try scene.open(other, "b"))
        var orders: Set<[UInt64]> = []
        for _ in 0..<64 {
            scene.send(there, 1, 2)
            let either = scene.select(other, [.send(there.handle, 3), .send(beside.handle, 3)])
            let cases: [CaseInput] = [.receive(a.handle), .receive(b.handle)]
            let all = scene.select(client, cases, upTo: 9)
            #expect(scene.bodies(all).sorted() == [1, 2, 3])
            #expect(scene.answers(all).last?.isPart == false)
            if case .selected = scene[either] {} else { Issue.record("\(scene[either])") }
            orders.insert(scene.bodies(all))
        }
        #expect(orders == [[1, 2, 3], [1, 3, 2], [3, 1, 2]])
    }

    @Test("rule 24 one that parks ends with the one message that wakes it")
    func parks() throws {
        let scene = scene()
        let (a, b) = try ports(scene)
        let waiting = scene.select(a.session, [.receive(a.handle), .receive(b.handle)], upTo: 5)
        scene.send(b, 1, 2)
        #expect(scene[waiting] == .received([1], by: 1))
    }

    @Test("rule 24 closed ends it, and is reported only first")
    func closed() throws {
        let scene = scene()
        let (a, b) = try ports(scene)
        scene.send(a, 1)
        scene.close(b)
        let cases: [CaseInput] = [.receive(a.handle), .receive(b.handle)]
        let some = scene.select(a.session, cases, upTo: 5, ordered: true)
        #expect(scene[some] == .received([1]))
        #expect(scene[scene.select(a.session, cases, upTo: 5)] == .failed(.closed, by: 1))
        // The last message is in nobody's hands while the next is drawn: that must not pass for finished.
        let scene2 = BrokerScene { Issue.record("\($0)") }
        let (c, d) = try ports(scene2)
        scene2.send(c, 1)
        scene2.send(d, 2)
        scene2.close(c)
        let both = scene2.select(
            c.session, [.receive(c.handle), .receive(d.handle)], upTo: 5, ordered: true)
        #expect(scene2.bodies(both) == [1, 2])
    }

    @Test("rule 24 it takes receive cases only, and at least one message")
    func refused() throws {
        let scene = scene()
        let (a, b) = try ports(scene)
        let mixed = scene.select(a.session, [.receive(a.handle), .send(b.handle, 1)], upTo: 2)
        #expect(scene[mixed] == .failed(.invalidArgument, by: 1))
        #expect(scene[scene.select(a.session, [.receive(a.handle)], upTo: 0)] == .failed(.invalidArgument))
    }
}
