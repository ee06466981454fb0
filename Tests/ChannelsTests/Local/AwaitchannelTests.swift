// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Channels
import Testing

/// awaitchannel's examples, with the outcomes that theirs have (rule A18): in one process, and with a process a task.
@Suite struct AwaitchannelTests {
    private func lines(_ areProcesses: Bool, _ arguments: String...) async throws -> [String] {
        try await onThread {
            guard areProcesses else { return try outputLines(of: "awaitchannel", arguments) }
            let daemon = try DaemonUnderTest(.init([:]))
            defer { daemon.kill() }
            let lines = try outputLines(
                of: "awaitchannel", ["processes"] + arguments,
                environment: [SocketPath.environmentVariable: daemon.socketPath])
            try daemon.stop()
            return lines
        }
    }

    @Test(arguments: [false, true]) func future(areProcesses: Bool) async throws {
        #expect(try await lines(areProcesses, "future") == ["got 4"])
    }

    @Test(arguments: [false, true]) func sieve(areProcesses: Bool) async throws {
        let primes = (2..<300).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }
        #expect(primes.count == 62)
        #expect(try await lines(areProcesses, "sieve") == [primes.map(String.init).joined(separator: " ")])
    }

    @Test(arguments: [false, true]) func simple(areProcesses: Bool) async throws {
        let lines = try await lines(areProcesses, "simple", "10")
        let values = lines.filter { $0.contains(" got ") }.map {
            $0.split(separator: " ").last.map(String.init)
        }
        let expected = ["x", "y", "z"].flatMap { name in (0..<10).map { "\(name)\($0)" } }
        #expect(values.compactMap { $0 }.sorted() == expected.sorted())
        for name in ["A", "B", "C", "D"] { #expect(lines.count { $0 == "\(name) is done" } == 1) }
        #expect(lines.last == "closed")
    }

    @Test(arguments: [false, true]) func misc(areProcesses: Bool) async throws {
        let lines = try await lines(areProcesses, "misc")
        let consumed = lines.filter {
            $0.hasPrefix("iterated ") || $0.hasPrefix("first received ") || $0.hasPrefix("second received ")
        }
        let numbers = consumed.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
        #expect(numbers.sorted() == Array(1...20))
        for end in ["the iteration is done", "first is done", "second is done", "nothing is pending"] {
            #expect(lines.count { $0 == end } == 1)
        }
        #expect(
            lines.filter { $0.hasPrefix("select received") } == ["select received 3", "select received 5"])
        #expect(lines.count { $0 == "select has sent" } == 2)
        #expect(lines.count { $0 == "D 1" } == 1)
    }

    @Test(arguments: [false, true]) func blocking(areProcesses: Bool) async throws {
        let lines = try await lines(areProcesses, "blocking", "200")
        #expect(lines.count == 2)
        // A busy machine takes longer, never less long.
        let units = lines.compactMap { line in line.split(separator: " ").compactMap { Int($0) }.first }
        try #require(units.count == 2)
        #expect(units[0] >= 6)
        #expect(units[1] >= 3)
        #expect(units[1] < units[0])
    }
}
