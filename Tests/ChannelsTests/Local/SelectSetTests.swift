// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Channels
import Testing

/// Sets of operations that are under way (rules A10 to A15 and A20).
@Suite struct SelectSetTests {
    @Test func aSendAndAReceiveOfOneSetMeet() async throws {
        let channel = Chan<Int>()
        let set = SelectSet<String>()
        set.receive("in", from: channel)
        set.send("out", 3, to: channel)
        #expect(set.count == 2)
        var ids: Set<String> = []
        while let ended = try await set.select() {
            ids.insert(ended.id)
            if ended.id == "in" { #expect(ended.element() == 3) }
        }
        #expect(ids == ["in", "out"])
        #expect(set.isEmpty)
        // It can be used again, and others have nothing to do with it.
        set.receive("again", from: channel)
        #expect(try await SelectSet<Int>().select() == nil)
        try await channel.send(4)
        #expect(try await set.select()?.element(as: Int.self) == 4)
    }

    @Test func resultsComeInTheOrderOfTheirCompletion() async throws {
        let channels = (0..<5).map { _ in Chan<Int>() }
        let set = SelectSet<Int>()
        for (index, channel) in channels.enumerated() { set.receive(index, from: channel) }
        let order = [3, 0, 4, 1, 2]
        for index in order { try await channels[index].send(index * 10) }
        for index in order {
            let ended = try await set.select()
            #expect(ended?.id == index)
            #expect(ended?.element() == index * 10)
        }
    }

    @Test func idsMayBeAnythingAndTheSame() async throws {
        struct Key: Hashable, Sendable {
            let name: String
            let number: Int
        }
        let channels = (0..<2).map { _ in Chan<Int>(size: 1) }
        let set = SelectSet<Key>()
        let key = Key(name: "both", number: 7)
        for channel in channels { set.receive(key, from: channel) }
        for (index, channel) in channels.enumerated() { try await channel.send(index) }
        var received: Set<Int> = []
        while let ended = try await set.select() {
            #expect(ended.id == key)
            received.insert(try #require(ended.element(as: Int.self)))
        }
        #expect(received == [0, 1])
    }

    @Test func aFailureIsAValueAndLosesNothing() async throws {
        let (closed, open) = (Chan<Int>(), Chan<Int>(size: 1))
        let set = SelectSet<String>()
        set.receive("closed", from: closed)
        set.receive("open", from: open)
        try await closed.close()
        try await open.send(1)
        guard case .failed(let error) = try await set.select()?.outcome else {
            Issue.record("no failure")
            return
        }
        #expect(error is ChannelClosed)
        #expect(try await set.select()?.element(as: Int.self) == 1)
    }

    @Test func aDroppedSetGivesBack() async throws {
        let channel = Chan<Int>(size: 2)
        try await channel.send(1)
        var set: SelectSet<Int>? = SelectSet<Int>()
        set?.receive(0, from: channel)
        set?.receive(1, from: channel)
        #expect(try await channel.status().unsettled == 1)
        #expect(try await channel.status().waitingReceives == 1)
        #expect(set?.count == 2)
        set = nil
        #expect(try await channel.status().waitingReceives == 0)
        let message = try await channel.receiveMessage()
        #expect(message.element == 1)
        #expect(!message.isRedelivered)
    }

    @Test func waitingCanEndWithoutEffect() async throws {
        let channel = Chan<Int>()
        let set = SelectSet<Int>()
        set.receive(0, from: channel)
        await #expect(throws: ChandError.self) { try await set.select(timeout: .milliseconds(2)) }
        let task = Task { try await set.select()?.id }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        try await channel.send(1)
        #expect(try await set.select()?.element(as: Int.self) == 1)
    }

    @Test func farOperationsToo() async throws {
        try await withDaemon { _, client in
            let far = try await client.channel("far", capacity: 1, of: String.self)
            let near = Chan<Int>()
            var set: SelectSet<String>? = SelectSet<String>()
            set?.receive("near", from: near)
            set?.receive("far", from: far)
            try await far.send("hello")
            #expect(try await set?.select()?.element(as: String.self) == "hello")
            try await wait(for: far, "everything settled") { $0.settled == 1 }
            // What nobody asked for goes back.
            set?.receive("far", from: far)
            try await wait(for: far, "a receiver") { $0.waitingReceives == 1 }
            try await far.send("again")
            try await wait(for: far, "a delivery") { $0.unsettled == 1 }
            #expect(set?.count == 2)
            set = nil
            let message = try await far.receiveMessage()
            #expect(message.element == "again")
            #expect(!message.isRedelivered)
        }
    }
}
