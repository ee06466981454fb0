// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

@testable import Channels

/// Looking after channels, and what a client learns of its daemon.
@Suite struct LiveAdministrationTests {
    @Test func listing() async throws {
        try await withDaemon { _, client in
            var held: [Chan<Int>] = []
            for index in 0..<30 {
                held.append(try await client.channel("c/\(index)", capacity: index, of: Int.self))
            }
            var names: Set<String> = []
            for try await channel in client.list() { names.insert(channel.name) }
            #expect(names == Set(held.map(\.name)))
            var pages = 0
            var count = 0
            var cursor: ChannelPage.Cursor?
            repeat {
                let page = try await client.channels(from: cursor, count: 7)
                pages += 1
                count += page.channels.count
                cursor = page.next
            } while cursor != nil
            #expect(count == 30)
            #expect(pages >= 5)
        }
    }

    @Test func inspectingDescribingAndRemoving() async throws {
        try await withDaemon { _, client in
            let channel = try await client.channel(
                "c", capacity: 5, of: Int.self, options: ChannelOptions(typeTag: "Int", mode: 0o640))
            try await channel.send(contentsOf: [1, 2])
            let status = try await client.inspect("c")
            #expect(status.name == channel.name)
            #expect(status.capacity == .buffered(5))
            #expect(status.length == 2)
            #expect(status.queuedBytes == 16)
            #expect(status.mode == 0o640)
            #expect(status.typeTag == "Int")
            #expect(status.senders == 1)
            #expect(!status.isClosed)
            let empty = try await client.channel("empty", capacity: 0, of: Int.self)
            let task = Task { try await empty.receive() }
            try await wait(for: empty, "a receiver") { $0.waitingReceives == 1 }
            let parties = try await client.describe("empty")
            #expect(parties.count == 2)
            #expect(Set(parties.map(\.kind)) == [.handle, .waitingReceive])
            #expect(Set(parties.map(\.process)) == [ThisProcess.pid])
            #expect(Set(parties.map(\.session)) == [client.daemon.session])
            task.cancel()
            _ = await task.result
            try await client.remove("c")
            let error = await #expect(throws: ChandError.self) { _ = try await client.inspect("c") }
            #expect(error?.code == .noSuchChannel)
            #expect(error?.channel == "c")
            await #expect(throws: ChannelClosed.self) { try await channel.send(3) }
            #expect(try await channel.receive(upTo: 9) == [1, 2])
        }
    }

    @Test func pinging() async throws {
        try await withDaemon { _, client in
            let time = try await client.ping(Array(0..<200))
            #expect(time > .zero)
            #expect(client.daemon.session != 0)
            #expect(client.daemon.user == ThisProcess.uid)
        }
    }

    @Test func aDaemonThatEndsSaysSo() async throws {
        let daemon = try await onThread { try DaemonUnderTest() }
        defer { daemon.kill() }
        let client = try await ChandClient.connect(to: daemon.socketPath, reconnect: .never)
        let channel = try await client.channel("c", capacity: 0, of: Int.self)
        async let failure = #expect(throws: ChandError.self) { _ = try await channel.receive() }
        try await wait(for: channel, "a receiver") { $0.waitingReceives == 1 }
        try await onThread { try daemon.stop() }
        #expect(await failure?.code == .connectionLost)
        await #expect(throws: ChandError.self) { try await client.ping() }
    }

    @Test func manyClientsComeAndGo() async throws {
        let before = try ThisProcess.openDescriptors()
        try await withDaemon { daemon, _ in
            for _ in 0..<50 {
                let client = try await ChandClient.connect(to: daemon.socketPath)
                let channel = try await client.channel("c", capacity: 1, of: Int.self)
                try await channel.send(1)
                #expect(try await channel.receive() == 1)
                await client.close()
            }
            for _ in 0..<50 { _ = try await ChandClient.connect(to: daemon.socketPath) }
        }
        // Other tests open and close descriptors of their own meanwhile.
        #expect(try ThisProcess.openDescriptors() < before + 100)
    }
}
