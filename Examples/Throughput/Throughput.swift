// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Channels
import Glibc

/// Messages of 64 bytes from one process to another through one buffered channel, in batches, counted and
/// checked: `throughput [MESSAGES]`, under `chanctl run` or with a daemon at hand.
///
/// `throughput inside [MESSAGES]` measures channels inside the process, one by one, without a daemon.
/// `throughput round-trips [COUNT]` measures one operation at a time, by a task in `client.run` and by the blocking
/// client; on one processor (`taskset -c 0 chanctl run -- ...`), or the scheduler decides.
@main
struct Throughput {
    /// Its own for each pair of processes: the receiver's number.
    private static let channel: String = {
        let owner = ThisProcess.environment("THROUGHPUT_ID") ?? "\(ThisProcess.pid)"
        return "throughput/\(owner)"
    }()
    private static let batch = 512

    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        do {
            if arguments.first == "inside" {
                try await inside(arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000)
            } else if arguments.first == "round-trips" {
                try await roundTrips(arguments.dropFirst().first.flatMap { Int($0) } ?? 20_000)
            } else if arguments.first == "send" {
                try await send(Int(arguments.last ?? "") ?? 0)
            } else {
                try await receive(arguments.first.flatMap { Int($0) } ?? 1_000_000)
            }
        } catch {
            print("throughput: \(error)")
            exit(1)
        }
    }

    private static func send(_ count: Int) async throws {
        let client = try await ChandClient.connect(name: "throughput send")
        try await client.run {
            let messages = try await client.channel(channel, capacity: 4096, of: [UInt8].self, role: .send)
            var next = 0
            while next < count {
                let end = min(next + batch, count)
                _ = try await messages.send(contentsOf: (next..<end).map(message))
                next = end
            }
            _ = try await messages.close()
        }
        await client.close()
    }

    private static func receive(_ count: Int) async throws {
        let client = try await ChandClient.connect(name: "throughput receive")
        var environment = ThisProcess.environment()
        environment["THROUGHPUT_ID"] = "\(ThisProcess.pid)"
        let sender = try ChildProcess.spawn(
            ThisProcess.executablePath(), arguments: ["send", "\(count)"], environment: environment)
        let began = MonotonicClock.now()
        try await client.run {
            let messages = try await client.channel(
                channel, capacity: 4096, of: [UInt8].self, role: .receive)
            var expected = 0
            for try await received in messages.readingAhead(batch) {
                guard received == message(expected) else { throw WrongMessage(number: expected) }
                expected += 1
            }
            guard expected == count else { throw WrongMessage(number: expected) }
        }
        let nanoseconds = MonotonicClock.now() - began
        _ = try sender.wait()
        await client.close()
        print(
            "\(count) messages of 64 bytes: \(UInt64(count) * 1_000_000_000 / max(1, nanoseconds)) a second")
    }

    /// A message sent and received by one client, over and over, in turns of both kinds of client.
    private static func roundTrips(_ count: Int) async throws {
        for _ in 0..<5 {
            let client = try await ChandClient.connect(name: "throughput tasks")
            let tasks = try await client.run {
                let messages = try await client.channel(channel, capacity: 1, of: [UInt8].self)
                let began = MonotonicClock.now()
                for number in 0..<count {
                    try await messages.send(message(number))
                    guard try await messages.receive() == message(number) else {
                        throw WrongMessage(number: number)
                    }
                }
                return MonotonicClock.now() - began
            }
            await client.close()
            let blocking = try blockingRoundTrips(count)
            print(
                "a round trip: \(tasks / UInt64(2 * count)) ns by a task, \(blocking / UInt64(2 * count)) ns blocking"
            )
        }
    }

    private static func blockingRoundTrips(_ count: Int) throws -> UInt64 {
        let client = try ChandClient.Blocking(name: "throughput blocking")
        let messages = try client.channel(channel, capacity: 1, of: [UInt8].self)
        let began = MonotonicClock.now()
        for number in 0..<count {
            try messages.send(message(number))
            guard try messages.receive() == message(number) else { throw WrongMessage(number: number) }
        }
        defer { client.close() }
        return MonotonicClock.now() - began
    }

    /// One producer and one consumer at two capacities.
    private static func inside(_ count: Int) async throws {
        for size in [0, 1024] {
            let channel = Chan<Int>(size: size)
            let began = MonotonicClock.now()
            let producer = go {
                for number in 0..<count { try await channel.send(number) }
                try await channel.close()
            }
            let consumer = go {
                var expected = 0
                for try await received in channel {
                    guard received == expected else { throw WrongMessage(number: expected) }
                    expected += 1
                }
            }
            try await producer.value
            try await consumer.value
            print("capacity \(size): \((MonotonicClock.now() - began) / UInt64(max(1, count))) ns a message")
        }
    }

    /// 64 bytes that say which message they are.
    @Sendable private static func message(_ number: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0x2E, count: 64)
        withUnsafeBytes(of: UInt64(number).littleEndian) { source in
            for index in 0..<8 { bytes[index] = source[index] }
        }
        return bytes
    }
}

private struct WrongMessage: Error {
    var number: Int
}
