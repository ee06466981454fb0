// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Programs with the library that end by kill -9, while their tasks are in the midst of operations.
@Suite struct LibraryDeathTests {
    private static func open(_ agent: AgentProcess, _ open: AgentOpen) async throws -> Int {
        guard case .opened(let channel) = await agent.ask(.open(open)) else {
            throw LiveFailure("the agent could not open \(open.name)")
        }
        return channel
    }

    private static func run(
        _ body: (DaemonUnderTest) async throws -> Void
    ) async throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        try await body(daemon)
        try daemon.stop()
    }

    @Test func tasksThatWait() async throws {
        try await Self.run { daemon in
            let observer = try WireClient(daemon.socketPath)
            let names = ["empty", "full", "third"]
            let mine = try [0, 1, 0].enumerated().map { try observer.open(names[$0], capacity: Int64($1)) }
            #expect(try observer.send(mine[1], "12345678") == .sent)
            let agent = try await AgentProcess(daemon.socketPath)
            var theirs: [Int] = []
            for name in names { theirs.append(try await Self.open(agent, AgentOpen(name))) }
            let commands: [AgentCommand.Verb] = [
                .receive(channel: theirs[0], count: 1, wait: .forever),
                .receive(channel: theirs[0], count: 9, wait: .nanoseconds(3_600_000_000_000)),
                .send(channel: theirs[1], elements: [7], wait: .forever),
                .send(channel: theirs[1], elements: [8, 9, 10], wait: .forever),
                .select(cases: [.receive(theirs[0]), .send(11, theirs[2]), .never], wait: .forever),
            ]
            let ids = commands.map { agent.start($0) }
            try observer.wait(for: "empty", "three receivers") { $0.receiveWaiters == 3 }
            try observer.wait(for: "full", "two senders") { $0.sendWaiters == 2 }
            try observer.wait(for: "third", "a sender") { $0.sendWaiters == 1 }
            agent.kill()
            for id in ids { #expect(await agent.reply(to: id) == nil) }
            for name in names {
                try observer.wait(for: name, "nothing of the agent") {
                    $0.sendHandles == 1 && $0.sendWaiters == 0 && $0.receiveWaiters == 0
                }
            }
            #expect(try observer.inspect("full").queued == 1)
            #expect(try observer.send(mine[0], "x", timeout: 0).failure == .wouldBlock)
            #expect(try observer.receive(mine[2], timeout: 0).failure == .wouldBlock)
        }
    }

    /// X34: what reached a caller counts as settled; all that did not comes back, in order.
    @Test func receiverInTheMiddle() async throws {
        try await Self.run { daemon in
            let sender = try WireClient(daemon.socketPath)
            let out = try sender.open("work", .send, capacity: 100)
            for number in 0..<50 {
                let request = sender.request()
                let element = withUnsafeBytes(of: UInt64(number).littleEndian) { Array($0) }
                try sender.write(WireClient.sendFrame(request: request, handle: out, [element]))
                #expect(try sender.outcome(of: request) == .sent)
            }
            let agent = try await AgentProcess(daemon.socketPath)
            var open = AgentOpen("work")
            open.sends = false
            let channel = try await Self.open(agent, open)
            var got: [UInt64] = []
            while got.count < 20 {
                guard
                    case .received(let elements) = await agent.ask(
                        .receive(channel: channel, count: 3, wait: .forever))
                else { throw LiveFailure("the agent does not receive") }
                got += elements
            }
            agent.kill()
            let status = try sender.wait(for: "work", "no receiver") { $0.receiveHandles == 0 }
            #expect(status.unsettled == 0)
            let heir = try WireClient(daemon.socketPath)
            let rest = try heir.open("work", .receive)
            var left: [UInt64] = []
            while case .received(let delivered) = try heir.receive(rest, upTo: 9, timeout: 0) {
                for message in delivered.messages {
                    let element = message.bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                    // Settlements are written at the latest at the end of a turn, so only the last may come back.
                    if element < UInt64(got.count) { #expect(message.redelivered) }
                    left.append(element)
                }
                try heir.settle(delivered.range)
            }
            #expect(got == (0..<UInt64(got.count)).map { $0 })
            let first = try #require(left.first)
            #expect(first + 3 >= UInt64(got.count) && first <= UInt64(got.count))
            #expect(left == (first..<50).map { $0 })
        }
    }

    @Test func lastSenderClosesTheChannel() async throws {
        try await Self.run { daemon in
            let sender = try await AgentProcess(daemon.socketPath)
            let receiver = try await AgentProcess(daemon.socketPath)
            var open = AgentOpen("pipe", capacity: 4)
            open.closeWithLastSender = true
            open.sends = false
            let into = try await Self.open(receiver, open)
            (open.sends, open.receives) = (true, false)
            let out = try await Self.open(sender, open)
            #expect(await sender.ask(.send(channel: out, elements: [1, 2], wait: .forever)) == .sent(2, nil))
            #expect(
                await receiver.ask(.receive(channel: into, count: 9, wait: .forever)) == .received([1, 2]))
            let waits = receiver.start(.receive(channel: into, count: 1, wait: .forever))
            sender.kill()
            #expect(await receiver.reply(to: waits) == .failed(.closed))
            receiver.kill()
        }
    }

    /// The daemon ends under its clients: those who wait are told at once, and what was not known stays so.
    @Test func daemonDies() async throws {
        let daemon = try DaemonUnderTest()
        defer { daemon.kill() }
        let agent = try await AgentProcess(daemon.socketPath)
        let channel = try await Self.open(agent, AgentOpen("gone", capacity: 0))
        let ids = [
            agent.start(.receive(channel: channel, count: 1, wait: .forever)),
            agent.start(.select(cases: [.receive(channel)], wait: .forever)),
        ]
        let observer = try WireClient(daemon.socketPath)
        try observer.wait(for: "gone", "two receivers") { $0.receiveWaiters == 2 }
        try daemon.process.kill(.kill)
        for id in ids {
            let reply = await agent.reply(to: id)
            guard case .failed(.other(let text)) = reply else {
                Issue.record("\(String(describing: reply))")
                continue
            }
            #expect(text.contains("lost"), "\(text)")
        }
        agent.kill()
    }
}
