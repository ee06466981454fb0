// SPDX-License-Identifier: Apache-2.0

import Channels
import Foundation
import Logging
import MetricsTestKit
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing

/// What the traits bring, with a live daemon.
@Suite struct TraitsTests {
    /// Kills the daemon and starts it again; returns when the client is connected again.
    private func restart(_ daemon: PrivateDaemon, _ client: ChandClient) async throws {
        var states = client.states.makeAsyncIterator()
        _ = await states.next()
        daemon.kill()
        guard case .disconnected = await states.next() else { throw NoSuchState() }
        try daemon.start()
        guard case .reconnected = await states.next() else { throw NoSuchState() }
    }

    @Test func aLoggerIsToldWhatHappens() async throws {
        let daemon = try PrivateDaemon()
        let client = try await connected(to: daemon)
        let sink = LogSink()
        client.log(to: Logger(label: "test") { _ in sink.handler })
        try await restart(daemon, client)
        await client.run { _ = usleep(300_000) }
        await client.run { _ = usleep(300_000) }
        _ = try await client.ping()
        await client.close()
        let messages = sink.lines.filter { $0.level > .debug }.map { "\($0.level): \($0.message)" }
        // Said once; earlier where the machine holds the thread up.
        let notice =
            "warning: tasks block the client's thread: what takes long belongs elsewhere, see runBlocking"
        #expect(messages.count { $0 == notice } == 1)
        #expect(
            messages.filter { $0 != notice } == [
                "info: connected", "warning: connection lost", "info: connected again",
                "info: connection closed",
            ])
        #expect(sink.lines.contains { $0.level == .debug && $0.metadata["attempt"] != nil })
        #expect(sink.lines.first?.metadata["socket"] == "\(daemon.socket)")
    }

    @Test func numbersAreCounted() async throws {
        let daemon = try PrivateDaemon()
        let client = try await connected(to: daemon)
        let metrics = TestMetrics()
        client.measure(dimensions: [("client", "test")], to: metrics)
        let jobs = try await client.channel("jobs", capacity: 8, of: Int.self)
        try await jobs.send(1)
        try await jobs.send(contentsOf: [2, 3])
        #expect(try await jobs.trySend(contentsOf: Array(4...20)) == 5)
        for _ in 0..<3 { _ = try await jobs.receive() }
        _ = try await jobs.receive(upTo: 8)
        #expect(try await select([send(9, to: jobs)]).index == 0)
        try await restart(daemon, client)
        await client.close()
        func total(_ label: String) throws -> Int64 {
            try metrics.expectCounter("chand_client_" + label, [("client", "test")]).totalValue
        }
        #expect(try total("sent") == 9)
        #expect(try total("received") == 8)
        #expect(try total("reconnects") == 1)
        let underWay = try metrics.expectMeter("chand_client_operations", [("client", "test")])
        #expect(underWay.values.contains(1) && underWay.lastValue == 0)
    }

    @Test func aServiceEndsWithItsGroup() async throws {
        let daemon = try PrivateDaemon()
        let client = try await connected(to: daemon)
        try await testGracefulShutdown { trigger in
            let service = Task { try await client.run() }
            _ = try await client.ping()
            trigger.triggerGracefulShutdown()
            try await service.value
        }
        let error = await #expect(throws: ChandError.self) { try await client.ping() }
        #expect(error?.code == .clientClosed)
    }

    @Test func aServiceFailsWithItsConnection() async throws {
        let daemon = try PrivateDaemon()
        let first = try await connected(to: daemon)
        await first.close()
        let client = try await ChandClient.connect(to: daemon.socket, reconnect: .never)
        let service = Task { try await client.run() }
        daemon.kill()
        let error = await #expect(throws: ChandError.self) { try await service.value }
        #expect(error?.code == .connectionLost)
    }

    @Test func theArticlesGroup() async throws {
        let daemon = try PrivateDaemon()
        let client = try await connected(to: daemon)
        let worker = Worker(client: client)
        client.log(to: Logger(label: "jobs"))
        client.measure(dimensions: [("client", "jobs")])
        let group = ServiceGroup(services: [client, worker], logger: Logger(label: "service"))
        async let ended: Void = group.run()
        try await worker.jobs.send(1)
        await group.triggerGracefulShutdown()
        try await ended
    }
}

/// A service that uses the client until it is shut down.
private struct Worker: Service {
    let client: ChandClient
    let jobs = Chan<Int>()

    func run() async throws {
        _ = try await jobs.receive()
        try await gracefulShutdown()
        // Shut down before the client, so it is still there.
        _ = try await client.ping()
    }
}

private struct NoSuchState: Error {}

/// What was logged.
///
/// Unchecked: the lines are touched only with the lock held.
private final class LogSink: @unchecked Sendable {
    struct Line {
        var level: Logger.Level
        var message: String
        var metadata: Logger.Metadata
    }

    private let lock = NSLock()
    private var all: [Line] = []
    var lines: [Line] { lock.withLock { all } }
    var handler: Handler { Handler(sink: self) }

    struct Handler: LogHandler {
        let sink: LogSink
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            sink.lock.withLock {
                sink.all.append(
                    Line(level: event.level, message: "\(event.message)", metadata: event.metadata ?? [:]))
            }
        }
    }
}
