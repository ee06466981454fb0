// SPDX-License-Identifier: Apache-2.0

import AsyncAlgorithms
import Channels
import Glibc

/// Channels inside the process beside `AsyncChannel`, one producer and one consumer: `near [MESSAGES]`.
///
/// Prints a line a workload: who, what, nanoseconds and nanoseconds of CPU a message. The numbers are added up and
/// checked. `near.go` does the same with Go's channels, `run` prints all beside each other.
@main
struct Near {
    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        let count = arguments.first.flatMap { Int($0) } ?? 300_000
        let only = arguments.dropFirst().first
        await Task.detached {
            for size in [0, 1, 1024] where only == nil || only == "stream\(size)" {
                await measure("chand", "stream \(size)", count) { try await stream(size, count) }
            }
            if only == nil || only == "round" {
                await measure("chand", "round trip", count) { try await roundTrip(count) }
            }
            if only == nil || only == "select" {
                await measure("chand", "select of 2", count) { try await selectOfTwo(count) }
            }
            if only == nil || only == "async" {
                await measure("AsyncChannel", "stream 0", count) { await asyncChannel(count) }
            }
        }.value
    }

    private static func stream(_ size: Int, _ count: Int) async throws -> Int {
        let channel = Chan<Int>(size: size)
        async let produced: Void = {
            for number in 1...count { try await channel.send(number) }
            try await channel.close()
        }()
        var sum = 0
        for try await number in channel { sum &+= number }
        try await produced
        return sum
    }

    private static func roundTrip(_ count: Int) async throws -> Int {
        let there = Chan<Int>()
        let back = Chan<Int>()
        async let echoed: Void = {
            for try await number in there { try await back.send(number) }
        }()
        var sum = 0
        for number in 1...count {
            try await there.send(number)
            sum &+= try await back.receive()
        }
        try await there.close()
        try await echoed
        return sum
    }

    private static func selectOfTwo(_ count: Int) async throws -> Int {
        let left = Chan<Int>(size: 64)
        let right = Chan<Int>(size: 64)
        async let one: Void = { for number in 1...(count / 2) { try await left.send(number) } }()
        async let two: Void = { for number in (count / 2 + 1)...count { try await right.send(number) } }()
        var sum = 0
        for _ in 1...count {
            sum &+= try await select {
                receive(from: left) { $0 }
                receive(from: right) { $0 }
            }
        }
        _ = try await (one, two)
        return sum
    }

    private static func asyncChannel(_ count: Int) async -> Int {
        let channel = AsyncChannel<Int>()
        async let produced: Void = {
            for number in 1...count { await channel.send(number) }
            channel.finish()
        }()
        var sum = 0
        for await number in channel { sum &+= number }
        await produced
        return sum
    }

    private static func measure(
        _ who: String, _ what: String, _ count: Int, _ body: () async throws -> Int
    ) async {
        var times: [(wall: Double, cpu: Double)] = []
        for _ in 0..<5 {
            let (wall, cpu) = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
            let sum = try? await body()
            guard sum == count * (count + 1) / 2 else {
                print("\(who) \(what): the sum is wrong")
                exit(1)
            }
            times.append((seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu))
        }
        let wall = times.map(\.wall).sorted()[2] / Double(count) * 1e9
        let cpu = times.map(\.cpu).sorted()[2] / Double(count) * 1e9
        print("\(who)\t\(what)\t\(Int(wall))\t\(Int(cpu))")
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
