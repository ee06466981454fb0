// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels

/// A client that goes on through every loss of its daemon: one task sends, one receives, until standard input ends.
///
/// Prints a line at each reconnection, and at the end how many there were and how often an operation was lost.
enum PersistentAgent {
    static func run(socket: String) async throws {
        let client = try await ChandClient.connect(to: socket, name: "persistent")
        let channel = try await client.channel(
            "load", capacity: 16, of: Int.self, options: ChannelOptions(rejoin: true))
        let reports = Task {
            var count = 0
            for await state in client.states {
                guard case .reconnected(let reconnection) = state else { continue }
                count += 1
                print("reconnected to \(reconnection.isSameDaemon ? "the same" : "another") daemon")
            }
            return count
        }
        let sender = Task { try await goingOn { number in try await channel.send(number) } }
        let receiver = Task { try await goingOn { _ in for try await _ in channel {} } }
        _ = try await runBlocking { try Transfer.readAll(0) }
        sender.cancel()
        receiver.cancel()
        let losses = try await sender.value + receiver.value
        reports.cancel()
        print("reconnections \(await reports.value), losses \(losses)")
        await client.close()
    }

    /// Repeats until the task is cancelled; that the connection is lost is no reason to end.
    private static func goingOn(_ step: (Int) async throws -> Void) async throws -> Int {
        var losses = 0
        var number = 0
        while !Task.isCancelled {
            do {
                try await step(number)
                number += 1
            } catch is CancellationError {
                break
            } catch let error as ChandError where error.code == .connectionLost {
                losses += 1
            }
        }
        return losses
    }
}
