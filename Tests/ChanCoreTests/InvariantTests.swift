// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@testable import ChanCore

/// What every other test relies on: the check of the invariants notices a state that must never be.
@Suite struct InvariantTests {
    @Test("an unharmed state passes")
    func unharmed() throws {
        try Self.everything().engine.broker.checkInvariants()
    }

    @Test("harm is noticed, and said", arguments: Harm.all + Harm.ofOperations + Harm.ofDeliveries)
    func noticed(_ harm: Harm) throws {
        let scene = try Self.everything()
        harm.inflict(&scene.engine.broker)
        let violation = #expect(throws: InvariantViolation.self) {
            try scene.engine.broker.checkInvariants()
        }
        let text = try #require(violation).description
        #expect(text.contains(harm.noticedAs))
    }

    /// A broker with something of every kind.
    private static func everything() throws -> BrokerScene {
        let scene = scene()
        let client = scene.client()
        let full = try scene.open(client, "full", capacity: 2)
        for body in 1...4 { scene.send(full, UInt64(body), timeout: 1000) }
        let idle = try scene.open(client, "idle", capacity: 0)
        scene.receive(idle, timeout: 2000)
        scene.receive(idle)
        let paused = try scene.open(client, "paused", capacity: 2)
        scene.send(paused, 10)
        scene.pause(client, "paused")
        scene.receive(paused)
        scene.closeHandle(try scene.open(client, "kept") { $0.keep = true })
        let returned = try scene.open(client, "returned", capacity: 8)
        scene.send(returned, 20, 21, 22, 23, 24)
        scene.receive(returned, upTo: 3)
        scene.giveBack(returned, 1, count: 3)
        let ahead = try scene.open(client, "ahead", capacity: 4)
        scene.send(ahead, 30, 31)
        scene.readAhead(ahead, 2)
        let leased = try scene.open(client, "leased", capacity: 4)
        scene.send(leased, 40, 41)
        scene.lease(leased, upTo: 2, for: 5000)
        scene.send(try scene.open(client, "confirmed", capacity: 1), 50, confirm: .settlement)
        scene.wait(try scene.open(client, "watched"), until: .closed)
        let both = try scene.open(client, "both", capacity: 0)
        scene.select(client, [.send(both.handle, 60), .receive(both.handle)])
        for name in ["passing", "delivered"] {
            let port = try scene.open(client, name, capacity: 1)
            scene.send(port, 70, passing: [(try scene.unnamed(client).port, .send)])
            if name == "delivered" { scene.receive(port) }
        }
        return scene
    }
}

/// A change that breaks an invariant, and what the check says of it.
struct Harm: CustomTestStringConvertible, Sendable {
    var noticedAs: String
    var inflict: @Sendable (inout Broker<UInt64>) -> Void

    init(_ noticedAs: String, _ inflict: @escaping @Sendable (inout Broker<UInt64>) -> Void) {
        self.noticedAs = noticedAs
        self.inflict = inflict
    }

    var testDescription: String { noticedAs }
}

extension Broker {
    fileprivate func channel(_ name: String) -> UInt32 { channelSlot(named: "/uid/1000/\(name)") ?? none }
    fileprivate func operation(ofSender name: String) -> UInt32 {
        waiters[channels[channel(name)].activity.senders.head].operation
    }
    fileprivate func operation(ofReceiver name: String) -> UInt32 {
        waiters[channels[channel(name)].activity.receivers.head].operation
    }
    fileprivate func handle(_ name: String) -> UInt32 { channels[channel(name)].firstHandle }
    fileprivate func delivery(_ name: String) -> UInt32 { handles[handle(name)].window.snapshot()[0] }
    fileprivate func queued(_ name: String) -> UInt32 { channels[channel(name)].queueHead }
}

/// A slot that is nowhere in use.
private let nowhere: UInt32 = 9999

// MARK: Channels, their messages, waiters and handles

extension Harm {
    static let all: [Harm] = [
        Harm("messages are nowhere") {
            _ = $0.messages.insert(Message(body: 0, byteCount: 0, account: 0, since: 0))
        },
        Harm("is gone") { $0.channels[$0.channel("full")].queueHead = nowhere },
        Harm("is in the queue of /uid/1000/full and in what is set aside") {
            $0.channels[$0.channel("full")].activity.aside.head = $0.queued("full")
        },
        Harm("messages and a waiting receiver") { $0.channels[$0.channel("paused")].flags.remove(.paused) },
        Harm("room and a waiting sender") { $0.channels[$0.channel("full")].capacity = 5 },
        Harm("closed and a waiting sender") { $0.channels[$0.channel("full")].flags.insert(.closed) },
        Harm("finished and a waiting receiver") { $0.channels[$0.channel("idle")].flags.insert(.closed) },
        Harm("unused and still there") { $0.channels[$0.channel("kept")].flags.remove(.keep) },
        Harm("its name is wrong") { $0.names.remove($0.channel("full"), named: "/uid/1000/full") },
        Harm(" names of ") { $0.names.insert($0.channel("full"), named: "/uid/1000/other") },
        Harm("the returned heap is out of order") {
            $0.messages[$0.channels[$0.channel("returned")].activity.returned].acceptance = 0
        },
        Harm("the queue is out of order") { $0.messages[$0.queued("full")].acceptance = 100 },
        Harm("wrong queue tail") { $0.channels[$0.channel("full")].queueTail = none },
        Harm("3 counted, 2 queued") { $0.channels[$0.channel("full")].queued += 1 },
        Harm("queued bytes are miscounted") { $0.channels[$0.channel("full")].queuedBytes += 1 },
        Harm("a message beyond the last acceptance") { $0.channels[$0.channel("full")].accepted = 0 },
        Harm("a waiter is gone") { $0.channels[$0.channel("full")].activity.senders.head = nowhere },
        Harm("a waiter's back link is wrong") {
            $0.waiters[$0.channels[$0.channel("full")].activity.senders.head].previous = 0
        },
        Harm("a waiter in a wrong list") {
            $0.waiters[$0.channels[$0.channel("full")].activity.senders.head].isResting = true
        },
        Harm("a waiter's messages do not fit its kind") {
            $0.waiters[$0.channels[$0.channel("full")].activity.senders.head].chain = MessageChain()
        },
        Harm("a waiter without operation") {
            $0.waiters[$0.channels[$0.channel("full")].activity.senders.head].operation = nowhere
        },
        Harm("open credits are miscounted") { $0.channels[$0.channel("idle")].activity.openCredits += 1 },
        Harm("a waiter list's end is wrong") { $0.channels[$0.channel("full")].activity.senders.tail = none },
        Harm("both sides wait on a buffered channel") {
            $0.channels[$0.channel("both")].capacity = 1
            $0.channels[$0.channel("both")].activity.byteLimit = 0
        },
        Harm("a sender and a receiver wait for each other") {
            let receiver = $0.channels[$0.channel("both")].activity.receivers.head
            $0.waiters[receiver].operation = $0.operation(ofSender: "full")
        },
        Harm("a handle is gone") { $0.channels[$0.channel("full")].firstHandle = nowhere },
        Harm("a handle in a wrong list") { $0.handles[$0.handle("full")].isClosed = true },
        Harm("a handle's back link is wrong") { $0.handles[$0.handle("full")].previous = 0 },
        Harm("handles are miscounted") { $0.channels[$0.channel("full")].sendHandles += 1 },
        Harm("has no session") { $0.handles[$0.handle("full")].session = nowhere },
        Harm("has a wrong number") { $0.sessions[0].handles[0] = none },
        Harm("has no channel") {
            var handle = Handle(session: 0, number: 0, channel: nowhere, role: .both, since: 0)
            handle.number = UInt32($0.sessions[0].handles.count)
            $0.sessions[0].handles.append($0.handles.insert(handle))
        },
        Harm("is closed and still there") {
            var handle = Handle(session: 0, number: 0, channel: $0.channel("full"), role: .both, since: 0)
            handle.number = UInt32($0.sessions[0].handles.count)
            handle.isClosed = true
            $0.sessions[0].handles.append($0.handles.insert(handle))
        },
        Harm("the account of uid 1000 is") { $0.accounts[0].used.bytes += 1 },
        Harm("incomplete connections are miscounted") { $0.incompleteConnections += 1 },
        Harm("is on a wrong share") { $0.messages[$0.queued("full")].share = 0 },
        Harm("a share is of no message") {
            _ = $0.shares.insert(Share(key: Share.Key(owner: 0, sender: 0)))
        },
        Harm("is of its own account") {
            let slot = $0.queued("full")
            let bytes = Int($0.messages[slot].byteCount)
            $0.messages[slot].share = $0.chargeShare(of: 0, sender: 0, byteCount: bytes)
        },
        Harm("is miscounted") {
            let share = $0.chargeShare(of: 0, sender: 0, byteCount: 0)
            $0.messages[$0.queued("full")].share = share
            $0.shares[share].held.bytes += 1
        },
        Harm("the memory in use is miscounted") { $0.buffers += 1 },
        Harm("the memory in use is miscounted") { $0.messageBytes += 1 },
        Harm("the memory in use is miscounted") { $0.senders += 1 },
        Harm("the shares of uid 1000 are miscounted") { $0.accounts[0].shares += 1 },
    ]
}

// MARK: Operations and deadlines

extension Harm {
    static let ofOperations: [Harm] = [
        Harm("parked without its key") {
            $0.parked.insert(0, for: OperationKey(session: 0, request: 1 << 40))
        },
        Harm("is under a wrong key") {
            let request = $0.operations[$0.operation(ofSender: "full")].request
            let key = OperationKey(session: 0, request: request)
            $0.parked.remove(key)
            $0.parked.insert($0.operation(ofReceiver: "idle"), for: key)
        },
        Harm("a wrong waiter") { $0.operations[$0.operation(ofSender: "full")].firstWaiter = nowhere },
        Harm("waiters are miscounted") { $0.operations[$0.operation(ofSender: "full")].waiterCount += 1 },
        Harm("its credit is gone") { $0.operations[$0.operation(ofReceiver: "idle")].credit = nowhere },
        Harm("has 0 waiters") { $0.operations[$0.watches[0].operation].watch = none },
        Harm("is lost in the heap") { $0.deadlines.remove($0.operation(ofSender: "full")) },
        Harm("is overdue") { $0.advanced = 1000 },
        Harm("belongs to no operation") {
            _ = $0.waiters.insert($0.waiters[$0.channels[$0.channel("full")].activity.senders.head])
        },
        Harm("the deadline heap holds what is over") { $0.deadlines.insert(nowhere, deadline: 1) },
        Harm("a deadline heap is out of order") { $0.deadlines.entries[0].deadline = .max },
        Harm("a broken list") { $0.operations[$0.sessions[0].firstOperation].previous = 0 },
        Harm("waiters are miscounted") { $0.sessions[0].waiterCount += 1 },
        Harm("has no operation") { $0.operations[$0.watches[0].operation].watch = nowhere },
        Harm("is on what is not there") { $0.watches[0].channel = nowhere },
        Harm("the waits of a channel are miscounted") {
            $0.channels[$0.channel("watched")].activity.watches += 1
        },
    ]
}

// MARK: Deliveries, leases, credits, confirmations and what is passed

extension Harm {
    static let ofDeliveries: [Harm] = [
        Harm("deliveries are miscounted") { $0.handles[$0.handle("leased")].window.live += 1 },
        Harm("unsettled deliveries are miscounted") {
            $0.channels[$0.channel("leased")].activity.unsettled += 1
        },
        Harm("messages ahead or leases are miscounted") {
            $0.channels[$0.channel("leased")].activity.leased += 1
        },
        Harm("its credit is gone") { $0.messages[$0.delivery("ahead")].credit = nowhere },
        Harm("is ahead and in no delivery window") { $0.messages[$0.queued("full")].credit = 0 },
        Harm("credit 0 is miscounted") { $0.credits[0].ahead -= 1 },
        Harm("is over and still there") { _ = $0.credits.insert(Credit(operation: none, limit: 1)) },
        Harm("belongs to another operation") { $0.operations[$0.credits[0].operation].credit = none },
        Harm("rests or waits, and should not") { $0.credits[0].limit += 1 },
        Harm("under a lease that is gone") { $0.messages[$0.delivery("leased")].lease = nowhere },
        Harm("is overdue") { $0.leases[0].deadline = 0 },
        Harm("is not where it was delivered") { $0.leases[0].number += 1 },
        Harm("lease 0 is lost in the heap") { $0.leaseDeadlines.remove(0) },
        Harm("a lease has no message") { _ = $0.leases.insert($0.leases[0]) },
        Harm("a confirmation has no message") { _ = $0.confirmations.insert($0.confirmations[0]) },
        Harm("a message's confirmation is gone") {
            $0.messages[$0.queued("confirmed")].confirmation = nowhere
        },
        Harm("confirmation 0 is miscounted") { $0.confirmations[0].outstanding += 1 },
        Harm("belongs to another operation") {
            $0.confirmations[0].operation = $0.operation(ofSender: "full")
        },
        Harm("an input was not concluded") { $0.released.append(0) },
        Harm("lists a handle that is gone") { $0.messages[$0.queued("passing")].firstPassed = nowhere },
        Harm("lists a handle that is not its own") {
            $0.messages[$0.queued("passing")].firstPassed = $0.handle("full")
        },
        Harm("is not where its message is") {
            $0.handles[$0.messages[$0.queued("passing")].firstPassed].holder = none
        },
        Harm("is offered to another") {
            $0.handles[$0.messages[$0.delivery("delivered")].firstPassed].offeredTo = none
        },
        Harm("has a number that nobody was offered") {
            $0.handles[$0.messages[$0.queued("passing")].firstPassed].number = 5
        },
        Harm("is offered a taken number") {
            let listing = $0.messages[$0.delivery("delivered")].firstPassed
            $0.sessions[0].freeNumbers.append($0.handles[listing].number)
        },
        Harm("a listing has no message") { $0.listingCount += 1 },
        Harm("the account of uid 1000 is") { $0.accounts[0].used.listings += 1 },
    ]
}
