// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Messages that their receiver can do nothing with (rule 19).
@Suite struct DeadLetterTests {
    @Test(
        "rule 19 it goes to the channel named, whatever its attempts, and counts anew there",
        arguments: [false, true])
    func goesThere(leased: Bool) throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1, 2)
        if leased {
            scene.lease(port, for: 10, attempts: 9, deadLetter: "other")
        } else {
            scene.receive(port)
        }
        #expect(scene.giveUp(port, 1, deadLetter: "dead"))
        // Once only; what has ended is ignored, and what never was is not known.
        #expect(scene.giveUp(port, 1, deadLetter: "dead"))
        #expect(!scene.giveUp(port, 2, deadLetter: "dead"))
        scene.wait(20)
        let dead = try scene.open(port.session, "dead") { $0.mustExist = true }
        let letter = scene.receive(dead)
        #expect(scene[letter] == .received([1]))
        #expect(scene.messages(letter).map(\.attempts) == [0])
        #expect(scene.messages(letter).map(\.redelivered) == [false])
        let state = try scene.state(port)
        #expect(state.unsettled == 0 && state.leased == 0 && state.queued == 1 && state.setAside == 0)
        #expect(scene[scene.receive(port)] == .received([2]))
    }

    @Test(
        "rule 19 where it can't go it is set aside, and can be put back",
        arguments: ["", "c", ".x", "/uid/7/closed"])
    func isSetAside(target: String) throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1)
        scene.receive(port)
        #expect(scene.giveUp(port, 1, deadLetter: target))
        #expect(try scene.state(port).setAside == 1)
        #expect(scene[scene.receive(port, timeout: 0)] == .failed(.wouldBlock))
        scene.restore(port.session, "c")
        let again = scene.receive(port)
        #expect(scene[again] == .received([1]))
        #expect(scene.messages(again).map(\.attempts) == [1])
        #expect(scene.messages(again).map(\.redelivered) == [true])
    }

    @Test("rule 21 one that was sent ahead frees its slot")
    func ahead() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.readAhead(other, 1)
        scene.send(one, 1)
        let waiting = scene.send(one, 2)
        #expect(scene[waiting] == .waiting)
        #expect(scene.giveUp(other, 1))
        #expect(scene[waiting] == .sent)
    }

    @Test("rules 4 and 20 it delays no closed, and is not confirmed")
    func closedAndConfirmed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let sent = scene.send(one, 1, confirm: .settlement)
        scene.receive(other)
        scene.close(one)
        let end = scene.receive(other)
        #expect(scene[end] == .waiting)
        #expect(scene.giveUp(other, 1))
        #expect(scene[end] == .failed(.closed))
        #expect(scene[sent] == .failed(.notConfirmed))
    }
}
