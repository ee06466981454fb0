// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Select as in Go; the ids are those of rules.md.
@Suite struct GoSelectTests {
    @Test("S1 S16 the outcome carries what was given at the call, whatever is done with it")
    func values() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        #expect(scene[scene.select(port.session, [.send(port.handle, 7)])] == .selected(0))
        #expect(scene[scene.select(port.session, [.never, .receive(port.handle)])] == .received([7], by: 1))
        scene.settle(port, 1)
        #expect(try scene.state(port).unsettled == 0)
    }

    @Test("S3 S4 default only where nothing can proceed; without it the select waits")
    func defaultCase() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        let cases = [CaseInput.receive(port.handle)]
        #expect(scene[scene.select(port.session, cases, timeout: 0)] == .failed(.wouldBlock))
        let waiting = scene.select(port.session, cases)
        #expect(scene[waiting] == .waiting)
        scene.send(port, 1)
        #expect(scene[waiting] == .received([1]))
        scene.send(port, 2)
        #expect(scene[scene.select(port.session, cases, timeout: 0)] == .received([2]))
    }

    @Test("S5 S6 rule 13 nothing but nil channels: default, timeout, or for ever", arguments: [0, 3])
    func onlyNever(count: Int) throws {
        let scene = scene()
        let client = scene.client()
        let cases = [CaseInput](repeating: .never, count: count)
        #expect(scene[scene.select(client, cases, timeout: 0)] == .failed(.wouldBlock))
        let timed = scene.select(client, cases, timeout: 10)
        let endless = scene.select(client, cases)
        scene.wait(9)
        #expect(scene[timed] == .waiting)
        scene.wait(1)
        #expect(scene[timed] == .failed(.timeout))
        scene.wait(1 << 50)
        #expect(scene[endless] == .waiting)
    }

    @Test("S7 rule 8 what a losing send case offered is never seen")
    func losingSend() throws {
        let scene = scene()
        let client = scene.client()
        let one = try scene.open(client, "a", capacity: 0)
        let other = try scene.open(client, "b", capacity: 0)
        let select = scene.select(client, [.send(one.handle, 1), .send(other.handle, 2)])
        #expect(scene[scene.receive(other)] == .received([2]))
        #expect(scene[select] == .selected(1))
        #expect(scene.engine.discarded == [1])
        #expect(scene[scene.receive(one, timeout: 0)] == .failed(.wouldBlock))
        #expect(try scene.state(one).sendWaiters == 0)
    }

    @Test("S8 the same channel several times, in one direction and in both")
    func duplicates() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let twice = scene.select(one.session, [.receive(one.handle), .receive(one.handle)])
        #expect(try scene.state(one).receiveWaiters == 2)
        scene.send(other, 1)
        guard case .received([1], _) = scene[twice] else {
            Issue.record("\(scene[twice])")
            return
        }
        #expect(try scene.state(one).receiveWaiters == 0)
        let both = scene.select(
            one.session, [.send(one.handle, 2), .receive(one.handle), .send(one.handle, 3)])
        #expect(scene[both] == .waiting)
        scene.receive(other)
        guard case .selected = scene[both] else {
            Issue.record("\(scene[both])")
            return
        }
        #expect(try scene.state(one).sendWaiters == 0)
        #expect(try scene.state(one).receiveWaiters == 0)
    }

    @Test("S9 rule 12 a select never meets itself on a rendezvous channel", arguments: [nil, 0])
    func selfSelectRendezvous(capacity: Int64?) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        let cases = [CaseInput.send(one.handle, 1), .receive(one.handle)]
        #expect(scene[scene.select(one.session, cases, timeout: 0)] == .failed(.wouldBlock))
        let select = scene.select(one.session, cases)
        #expect(scene[select] == .waiting)
        #expect(scene[scene.send(other, 5)] == .sent)
        #expect(scene[select] == .received([5], by: 1))
    }

    @Test("S9 on a buffered channel the buffer decides (TestSelfSelect)")
    func selfSelectBuffered() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        var balance = 0
        for body in 0..<200 as Range<UInt64> {
            switch scene[scene.select(port.session, [.send(port.handle, body), .receive(port.handle)])] {
            case .selected(0): balance += 1
            case .received: balance -= 1
            default: Issue.record("a select that waits although there is room or a message")
            }
            #expect((0...2).contains(balance))
        }
    }

    @Test("S9 two selects in both directions on one channel meet")
    func crossed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let first = scene.select(one.session, [.send(one.handle, 1), .receive(one.handle)])
        let second = scene.select(other.session, [.receive(other.handle), .send(other.handle, 2)])
        let met =
            (scene[first] == .selected(0) && scene[second] == .received([1], by: 0))
            || (scene[first] == .received([2], by: 1) && scene[second] == .selected(1))
        #expect(met)
    }

    @Test("S10 rule 11 a closed channel is ready: closed for a receive, a failure for a send")
    func closedIsReady() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        let open = try scene.open(port.session, "open", capacity: 0)
        scene.close(port, CloseReason(code: 3, text: "over"))
        let receive = scene.select(port.session, [.receive(open.handle), .receive(port.handle)])
        #expect(scene.failure(receive) == Failure(.closed, caseIndex: 1, reason: 3, text: "over"))
        let send = scene.select(port.session, [.send(port.handle, 1), .receive(open.handle)], timeout: 0)
        #expect(scene.failure(send) == Failure(.closed, caseIndex: 0, reason: 3, text: "over"))
    }

    @Test("S11 S12 close of any channel of a waiting select wakes it, once")
    func closeWakes() throws {
        let scene = scene()
        let client = scene.client()
        let ports = try (0..<4).map { try scene.open(client, "c\($0)", capacity: 0) }
        for (index, port) in ports.enumerated() {
            let select = scene.select(
                client,
                ports.enumerated().map {
                    $0.offset % 2 == 0 ? .receive($0.element.handle) : .send($0.element.handle, 1)
                })
            guard index == 0 || scene[select] != .waiting else {
                Issue.record("closed channels did not end the select")
                continue
            }
            if index == 0 {
                scene.close(port)
                #expect(scene[select] == .failed(.closed, by: 0))
            }
        }
        let rest = Array(ports.dropFirst())
        let select = scene.select(client, [.receive(rest[0].handle), .send(rest[2].handle, 4)])
        scene.close(rest[2])
        #expect(scene[select] == .failed(.closed, by: 1))
        #expect(try scene.state(rest[0]).receiveWaiters == 0)
    }

    @Test("S12 S13 selects against selects over many channels, in opposite order", arguments: [1, 4, 8])
    func selectAgainstSelect(channels: Int) throws {
        let scene = scene()
        let (sender, receiver) = (scene.client(), scene.client())
        let ports = try (0..<channels).map { try scene.open(sender, "c\($0)", capacity: 0) }
        let theirs = try (0..<channels).map { try scene.open(receiver, "c\($0)") }
        for round in 0..<100 as Range<UInt64> {
            let sends = ports.enumerated().map {
                CaseInput.send($0.element.handle, round * 100 + UInt64($0.offset))
            }
            let receives = theirs.reversed().map { CaseInput.receive($0.handle) }
            let first =
                round % 2 == 0
                ? scene.select(sender, sends) : scene.select(receiver, receives)
            #expect(scene[first] == .waiting)
            let second =
                round % 2 == 0
                ? scene.select(receiver, receives) : scene.select(sender, sends)
            let (send, receive) = round % 2 == 0 ? (first, second) : (second, first)
            guard case .selected(let index) = scene[send] else {
                Issue.record("the sender waits")
                return
            }
            #expect(
                scene[receive] == .received([round * 100 + UInt64(index)], by: channels - 1 - index))
        }
        for port in ports {
            #expect(try scene.state(port).sendWaiters == 0)
            #expect(try scene.state(port).receiveWaiters == 0)
        }
    }

    @Test("S14 selects leave nothing behind on quiet channels")
    func nothingLeft() throws {
        let scene = scene()
        let client = scene.client()
        let quiet = try scene.open(client, "quiet", capacity: 0)
        let busy = try scene.open(client, "busy", capacity: 0)
        for body in 0..<500 as Range<UInt64> {
            let select = scene.select(client, [.receive(quiet.handle), .receive(busy.handle)])
            if body % 3 == 0 {
                scene.cancel(client, select)
            } else {
                scene.send(busy, body)
            }
            #expect(scene[select] != .waiting)
        }
        #expect(scene.engine.broker.parkedCount == 0)
        #expect(try scene.state(quiet).receiveWaiters == 0)
    }

    @Test("S15 G17 a try select sees all its channels at one instant")
    func oneInstant() throws {
        // TestNonblockSelectRace: a message is in one channel or has just closed the other, never neither.
        let scene = scene()
        let (one, other) = (scene.client(), scene.client())
        let first = try scene.open(one, "a", capacity: 1)
        let second = try scene.open(one, "b", capacity: 1)
        let mine = try ["a", "b"].map { try scene.open(other, $0) }
        scene.send(first, 1)
        scene.send(second, 2)
        scene.receive(first)
        let select = scene.select(other, mine.map { .receive($0.handle) }, timeout: 0)
        #expect(scene[select] == .received([2], by: 1))
    }

    @Test("S17 up to 1024 cases, beyond is an error of that select alone")
    func manyCases() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        let cases = [CaseInput](repeating: .receive(port.handle), count: 1024)
        let select = scene.select(port.session, cases)
        #expect(scene[select] == .waiting)
        #expect(try scene.state(port).receiveWaiters == 1024)
        let failed = scene.select(port.session, cases + [.never])
        #expect(scene[failed] == .failed(.quotaExceeded))
        scene.send(port, 1)
        #expect(scene[select] == .received([1]))
        #expect(try scene.state(port).receiveWaiters == 0)
    }

    @Test("rule 9 asked for, the first ready case in order wins")
    func ordered() throws {
        let scene = scene()
        let client = scene.client()
        let ports = try (0..<4).map { try scene.open(client, "c\($0)", capacity: 2) }
        for round in 0..<20 as Range<UInt64> {
            for port in ports[2...] { scene.send(port, round) }
            let select = scene.select(client, ports.map { .receive($0.handle) }, ordered: true)
            #expect(scene[select] == .received([round], by: 2))
            scene.receive(ports[3])
        }
    }

    @Test("rule 10 a timeout loses a tie against a case that can proceed")
    func tie() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let select = scene.select(one.session, [.receive(one.handle)], timeout: 10)
        scene.wait(9)
        scene.send(other, 1, timeout: 0)
        scene.wait(1)
        #expect(scene[select] == .received([1]))
        let late = scene.select(one.session, [.receive(one.handle)], timeout: 10)
        scene.wait(10)
        #expect(scene[scene.send(other, 2, timeout: 0)] == .failed(.wouldBlock))
        #expect(scene[late] == .failed(.timeout))
    }
}
