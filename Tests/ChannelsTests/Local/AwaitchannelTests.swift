// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// awaitchannel's examples, with the outcomes that theirs have (rule A18).
@Suite struct AwaitchannelTests {
    private func lines(_ arguments: String...) async throws -> [String] {
        try await onThread {
            let directory = try Files.makeTemporaryDirectory(prefix: "awaitchannel-test")
            defer { try? Files.removeTree(directory) }
            let output = try Files.open(writing: "\(directory)/out")
            let process = try ChildProcess.spawn(
                try BuiltProgram.path("awaitchannel"), arguments: arguments, stdout: .descriptor(output.raw))
            defer { try? process.kill(.kill) }
            let status = try process.wait(timeoutMilliseconds: 60_000)
            guard status == .exited(0) else { throw LiveFailure("the example ended with \(status as Any)") }
            let text = String(decoding: try Files.read("\(directory)/out"), as: UTF8.self)
            return text.split(separator: "\n").map(String.init)
        }
    }

    @Test func future() async throws {
        #expect(try await lines("future") == ["got 4"])
    }

    @Test func sieve() async throws {
        let primes = (2..<300).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }
        #expect(primes.count == 62)
        #expect(try await lines("sieve") == [primes.map(String.init).joined(separator: " ")])
    }

    @Test func simple() async throws {
        let lines = try await lines("simple")
        let values = lines.filter { $0.contains(" got ") }.map {
            $0.split(separator: " ").last.map(String.init)
        }
        let expected = ["x", "y", "z"].flatMap { name in (0..<10).map { "\(name)\($0)" } }
        #expect(values.compactMap { $0 }.sorted() == expected.sorted())
        for name in ["A", "B", "C", "D"] { #expect(lines.count { $0 == "\(name) is done" } == 1) }
        #expect(lines.last == "closed")
    }

    @Test func misc() async throws {
        let lines = try await lines("misc")
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

    @Test func blocking() async throws {
        let lines = try await lines("blocking", "200")
        #expect(lines.count == 2)
        // A busy machine takes longer, never less long.
        let units = lines.compactMap { line in line.split(separator: " ").compactMap { Int($0) }.first }
        try #require(units.count == 2)
        #expect(units[0] >= 6)
        #expect(units[1] >= 3)
        #expect(units[1] < units[0])
    }
}
