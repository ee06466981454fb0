// SPDX-License-Identifier: Apache-2.0

import Channels
import Foundation
import Testing

/// What a user's module sees that is compiled without the feature NonisolatedNonsendingByDefault, which the library's has.
@Suite struct IsolationTests {
    /// Says with every element on which thread it was decoded.
    private struct WitnessCodec: ChanCodec {
        func encode(_ element: UInt, into message: inout MessageWriter) {}
        func decode(_ message: MessageBytes) -> UInt { currentThread() }
    }

    private static let count = 8

    private func filled(_ client: ChandClient, _ name: String) async throws -> Chan<UInt> {
        let threads = try await client.channel(name, capacity: .init(Self.count), codec: WitnessCodec())
        for _ in 0..<Self.count { try await threads.send(0) }
        try await threads.close()
        return threads
    }

    /// An iteration is where its consumer is: on the main actor, with its thread, known or through an existential.
    @Test func anIterationRunsWhereItsConsumerDoes() async throws {
        let daemon = try PrivateDaemon()
        let client = try await connected(to: daemon)
        try await Self.iterate(filled(client, "ahead").readingAhead(4))
        try await Self.iterateAny(filled(client, "any").readingAhead(4))
        await client.close()
    }

    @MainActor private static func iterate(_ threads: ReadAheadMessages<UInt>) async throws {
        let mine = currentThread()
        var taken = 0
        for try await thread in threads {
            #expect(thread == mine && currentThread() == mine)
            taken += 1
        }
        #expect(taken == count)
    }

    @MainActor private static func iterateAny(_ threads: any AsyncSequence<UInt, any Error>) async throws {
        let mine = currentThread()
        var taken = 0
        for try await thread in threads {
            #expect(thread == mine && currentThread() == mine)
            taken += 1
        }
        #expect(taken == count)
    }

    /// What waits, and what is cancelled, comes back to the actor that called.
    @Test func callsComeBackToTheirActor() async throws {
        let daemon = try PrivateDaemon()
        let client = try await connected(to: daemon)
        try await Self.call(client)
        await client.close()
    }

    @MainActor private static func call(_ client: ChandClient) async throws {
        let mine = currentThread()
        let channel = try await client.channel("calls", capacity: 1, of: Int.self)
        try await channel.send(1)
        #expect(currentThread() == mine)
        #expect(try await channel.receive() == 1 && currentThread() == mine)
        let waiting = Task { @MainActor in
            await #expect(throws: CancellationError.self) { try await channel.receive() }
            return currentThread()
        }
        while try await channel.status().waitingReceives < 1 {}
        waiting.cancel()
        #expect(await waiting.value == mine && currentThread() == mine)
    }
}

private func currentThread() -> UInt { UInt(pthread_self()) }
