// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// Rule 26 over the socket: unnamed channels, and channels that messages pass.
@Suite(.blocking) struct PassingTests {
    /// The reply channel of a request is of use to another process, and ends with it.
    @Test func requestAndReplyBetweenProcesses() throws {
        try DaemonUnderTest.run { daemon in
            let server = try ClientProcess(daemon.socketPath)
            let questions = try server.client.open("ask", .receive, capacity: 1)
            let client = try WireClient(daemon.socketPath)
            let ask = try client.open("ask", .send)
            let reply = try client.opened("$", .receive, capacity: 1) { $0.closeWithLastSender = true }
            #expect(reply.created && reply.name.utf8.count == 23)
            let sender = try client.open(reply.name, .send)
            for number in 0..<2 {
                let listed = [ListedChannel(handle: sender, role: .send)]
                #expect(try client.send(ask, "\(number)", passing: listed) == .sent)
                let delivered = try #require(try server.client.receive(questions).delivered)
                let offered = try #require(delivered.messages.first?.offered.first)
                #expect(offered.role == .send && offered.capacity == 1)
                #expect(offered.name == reply.name.prefix(7) + "...")
                if number == 1 { break }
                try server.client.settle(delivered.range)
                #expect(try server.client.send(offered.handle, "answer") == .sent)
                #expect(try client.receive(reply.handle).delivered?.texts == ["answer"])
                try client.settle(DeliveryRange(handle: reply.handle, first: 1, count: 1))
                try server.client.closeHandle(offered.handle)
            }
            try client.closeHandle(sender)
            let waiting = try client.startReceive(reply.handle)
            try server.kill()
            // The question is in its channel again, and holds the reply channel, until somebody takes it and dies.
            try client.wait(for: "ask", "the question back") { $0.queued == 1 }
            let again = try ClientProcess(daemon.socketPath)
            let heir = try again.client.open("ask", .receive)
            let delivered = try #require(try again.client.receive(heir).delivered)
            try again.client.settle(delivered.range)
            try again.client.ping()
            try again.kill()
            #expect(try client.outcome(of: waiting).failure == .closed)
        }
    }

    /// A message that is written from where it lies has its channels behind it, in a select too.
    @Test func largeMessagesAndSelects() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let channel = try client.open("c", capacity: 4)
            let passed = try client.open("passed", capacity: 1) { $0.typeTag = "text" }
            let large = String(repeating: "x", count: 100_000)
            let both = [
                ListedChannel(handle: passed, role: .both), ListedChannel(handle: channel, role: .send),
            ]
            #expect(try client.send(channel, large, passing: both) == .sent)
            let request = try client.startSelect(.receive(channel))
            let delivered = try #require(try client.outcome(of: request).delivered)
            #expect(delivered.texts == [large])
            #expect(
                delivered.messages.first?.offered.map(\.name) == [
                    "/uid/\(try uid(client))/passed", "/uid/\(try uid(client))/c",
                ])
            #expect(delivered.messages.first?.offered.map(\.typeTag) == ["text", ""])
            #expect(delivered.messages.first?.offered.map(\.role) == [.both, .send])
        }
    }

    private func uid(_ client: WireClient) throws -> UInt32 { try #require(client.welcome).uid }

    /// Nobody is shown what would open it, and no log says it.
    @Test func namesAreKept() throws {
        try DaemonUnderTest.run { daemon in
            let client = try WireClient(daemon.socketPath)
            let opened = try client.opened("$", capacity: 1)
            let status = try client.inspect(opened.name)
            #expect(status.name == opened.name.prefix(7) + "...")
            #expect(try client.opened(opened.name).generation == opened.generation)
            var unknown = Array(opened.name)
            unknown[5] = unknown[5] == "A" ? "B" : "A"
            #expect(throws: LiveFailure.self) { try client.open(String(unknown)) }
            #expect(!daemon.log.text.contains(opened.name))
        }
    }
}
