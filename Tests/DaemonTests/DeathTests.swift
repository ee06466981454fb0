// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// What processes leave behind that end by kill -9 (rules 16 to 18, X6 to X9).
@Suite(.blocking) struct DeathTests {
    /// Rule 17: what waits vanishes with its sender, what was committed stays.
    @Test(arguments: [Int64(0), 2])
    func senderThatWaits(_ capacity: Int64) throws {
        try DaemonUnderTest.run { daemon in
            let observer = try WireClient(daemon.socketPath)
            let into = try observer.open("work", .receive, capacity: capacity)
            let doomed = try ClientProcess(daemon.socketPath)
            let out = try doomed.client.open("work", .send)
            let living = try WireClient(daemon.socketPath)
            let other = try living.open("work", .send)
            for number in 0..<Int(capacity) + 2 { _ = try doomed.client.startSend(out, "dead \(number)") }
            _ = try doomed.client.startSend(out, "dead batch 1", "dead batch 2", "dead batch 3")
            try observer.wait(for: "work", "three senders") { $0.sendWaiters == 3 }
            let waits = try living.startSend(other, "living")
            try living.ping()
            try doomed.kill()
            try observer.wait(for: "work", "one sender") { $0.sendHandles == 1 && $0.sendWaiters <= 1 }
            var got: [String] = []
            for _ in 0...capacity {
                let delivered = try #require(try observer.receive(into).delivered)
                #expect(delivered.messages.allSatisfy { !$0.redelivered && $0.attempts == 0 })
                got += delivered.texts
                try observer.settle(delivered.range)
            }
            #expect(got == (0..<Int(capacity)).map { "dead \($0)" } + ["living"])
            #expect(try living.outcome(of: waits) == .sent)
            #expect(try observer.receive(into, timeout: WireTimeout.none).failure == .wouldBlock)
        }
    }

    /// Rule 18: what a receiver had and did not settle comes back, at its place and marked.
    @Test(arguments: [Int64(0), 2, Capacity.unbounded])
    func receiverWithUnsettledDeliveries(_ capacity: Int64) throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("work", .send, capacity: capacity)
            let doomed = try ClientProcess(daemon.socketPath)
            let into = try doomed.client.open("work", .receive)
            let requests = try (0..<6).map { try sender.startSend(out, "\($0)") }
            var ranges: [DeliveryRange] = []
            for _ in 0..<4 {
                let delivered = try #require(try doomed.client.receive(into).delivered)
                ranges.append(delivered.range)
            }
            // The second is done with; 0, 2 and 3 are not.
            try doomed.client.settle(ranges[1])
            try doomed.client.ping()
            try doomed.kill()
            let heir = try WireClient(daemon.socketPath)
            let rest = try heir.open("work", .receive)
            var got: [Delivered.Message] = []
            while got.count < 5 {
                let delivered = try #require(try heir.receive(rest).delivered)
                got += delivered.messages
                try heir.settle(delivered.range)
            }
            #expect(got.map(\.text) == ["0", "2", "3", "4", "5"])
            #expect(got.map(\.redelivered) == [true, true, true, false, false])
            #expect(got.map(\.attempts) == [1, 1, 1, 0, 0])
            for request in requests { #expect(try sender.outcome(of: request) == .sent) }
            #expect(try heir.receive(rest, timeout: WireTimeout.none).failure == .wouldBlock)
        }
    }

    /// X8: whoever returns what when, the order is that of acceptance.
    @Test func orderOverSeveralReceivers() throws {
        for firstToDie in [0, 1] {
            try DaemonUnderTest.run { daemon in
                let sender = try WireClient(daemon.socketPath)
                let out = try sender.open("work", .send, capacity: 20)
                for number in 0..<10 { #expect(try sender.send(out, "\(number)") == .sent) }
                var doomed = try (0..<2).map { _ in try ClientProcess(daemon.socketPath) }
                let handles = try doomed.map { try $0.client.open("work", .receive) }
                for number in 0..<8 {
                    let receiver = doomed[number % 2].client
                    #expect(try receiver.receive(handles[number % 2]).delivered?.texts == ["\(number)"])
                }
                let first = doomed.remove(at: firstToDie)
                try first.kill()
                try sender.wait(for: "work", "half of them back") { $0.unsettled == 4 && $0.queued == 6 }
                try doomed[0].kill()
                try sender.wait(for: "work", "all of them back") { $0.unsettled == 0 && $0.queued == 10 }
                let heir = try WireClient(daemon.socketPath)
                let rest = try heir.open("work", .receive)
                let delivered = try #require(try heir.receive(rest, upTo: 20).delivered)
                #expect(delivered.texts == (0..<10).map(String.init))
                #expect(delivered.messages.map(\.redelivered) == (0..<10).map { $0 < 8 })
                try heir.settle(delivered.range)
            }
        }
    }

    /// A receiver that waits when others die gets what they had.
    @Test func comingBackMeetsWhoWaits() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("meet", .send, capacity: 0)
            let doomed = try ClientProcess(daemon.socketPath)
            let into = try doomed.client.open("meet", .receive)
            let sent = try sender.startSend(out, "once")
            #expect(try doomed.client.receive(into).delivered?.texts == ["once"])
            #expect(try sender.outcome(of: sent) == .sent)
            let heir = try WireClient(daemon.socketPath)
            let rest = try heir.open("meet", .receive)
            let waits = try heir.startReceive(rest)
            try heir.ping()
            try doomed.kill()
            let delivered = try #require(try heir.outcome(of: waits).delivered)
            #expect(delivered.messages.map(\.redelivered) == [true])
        }
    }

    /// X9: a select leaves nothing in any of its channels.
    @Test func selectingClient() throws {
        try DaemonUnderTest.run { daemon in
            let observer = try WireClient(daemon.socketPath)
            let names = ["a", "b", "c"]
            let mine = try names.map { try observer.open($0, capacity: 0) }
            let doomed = try ClientProcess(daemon.socketPath)
            let theirs = try names.map { try doomed.client.open($0) }
            _ = try doomed.client.startSelect(
                .receive(theirs[0]), .send(theirs[1], "ghost"), .send(theirs[2], "ghost"))
            try observer.wait(for: "a", "a receiver") { $0.receiveWaiters == 1 }
            try observer.wait(for: "c", "a sender") { $0.sendWaiters == 1 }
            try doomed.kill()
            for name in names {
                let status = try observer.wait(for: name, "one handle") { $0.sendHandles == 1 }
                #expect(status.sendWaiters == 0 && status.receiveWaiters == 0)
            }
            #expect(try observer.send(mine[0], "x", timeout: WireTimeout.none).failure == .wouldBlock)
            for handle in mine[1...] {
                #expect(try observer.receive(handle, timeout: WireTimeout.none).failure == .wouldBlock)
            }
        }
    }

    /// X9: a select that won before its process died has a delivery as any receive has.
    @Test func selectThatWonBeforeItsDeath() throws {
        try DaemonUnderTest.run { daemon in
            let observer = try WireClient(daemon.socketPath)
            let first = try observer.open("a", capacity: 0)
            let second = try observer.open("b", capacity: 1)
            let doomed = try ClientProcess(daemon.socketPath)
            let theirs = try ["a", "b"].map { try doomed.client.open($0) }
            _ = try doomed.client.startSelect(.receive(theirs[0]), .receive(theirs[1]))
            try observer.wait(for: "a", "a receiver") { $0.receiveWaiters == 1 }
            #expect(try observer.send(first, "won") == .sent)
            #expect(try observer.inspect("b").receiveWaiters == 0)
            try doomed.kill()
            let delivered = try #require(try observer.receive(first).delivered)
            #expect(delivered.messages.map(\.redelivered) == [true])
            #expect(try observer.receive(second, timeout: WireTimeout.none).failure == .wouldBlock)
        }
    }

    /// Rule 16: the last sender's end is the channel's, once what it left is taken.
    @Test func closesWithTheLastSender() throws {
        try DaemonUnderTest.run { daemon in
            let receiver = try WireClient(daemon.socketPath)
            let into = try receiver.open("pipe", .receive, capacity: 4) { $0.closeWithLastSender = true }
            let waits = try receiver.startReceive(into)
            let senders = try (0..<2).map { _ in try ClientProcess(daemon.socketPath) }
            let handles = try senders.map { try $0.client.open("pipe", .send) }
            try senders[0].kill()
            try receiver.wait(for: "pipe", "one sender") {
                $0.sendHandles == 1 && !$0.state.contains(.closed)
            }
            #expect(try senders[1].client.send(handles[1], "first") == .sent)
            let delivered = try #require(try receiver.outcome(of: waits).delivered)
            try receiver.settle(delivered.range)
            #expect(try senders[1].client.send(handles[1], "last") == .sent)
            try senders[1].kill()
            try receiver.wait(for: "pipe", "the end") { $0.state.contains(.closed) }
            let last = try #require(try receiver.receive(into).delivered)
            #expect(last.texts == ["last"] && last.isClosed)
            // It could still come back, so this waits; the settlement ends it.
            let end = try receiver.startReceive(into)
            try receiver.settle(last.range)
            #expect(try receiver.outcome(of: end).failure == .closed)
        }
    }

    /// Rule 16's mirror: without a receiver nobody waits for one.
    @Test func failsWithTheLastReceiver() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("sink", .send, capacity: 1) { $0.failWithLastReceiver = true }
            let doomed = try ClientProcess(daemon.socketPath)
            let into = try doomed.client.open("sink", .receive)
            #expect(try sender.send(out, "a") == .sent)
            #expect(try doomed.client.receive(into).delivered?.texts == ["a"])
            #expect(try sender.send(out, "b") == .sent)
            let waits = try sender.startSend(out, "c")
            try sender.ping()
            try doomed.kill()
            #expect(try sender.outcome(of: waits).failure == .noReceivers)
            #expect(try sender.send(out, "d").failure == .noReceivers)
            #expect(try sender.select(.send(out, "e")).failure == .noReceivers)
            // Queued messages and what came back stay, for the next who receives.
            let heir = try WireClient(daemon.socketPath)
            let rest = try heir.open("sink", .receive)
            let delivered = try #require(try heir.receive(rest, upTo: 9).delivered)
            #expect(delivered.texts == ["a", "b"])
            #expect(delivered.messages.map(\.redelivered) == [true, false])
            #expect(try sender.send(out, "f") == .sent)
        }
    }

    /// X13: closed is not said while a dead receiver's message may still come back, and then not before it.
    @Test func closeWithAnUnsettledDelivery() throws {
        try DaemonUnderTest.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("late", capacity: 1)
            let doomed = try ClientProcess(daemon.socketPath)
            let into = try doomed.client.open("late", .receive)
            #expect(try sender.send(out, "held") == .sent)
            #expect(try doomed.client.receive(into).delivered?.texts == ["held"])
            #expect(try sender.close(out))
            let waits = try sender.startReceive(out)
            #expect(try sender.receive(out, timeout: 0).failure == .wouldBlock)
            #expect(try sender.receive(out, untilDrained: true).failure == .closed)
            try doomed.kill()
            let delivered = try #require(try sender.outcome(of: waits).delivered)
            #expect(delivered.texts == ["held"] && delivered.isClosed)
            try sender.settle(delivered.range)
            #expect(try sender.receive(out).failure == .closed)
        }
    }

    /// Rule 15: without handles and messages a channel is gone, whoever ended it.
    @Test func lifetime() throws {
        try DaemonUnderTest.run { daemon in
            let observer = try WireClient(daemon.socketPath)
            let doomed = try ClientProcess(daemon.socketPath)
            let first = try doomed.client.opened("brief", capacity: 1)
            #expect(first.created)
            try doomed.kill()
            let deadline = Patience.deadline()
            var second = try observer.opened("brief", .receive)
            while second.generation == first.generation {
                try observer.closeHandle(second.handle)
                try #require(MonotonicClock.now() < deadline)
                second = try observer.opened("brief", .receive)
            }
            #expect(second.created && second.capacity == Capacity.undecided)
        }
    }
}
