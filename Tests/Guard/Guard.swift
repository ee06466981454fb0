// SPDX-License-Identifier: Apache-2.0

import Channels
import Glibc

/// A fixed number of messages of 64 bytes through one channel and back to the same client, whose instructions are counted:
/// `chand-guard single|batch|tasks|select|fan MESSAGES`.
///
/// One request is under way at a time, or one turn's, so that every run does the same.
@main
struct Guard {
    private static let batch = 512
    private static let bytes = 64

    static func main() async {
        do {
            try await run(CommandLine.arguments)
        } catch {
            _ = "chand-guard: \(error)\n".withCString { write(2, $0, strlen($0)) }
            exit(error is WrongUse ? 2 : 1)
        }
    }

    private static func run(_ words: [String]) async throws {
        guard words.count == 3, let count = Int(words[2]), count > 0, count % batch == 0 else {
            throw WrongUse(
                description:
                    "usage: chand-guard single|batch|tasks|select|fan MESSAGES, a multiple of \(batch)")
        }
        switch words[1] {
        case "single": try single(count)
        case "batch": try await batches(count)
        case "tasks": try await tasks(count)
        case "select": try await select(count)
        case "fan": try await fan(count)
        default: throw WrongUse(description: "no way to send: \(words[1])")
        }
    }

    private static let message = MessageBytes([UInt8](repeating: 0x2E, count: bytes))

    private static func check(_ received: MessageBytes?) throws {
        guard received?.count == bytes else { throw WrongMessage() }
    }

    /// The blocking client, each message on its own.
    private static func single(_ count: Int) throws {
        let client = try ChandClient.Blocking(name: "guard")
        let channel = try client.channel("guard", capacity: 1, of: MessageBytes.self)
        for _ in 0..<count {
            try channel.send(message)
            try check(try channel.receive())
        }
        client.close()
    }

    /// A task of the client's own thread: batches, and an iterator that reads ahead.
    private static func batches(_ count: Int) async throws {
        let client = try await ChandClient.connect(name: "guard")
        try await client.run {
            let channel = try await client.channel("guard", capacity: batch, of: MessageBytes.self)
            let messages = [MessageBytes](repeating: message, count: batch)
            var incoming = channel.readingAhead(batch).makeAsyncIterator()
            for _ in 0..<count / batch {
                try await channel.send(contentsOf: messages)
                for _ in 0..<batch { try check(try await incoming.next()) }
            }
        }
        await client.close()
    }

    /// 64 tasks that send one message at a time, and another client that reads ahead.
    private static func tasks(_ count: Int) async throws {
        let sender = try await ChandClient.connect(name: "guard")
        let receiver = try await ChandClient.connect(name: "guard2")
        let channel = try await sender.channel("guard", capacity: batch, of: MessageBytes.self)
        let received = Task {
            try await receiver.run {
                let channel = try await receiver.channel("guard", of: MessageBytes.self)
                for try await received in channel.readingAhead(batch / 2) { try check(received) }
            }
        }
        while try await channel.status().waitingReceives < 1 {}
        try await sender.run {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<64 {
                    group.addTask { for _ in 0..<count / 64 { try await channel.send(message) } }
                }
                try await group.waitForAll()
            }
        }
        try await channel.close()
        try await received.value
        await sender.close()
        await receiver.close()
    }

    /// Batches into one channel that four clients read ahead.
    private static func fan(_ count: Int) async throws {
        let sender = try await ChandClient.connect(name: "guard")
        let channel = try await sender.channel("guard", capacity: batch, of: MessageBytes.self)
        let messages = [MessageBytes](repeating: message, count: batch)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    let client = try await ChandClient.connect(name: "guard\(number)")
                    try await client.run {
                        let channel = try await client.channel("guard", of: MessageBytes.self)
                        for try await received in channel.readingAhead(batch / 4) { try check(received) }
                    }
                    await client.close()
                }
            }
            while try await channel.status().waitingReceives < 4 {}
            for _ in 0..<count / batch { try await channel.send(contentsOf: messages) }
            try await channel.close()
            try await group.waitForAll()
        }
        await sender.close()
    }

    /// Batches into eight channels, and selects over all of them, many in a turn.
    private static func select(_ count: Int) async throws {
        let client = try await ChandClient.connect(name: "guard")
        try await client.run {
            let share = batch / 8
            var channels: [Chan<MessageBytes>] = []
            for number in 0..<8 {
                channels.append(
                    try await client.channel("guard\(number)", capacity: share, of: MessageBytes.self))
            }
            let cases = channels.map { receive(from: $0) }
            let messages = [MessageBytes](repeating: message, count: share)
            for _ in 0..<count / batch {
                for channel in channels { try await channel.send(contentsOf: messages) }
                var left = batch
                while left > 0 {
                    for winner in try await Channels.select(upTo: left, cases) {
                        try check(winner.element(as: MessageBytes.self))
                        left -= 1
                    }
                }
            }
        }
        await client.close()
    }
}

private struct WrongMessage: Error, CustomStringConvertible {
    var description: String { "a wrong message came" }
}

private struct WrongUse: Error, CustomStringConvertible {
    let description: String
}
