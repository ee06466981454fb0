// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Sends that wait beyond their commit (rules 20, 22 and 24).
@Suite struct ConfirmationTests {
    // MARK: Receipt and settlement

    @Test(
        "rule 20 a send is confirmed by the settlement, whatever was received before", arguments: [0, 1, -1])
    func settlement(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        let send = scene.send(one, 1, confirm: .settlement)
        let receive = scene.receive(other)
        #expect(scene.messages(receive) == [DeliveredMessage(body: 1, flags: .settlementAwaited)])
        #expect(scene.receipt(other, 1))
        #expect(scene[send] == .waiting)
        scene.settle(other, 1)
        #expect(scene[send] == .sent)
        #expect(scene.engine.broker.parkedCount == 0)
    }

    @Test(
        "rule 20 a send is confirmed by the receipt; the message can still come back", arguments: [0, 1, -1])
    func receipt(capacity: Int64) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: capacity)
        let receive = scene.receive(other)
        let send = scene.send(one, 1, confirm: .receipt)
        #expect(scene.messages(receive) == [DeliveredMessage(body: 1, flags: .receiptAwaited)])
        #expect(scene[send] == .waiting)
        #expect(scene.receipt(other, 1))
        #expect(scene[send] == .sent)
        #expect(scene.receipt(other, 1))
        scene.giveBack(other, 1, seen: true)
        let again = scene.receive(one)
        #expect(scene.messages(again) == [DeliveredMessage(body: 1, attempts: 1, redelivered: true)])
    }

    @Test("rule 20 a settlement without a receipt is one too, and a lease's end as well")
    func settlementIsReceipt() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let first = scene.send(one, 1, confirm: .receipt)
        let second = scene.send(one, 2, confirm: .settlement)
        scene.receive(other)
        scene.lease(other)
        scene.settle(other, 1)
        #expect(scene[first] == .sent && scene[second] == .waiting)
        #expect(scene.finish(other, 2) == nil)
        #expect(scene[second] == .sent)
    }

    @Test("rule 20 a message that came back is confirmed by its next receiver")
    func comesBack() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let send = scene.send(one, 1, confirm: .settlement)
        scene.receive(other)
        scene.end(other.session)
        #expect(scene[send] == .waiting)
        let again = scene.receive(one)
        #expect(scene.messages(again).first?.flags == .settlementAwaited)
        scene.settle(one, 1)
        #expect(scene[send] == .sent)
    }

    @Test("X13 receipts of numbers that were never given out are refused, those that are over ignored")
    func receiptNumbers() throws {
        let scene = scene()
        let port = try scene.single(capacity: 2)
        scene.send(port, 1, 2)
        scene.receive(port, upTo: 2)
        #expect(!scene.receipt(port, 3))
        #expect(!scene.receipt(port, 0))
        #expect(!scene.receipt(port, .max, count: 2))
        scene.settle(port, 1)
        #expect(scene.receipt(port, 1, count: 2))
    }

    // MARK: Batches

    @Test(
        "rule 24 a confirmed batch ends when all of it is confirmed",
        arguments: [Confirm.receipt, .settlement])
    func batch(confirm: Confirm) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let send = scene.send(one, 1, 2, 3, confirm: confirm)
        for delivery in [1, 2, 3] as [UInt64] {
            #expect(scene[send] == .waiting)
            scene.receive(other)
            if confirm == .receipt { scene.receipt(other, delivery) } else { scene.settle(other, delivery) }
        }
        #expect(scene[send] == .sent)
    }

    @Test("rule 24 the early messages of a batch may be confirmed before the late ones are accepted")
    func batchOverlaps() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 0)
        let send = scene.send(one, 1, 2, confirm: .settlement)
        scene.receive(other)
        scene.settle(other, 1)
        #expect(scene[send] == .waiting)
        scene.receive(other)
        scene.settle(other, 2)
        #expect(scene[send] == .sent)
    }

    @Test("rule 24 a batch whose channel closes in between says how many were accepted")
    func batchClosed() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let send = scene.send(one, 1, 2, 3, confirm: .settlement)
        scene.close(other)
        #expect(scene[send] == .failed(.closed))
        #expect(scene.failure(send)?.accepted == 2)
        #expect(scene[scene.receive(other, upTo: 3)] == .received([1, 2]))
        scene.settle(other, 1, count: 2)
        #expect(scene.engine.broker.messageCount == 0)
    }

    // MARK: Ends of the waiting

    /// Ends the waiting of `request` by cancelling it, or by time.
    private static func end(_ scene: BrokerScene, _ session: UInt32, _ request: UInt64, byTime: Bool) {
        if byTime { scene.wait(10) } else { scene.cancel(session, request) }
    }

    @Test("rules 20 and 22 before the commit: withdrawn, without effect", arguments: [false, true])
    func endsBeforeTheCommit(byTime: Bool) throws {
        for capacity in [0, 1] as [Int64] {
            let scene = scene()
            let (one, other) = try scene.pair(capacity: capacity)
            if capacity == 1 { scene.send(one, 9) }
            let send = scene.send(one, 1, confirm: .settlement, timeout: 10)
            Self.end(scene, one.session, send, byTime: byTime)
            #expect(scene[send] == .failed(byTime ? .timeout : .cancelled))
            #expect(scene.failure(send)?.accepted == 0)
            #expect(scene.engine.discarded == [1])
            if capacity == 1 { scene.receive(other) }
            #expect(scene[scene.receive(other, timeout: 0)] == .failed(.wouldBlock))
        }
    }

    @Test("rules 20 and 22 after the commit: the waiting ends, the message stays", arguments: [false, true])
    func endsAfterTheCommit(byTime: Bool) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let queued = scene.send(one, 1, confirm: .settlement, timeout: 10)
        let taken = scene.send(one, 2, confirm: .receipt, timeout: 10)
        scene.receive(other)
        for send in [queued, taken] {
            if !byTime { scene.cancel(one.session, send) }
        }
        if byTime { scene.wait(10) }
        for send in [queued, taken] {
            #expect(scene[send] == .failed(.notConfirmed))
            #expect(scene.failure(send)?.accepted == 1)
            #expect(scene.failure(send)?.text == (byTime ? "timeout" : "cancelled"))
        }
        #expect(scene[scene.receive(other)] == .received([2]))
        scene.receipt(other, 1, count: 2)
        scene.settle(other, 1, count: 2)
        #expect(scene.engine.broker.messageCount == 0)
    }

    @Test("rules 20 and 24 a batch in between: withdrawn, what was accepted stays", arguments: [false, true])
    func endsInBetween(byTime: Bool) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        let send = scene.send(one, 1, 2, 3, confirm: .settlement, timeout: 10)
        scene.receive(other)
        scene.settle(other, 1)
        let rest = scene.send(one, 4, 5, confirm: .receipt, timeout: 10)
        #expect(scene[send] == .waiting)
        Self.end(scene, one.session, rest, byTime: byTime)
        if byTime {
            #expect(scene[send] == .failed(.notConfirmed))
            #expect(scene.failure(send)?.accepted == 3)
        }
        #expect(scene[rest] == .failed(byTime ? .timeout : .cancelled))
        #expect(scene[scene.receive(other, upTo: 8)] == .received([2, 3]))
        scene.settle(other, 2, count: 2)
        if !byTime { #expect(scene[send] == .sent) }
    }

    @Test("rule 20 a try is never confirmed: it is committed or would block")
    func tries() throws {
        let scene = scene()
        let port = try scene.single(capacity: 1)
        let committed = scene.send(port, 1, confirm: .settlement, timeout: 0)
        #expect(scene[committed] == .failed(.notConfirmed))
        #expect(scene.failure(committed)?.accepted == 1)
        let blocked = scene.send(port, 2, confirm: .settlement, timeout: 0)
        #expect(scene[blocked] == .failed(.wouldBlock))
        #expect(scene[scene.receive(port, upTo: 8)] == .received([1]))
        scene.settle(port, 1)
    }

    @Test("rule 20 on a closed channel it fails as any send, and it counts among what waits")
    func failsAtOnce() throws {
        var limits = BrokerLimits()
        limits.waitersPerSession = 1
        let scene = scene(limits: limits)
        let port = try scene.single(capacity: 4)
        let waiting = scene.send(port, 1, confirm: .settlement)
        #expect(scene[scene.send(port, 2, confirm: .settlement)] == .failed(.quotaExceeded))
        scene.close(port)
        #expect(scene[scene.send(port, 3, confirm: .settlement)] == .failed(.closed))
        #expect(scene[waiting] == .waiting)
        #expect(scene[scene.receive(port)] == .received([1]))
        scene.settle(port, 1)
        #expect(scene[waiting] == .sent)
    }

    @Test("rule 17 the sender's session may die while it waits", arguments: [false, true])
    func senderDies(isTaken: Bool) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        scene.send(one, 1, 2, 3, confirm: .settlement)
        if isTaken { scene.receive(other, upTo: 2) }
        scene.end(one.session)
        if !isTaken { scene.receive(other, upTo: 2) }
        #expect(scene.settle(other, 1, count: 2))
        #expect(scene.engine.broker.messageCount == (isTaken ? 1 : 0))
        #expect(scene.engine.broker.parkedCount == 0)
    }

    @Test("rule 20 a closed handle ends no waiting for what is committed")
    func handleCloses() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let committed = scene.send(one, 1, confirm: .settlement)
        let parked = scene.send(one, 2, confirm: .settlement)
        scene.closeHandle(one)
        #expect(scene[parked] == .failed(.handleClosed))
        #expect(scene[committed] == .waiting)
        scene.receive(other)
        scene.settle(other, 1)
        #expect(scene[committed] == .sent)
    }

    // MARK: Lost

    @Test(
        "rule 20 what leaves its channel unsettled ends the waiting, with the reason",
        arguments: [false, true])
    func buried(hasDeadLetter: Bool) throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let send = scene.send(one, 1, confirm: .settlement)
        scene.lease(other, for: 10, attempts: 1, deadLetter: hasDeadLetter ? "dead" : "")
        scene.wait(10)
        #expect(scene[send] == .failed(.notConfirmed))
        #expect(scene.failure(send)?.text == (hasDeadLetter ? "dead-lettered" : "set aside"))
        #expect(scene.failure(send)?.accepted == 1)
        if hasDeadLetter {
            let dead = try scene.open(one.session, "dead")
            let request = scene.receive(dead)
            #expect(scene.messages(request) == [DeliveredMessage(body: 1)])
        } else {
            #expect(scene.restore(one.session, "c") == .success(1))
            let request = scene.receive(other)
            #expect(scene.messages(request).first?.flags == [])
        }
    }

    @Test("rule 20 a removed channel's rest is discarded, and its sender told")
    func discarded() throws {
        let scene = scene()
        let session = scene.client()
        let port = try scene.open(session, "c", capacity: 2)
        let send = scene.send(port, 1, confirm: .receipt)
        let more = scene.send(port, 2, 3, confirm: .settlement)
        #expect(scene.remove(session, "c") == nil)
        #expect(scene[more] == .failed(.closed))
        #expect(scene[send] == .waiting)
        scene.closeHandle(port)
        #expect(scene[send] == .failed(.notConfirmed))
        #expect(scene.failure(send)?.text == "discarded")
        #expect(scene.engine.broker.messageCount == 0)
    }

    @Test("rules 20 and 24 a batch that lost one message ends when the others are confirmed")
    func batchLosesOne() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 3)
        let send = scene.send(one, 1, 2, 3, confirm: .settlement)
        scene.lease(other, upTo: 3, attempts: 1)
        scene.returnLease(other, 2)
        scene.finish(other, 1)
        #expect(scene[send] == .waiting)
        scene.finish(other, 3)
        #expect(scene[send] == .failed(.notConfirmed))
        #expect(scene.failure(send)?.text == "set aside")
        #expect(scene.failure(send)?.accepted == 3)
    }

    @Test("rule 23 outcomes come in the order of the confirmations, not of the sends")
    func order() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 4)
        let sends = (1...3 as ClosedRange<UInt64>).map { scene.send(one, $0, confirm: .settlement) }
        scene.receive(other, upTo: 3)
        scene.settle(other, 3)
        #expect(scene.engine.events == [.sent(session: one.session, request: sends[2])])
        scene.settle(other, 1, count: 2)
        #expect(
            scene.engine.events == [
                .sent(session: one.session, request: sends[0]),
                .sent(session: one.session, request: sends[1]),
            ])
    }
}
