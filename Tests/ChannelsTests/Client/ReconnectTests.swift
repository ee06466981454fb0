// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels
import Testing

/// A client whose daemon goes and comes back.
@Suite struct ReconnectTests {
    /// A daemon that can be ended and started again on the same socket.
    private final class Restartable: @unchecked Sendable {
        private(set) var daemon: DaemonUnderTest
        private let directory: String
        var path: String { daemon.socketPath }

        init() async throws {
            let directory = try Files.makeTemporaryDirectory(prefix: "chand-again")
            self.directory = directory
            daemon = try await onThread { try DaemonUnderTest(.init(directory: directory)) }
        }

        deinit {
            daemon.kill()
            // The daemons leave it, since it was given to them.
            try? Files.removeTree(directory)
        }

        /// Ends the daemon without a word.
        func kill() async throws {
            try daemon.process.kill(.kill)
            _ = try await onThread { [daemon] in try daemon.waitForExit() }
        }

        /// Ends it in order.
        func stop() async throws {
            try daemon.process.kill(.terminate)
            _ = try await onThread { [daemon] in try daemon.waitForExit() }
        }

        func start() async throws {
            daemon = try await onThread { [directory] in try DaemonUnderTest(.init(directory: directory)) }
        }
    }

    private func code(_ body: @Sendable () async throws -> Void) async -> ChandError.Code? {
        await #expect(throws: ChandError.self) { try await body() }?.code
    }

    /// Waits until a client's connection is lost.
    private func loss(of client: ChandClient) async {
        for await state in client.states {
            if case .disconnected = state { return }
        }
    }

    /// Waits until a client is connected again.
    private func reconnection(of client: ChandClient) async throws -> Reconnection {
        for await state in client.states {
            if case .reconnected(let reconnection) = state { return reconnection }
        }
        throw LiveFailure("the client gave up")
    }

    @Test(arguments: [true, false]) func whatWasUnderWayFailsAndTheRestGoesOn(isKilled: Bool) async throws {
        let restartable = try await Restartable()
        let client = try await ChandClient.connect(to: restartable.path)
        var options = ChannelOptions(mustCreate: true, rejoin: true)
        let again = try await client.channel("again", capacity: 2, of: String.self, options: options)
        options = ChannelOptions(mustCreate: true)
        let once = try await client.channel("once", capacity: 2, of: String.self, options: options)
        try await again.send("old")
        _ = try await again.receive()
        async let received = code { _ = try await again.receive() }
        async let selecting = code { _ = try await select([receive(from: once), receive(from: again)]) }
        async let waiting = code { try await again.waitUntilClosed() }
        try await wait(for: again, "three that wait") { $0.waitingReceives == 2 }
        let first = client.daemon
        if isKilled { try await restartable.kill() } else { try await restartable.stop() }
        #expect(await received == .connectionLost)
        #expect(await selecting == .connectionLost)
        #expect(await waiting == .connectionLost)
        await loss(of: client)
        #expect(await code { try await once.send("x") } == .channelGone)
        async let ping = client.ping()
        async let sent: Void = again.send("new")
        async let batch = again.send(contentsOf: ["a", "b", "c"])
        try await restartable.start()
        let reconnection = try await reconnection(of: client)
        try await sent
        _ = try await ping
        var got: [String] = []
        for _ in 0..<4 { got.append(try await again.receive()) }
        #expect(try await batch == 3)
        #expect(got.sorted() == ["a", "b", "c", "new"])
        #expect(!reconnection.isSameDaemon)
        #expect(reconnection.daemon == client.daemon && client.daemon.instance != first.instance)
        #expect(reconnection.channels.map(\.name) == [again.name])
        #expect(reconnection.channels.first?.generation == again.generation)
        #expect(reconnection.channels.first?.wasCreated == true)
        #expect(try await again.capacity == .buffered(2))
        let gone = await #expect(throws: ChandError.self) { _ = try await once.receive() }
        #expect(gone?.code == .channelGone && gone?.channel == once.name)
        let anew = try await client.channel("once", capacity: 2, of: String.self, options: options)
        try await anew.send("x")
        await client.close()
    }

    @Test func anIterationEndsAndAnotherBegins() async throws {
        let restartable = try await Restartable()
        let client = try await ChandClient.connect(to: restartable.path)
        let channel = try await client.channel(
            "c", capacity: 9, of: Int.self, options: ChannelOptions(rejoin: true))
        try await channel.send(contentsOf: [1, 2, 3, 4])
        var plain = channel.makeAsyncIterator()
        var batches = channel.batches(of: 1).makeAsyncIterator()
        var leases = channel.leases().makeAsyncIterator()
        var ahead = channel.readingAhead(4).makeAsyncIterator()
        #expect(try await plain.next() == 1)
        #expect(try await batches.next() == [2])
        let lease = try await leases.next()
        #expect(lease?.element == 3)
        #expect(try await ahead.next() == 4)
        try await restartable.kill()
        await loss(of: client)
        try await restartable.start()
        _ = try await reconnection(of: client)
        try await channel.send(contentsOf: [5, 6, 7, 8])
        for _ in 0..<2 {
            await #expect(throws: ChandError.self) { try await plain.next() }
            await #expect(throws: ChandError.self) { try await batches.next() }
            await #expect(throws: ChandError.self) { _ = try await leases.next() }
            await #expect(throws: ChandError.self) { try await ahead.next() }
        }
        #expect(await code { try await lease?.done() } == .connectionLost)
        #expect(await code { try await lease?.extend(by: .seconds(1)) } == .leaseExpired)
        #expect(try await channel.status().length == 4)
        var got: [Int] = []
        for try await element in channel.readingAhead(2) {
            got.append(element)
            if got.count == 4 { break }
        }
        #expect(got == [5, 6, 7, 8])
        await client.close()
    }

    @Test func aDroppedLeaseOfAnOldSessionSaysNothing() async throws {
        let restartable = try await Restartable()
        let client = try await ChandClient.connect(to: restartable.path)
        let channel = try await client.channel(
            "c", capacity: 9, of: Int.self, options: ChannelOptions(rejoin: true))
        try await channel.send(1)
        var lease: Lease<Int>? = try await channel.lease()
        try await restartable.kill()
        await loss(of: client)
        try await restartable.start()
        _ = try await reconnection(of: client)
        try await channel.send(2)
        let mine = try await channel.lease()
        // Its number is the same as that of the lease in the new session.
        withExtendedLifetime(lease) {}
        lease = nil
        try await client.ping()
        #expect(try await channel.status().leased == 1)
        try await mine.done()
        await client.close()
    }

    @Test func aDaemonThatStaysAway() async throws {
        let restartable = try await Restartable()
        let client = try await ChandClient.connect(
            to: restartable.path, reconnect: .automatic(waiting: .milliseconds(50)))
        let channel = try await client.channel("c", of: String.self, options: ChannelOptions(rejoin: true))
        try await restartable.kill()
        await loss(of: client)
        #expect(await code { try await channel.send("x") } == .connectionLost)
        #expect(await code { _ = try await channel.trySend("x") } == .connectionLost)
        #expect(await code { _ = try await channel.receive(timeout: .milliseconds(1)) } == .timeout)
        let winner = try await select([receive(from: channel)], timeout: .milliseconds(1))
        #expect(winner == nil)
        let waiting = Task { try await channel.receive() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        async let closed = code { try await client.ping() }
        await client.close()
        let last = await closed
        #expect(last == .clientClosed || last == .connectionLost)
        #expect(await code { try await channel.send("x") } == .clientClosed)
        var states: [ConnectionState] = []
        for await state in client.states { states.append(state) }
        guard case .closed? = states.last, states.count == 1 else { throw LiveFailure("\(states)") }
    }

    @Test func neverMeansNever() async throws {
        let restartable = try await Restartable()
        let client = try await ChandClient.connect(to: restartable.path, reconnect: .never)
        let channel = try await client.channel("c", of: String.self, options: ChannelOptions(rejoin: true))
        var states = client.states.makeAsyncIterator()
        guard case .connected? = await states.next() else { throw LiveFailure("not connected") }
        try await restartable.kill()
        guard case .closed(let error)? = await states.next() else { throw LiveFailure("not closed") }
        #expect(error.code == .connectionLost)
        #expect(await states.next() == nil)
        try await restartable.start()
        #expect(await code { try await channel.send("x") } == .connectionLost)
        await client.close()
    }

    @Test func manyTasksOverSeveralRestarts() async throws {
        let restartable = try await Restartable()
        let client = try await ChandClient.connect(
            to: restartable.path, reconnect: .automatic(waiting: .seconds(60)))
        let channel = try await client.channel(
            "c", capacity: 4, of: Int.self, options: ChannelOptions(rejoin: true))
        var states = client.states.makeAsyncIterator()
        _ = await states.next()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<20 {
                group.addTask {
                    var rounds = 0
                    while true {
                        do {
                            if rounds >= 100, try await channel.status().isClosed { return }
                            if task % 2 == 0 {
                                try await channel.send(task, timeout: .milliseconds(5))
                            } else {
                                _ = try await channel.receive(timeout: .milliseconds(5))
                            }
                        } catch let error as ChandError {
                            guard error.code == .connectionLost || error.code == .timeout else { throw error }
                        } catch is ChannelClosed {
                            return
                        }
                        rounds += 1
                    }
                }
            }
            for _ in 0..<3 {
                try await restartable.kill()
                guard case .disconnected? = await states.next() else { throw LiveFailure("not lost") }
                try await restartable.start()
                guard case .reconnected? = await states.next() else { throw LiveFailure("not back") }
            }
            try await channel.close()
            try await group.waitForAll()
        }
        await client.close()
    }

    @Test func whatIsReleasedIsNotOpenedAgain() async throws {
        let restartable = try await Restartable()
        let client = try await ChandClient.connect(to: restartable.path)
        let options = ChannelOptions(rejoin: true)
        let released = try await client.channel("released", of: Int.self, options: options)
        do { _ = try await client.channel("dropped", of: Int.self, options: options) }
        let kept = try await client.channel("kept", of: Int.self, options: options)
        try await restartable.kill()
        await loss(of: client)
        await released.release()
        try await restartable.start()
        #expect(try await reconnection(of: client).channels.map(\.name) == [kept.name])
        var names: [String] = []
        for try await status in client.list() { names.append(status.name) }
        #expect(names == [kept.name])
        await client.close()
    }
}
