// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Programs with the library that are killed, or stopped for a while, in the midst of a stream (rules 17 and 18).
@Suite struct ProcessFaultTests {
    private static let count = 40

    private static func open(_ agent: AgentProcess, _ name: String, sends: Bool) async throws -> Int {
        var open = AgentOpen(name)
        (open.sends, open.receives) = (sends, !sends)
        guard case .opened(let channel) = await agent.ask(.open(open)) else {
            throw LiveFailure("the agent could not open \(name)")
        }
        return channel
    }

    private static func element(_ message: Delivered.Message) -> UInt64 {
        message.bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }

    /// Takes all that is there; what comes, and whether marked.
    private static func drain(_ client: WireClient, _ handle: UInt32) throws -> [UInt64: Bool] {
        var found: [UInt64: Bool] = [:]
        while let delivered = try client.receive(handle, upTo: 7, timeout: 0).delivered {
            for message in delivered.messages {
                #expect(found.updateValue(message.redelivered, forKey: element(message)) == nil)
            }
            try client.settle(delivered.range)
        }
        return found
    }

    /// Waits until so many of the commands have had replies, in whatever order, and then kills the process.
    private static func replies(
        of agent: AgentProcess, to ids: [UInt64], count: Int
    ) async -> [UInt64: AgentReply.Result] {
        await withTaskGroup(of: (id: UInt64, result: AgentReply.Result?).self) { group in
            for id in ids { group.addTask { (id, await agent.reply(to: id)) } }
            var results: [UInt64: AgentReply.Result] = [:]
            if count == 0 { agent.kill() }
            for await (id, result) in group {
                guard let result else { continue }
                results[id] = result
                if results.count == count { agent.kill() }
            }
            return results
        }
    }

    /// A sender and a receiver stream to each other; one of them is killed after some replies, and the law holds.
    @Test(arguments: [Int64(0), 1, 4, Capacity.unbounded], [true, false])
    func killed(_ capacity: Int64, _ isSender: Bool) async throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        let observer = try WireClient(daemon.socketPath)
        let mine = try observer.open("work", .both, capacity: capacity)
        for replies in [1, 5, 20] {
            let acceptedBefore = try observer.inspect("work").accepted
            let sender = try await AgentProcess(daemon.socketPath)
            let receiver = try await AgentProcess(daemon.socketPath)
            let out = try await Self.open(sender, "work", sends: true)
            let into = try await Self.open(receiver, "work", sends: false)
            let base = UInt64(replies * 1000)
            let values = (0..<UInt64(Self.count)).map { base + $0 }
            let sends = values.map { sender.start(.send(channel: out, elements: [$0], wait: .forever)) }
            let receives = values.map { _ in receiver.start(.receive(channel: into, count: 1, wait: .forever))
            }
            var replied: [UInt64: AgentReply.Result] = [:]
            for id in (isSender ? sends : receives).prefix(replies) {
                replied[id] = await (isSender ? sender : receiver).reply(to: id)
            }
            // A reply is given once: to nobody who asks for it again.
            func reply(of agent: AgentProcess, _ id: UInt64, _ isKilled: Bool) async -> AgentReply.Result? {
                if isKilled, let known = replied[id] { return known }
                return await agent.reply(to: id)
            }
            (isSender ? sender : receiver).kill()
            var received: [UInt64: AgentReply.Result] = [:]
            if isSender {
                // What nobody sends any more nobody waits for: the rest of the receives is ended by their death.
                try observer.wait(for: "work", "no sender") { $0.sendHandles == 1 && $0.queued == 0 }
                let status = try observer.wait(for: "work", "nothing unsettled") { $0.unsettled == 0 }
                // Settled is not said: its tasks may still be about to reply.
                received = await Self.replies(
                    of: receiver, to: receives, count: Int(status.accepted - acceptedBefore))
            } else {
                try observer.wait(for: "work", "no receiver") { $0.receiveHandles == 1 }
            }
            var found = try Self.drain(observer, mine)
            var committed: Set<UInt64> = []
            for (value, id) in zip(values, sends) {
                if await reply(of: sender, id, isSender) == .sent(1, nil) { committed.insert(value) }
            }
            sender.kill()
            try observer.wait(for: "work", "only this session") {
                $0.sendHandles == 1 && $0.receiveHandles == 1
            }
            found.merge(try Self.drain(observer, mine)) { $1 }
            var seen: Set<UInt64> = []
            for id in receives {
                let known = received[id]
                let result = isSender ? known : await reply(of: receiver, id, true)
                guard case .received(let elements)? = result else { continue }
                for element in elements { #expect(seen.insert(element).inserted, "twice to one process") }
            }
            // What was handed to a task of a process that was killed before it could say so counts as settled (X34).
            if isSender { #expect(committed.subtracting(seen).subtracting(found.keys).isEmpty) }
            for value in seen where found[value] != nil { #expect(found[value] == true, "\(value) unmarked") }
            if !isSender { #expect(seen.count >= replies) }
            let status = try observer.inspect("work")
            #expect(status.accepted == status.settled && status.queued == 0 && status.unsettled == 0)
        }
        try daemon.stop()
    }

    /// A stopped process holds up nobody else, and what it had comes to it when it goes on.
    @Test(arguments: [Int64(0), 1, 4])
    func stopped(_ capacity: Int64) async throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        let observer = try WireClient(daemon.socketPath)
        let mine = try observer.open("work", .both, capacity: capacity)
        let other = try observer.open("other", capacity: 1)
        let agent = try await AgentProcess(daemon.socketPath)
        let into = try await Self.open(agent, "work", sends: false)
        let receives = (0..<3).map { _ in agent.start(.receive(channel: into, count: 1, wait: .forever)) }
        try observer.wait(for: "work", "three receivers") { $0.receiveWaiters == 3 }
        try agent.process.stop()
        for text in ["aaaaaaaa", "bbbbbbbb", "cccccccc"] { #expect(try observer.send(mine, text) == .sent) }
        try observer.wait(for: "work", "three deliveries") { $0.unsettled == 3 && $0.queued == 0 }
        // Others go on meanwhile.
        for _ in 0..<100 {
            #expect(try observer.send(other, "x") == .sent)
            let delivered = try #require(try observer.receive(other).delivered)
            try observer.settle(delivered.range)
        }
        #expect(try observer.inspect("work").unsettled == 3)
        try agent.process.kill(.resume)
        var got: [UInt64] = []
        for id in receives {
            guard case .received(let elements)? = await agent.reply(to: id) else {
                throw LiveFailure("the agent does not go on")
            }
            got += elements
        }
        #expect(got.sorted() == [0x6161_6161_6161_6161, 0x6262_6262_6262_6262, 0x6363_6363_6363_6363])
        try observer.wait(for: "work", "all settled") { $0.unsettled == 0 && $0.settled == 3 }
        let last = agent.start(.receive(channel: into, count: 1, wait: .forever))
        try observer.wait(for: "work", "a receiver") { $0.receiveWaiters == 1 }
        // Stopped again, and then killed: what it was given meanwhile comes back, marked.
        try agent.process.stop()
        #expect(try observer.send(mine, "dddddddd") == .sent)
        try observer.wait(for: "work", "a delivery") { $0.unsettled == 1 }
        agent.kill()
        #expect(await agent.reply(to: last) == nil)
        try observer.wait(for: "work", "it is back") { $0.queued == 1 && $0.receiveHandles == 1 }
        let delivered = try #require(try observer.receive(mine).delivered)
        #expect(delivered.texts == ["dddddddd"])
        #expect(delivered.messages.map(\.redelivered) == [true])
        try observer.settle(delivered.range)
        try daemon.stop()
    }
}
