// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChandConfig
import ChandServer
import Glibc
import Testing

/// The log, read back through a pipe.
struct LogTests {
    private static let noon: UInt64 = 1_769_860_800_007_000_000

    /// What a body writes, once the log is closed.
    private func written(
        level: LogLevel = .info, style: Log.Style = .journal, _ body: (Log) -> Void
    ) throws -> [String] {
        let (reading, writing) = try pipe()
        defer { close(reading) }
        let log = try Log(
            level: level, to: writing, style: style, clock: { Self.noon }, journal: { _ in false })
        body(log)
        log.close()
        close(writing)
        return try lines(of: reading)
    }

    private func pipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    private func lines(of fd: Int32) throws -> [String] {
        let text = String(decoding: try Transfer.readAll(fd), as: UTF8.self)
        return text.split(separator: "\n").map(String.init)
    }

    @Test func journalLinesCarryTheirPriority() throws {
        let lines = try written(level: .debug) { log in
            log.error("a")
            log.warning("b")
            log.info("c")
            log.debug("d")
        }
        #expect(lines == ["<3>chand: a", "<4>chand: b", "<6>chand: c", "<7>chand: d"])
    }

    /// A full disk, a log that nobody reads: what can't be written is lost, and what comes later is not (P10).
    @Test(arguments: [ENOSPC, EIO, EPIPE]) func whatCannotBeWritten(errno: Int32) throws {
        let plan = SystemFaults([.init(.write, errno: errno)])
        let lines = try plan.run {
            try written { log in
                log.info("lost")
                log.flush()
                log.info("kept")
            }
        }
        #expect(plan.forced == 1)
        #expect(lines == ["<6>chand: kept"])
    }

    /// The journal gets fields; only what it does not take is written as a line.
    @Test func theJournalGetsFields() throws {
        let (reading, writing) = try pipe()
        defer { close(reading) }
        let taken = Lock<[LogLine]>([])
        let log = try Log(level: .info, to: writing, style: .journal, clock: { Self.noon }) { line in
            taken.withLock { $0.append(line) }
            return line.event != nil
        }
        log.info("plain")
        log.write(.warning, "lost", event: .messagesLost, fields: [.channel("/pub/a"), .messages(3)])
        log.close()
        close(writing)
        #expect(try lines(of: reading) == ["<6>chand: plain"])
        let lines = taken.withLock { $0 }
        #expect(lines.map(\.text) == ["plain", "lost"])
        #expect(lines.last?.event == .messagesLost)
        #expect(lines.last?.fields.map(\.name) == ["CHAND_CHANNEL", "CHAND_MESSAGES"])
        #expect(lines.last?.fields.map(\.value) == ["/pub/a", "3"])
    }

    @Test func otherLinesCarryTheTime() throws {
        let lines = try written(style: .timestamps) { $0.warning("quota") }
        #expect(lines == ["2026-01-31T12:00:00.007Z chand warning: quota"])
    }

    @Test func outsideTheJournalThereAreTimestamps() throws {
        let (reading, writing) = try pipe()
        defer { for end in [reading, writing] { close(end) } }
        #expect(Log.Style.suited(to: writing) == .timestamps)
    }

    @Test func levelsBelowAreNotEvenMade() throws {
        var made = false
        func text() -> String {
            made = true
            return "x"
        }
        let lines = try written(level: .warning) { log in
            log.info(text())
            #expect(log.level == .warning)
            log.level = .error
            log.warning(text())
            log.error("y")
        }
        #expect(!made)
        #expect(lines == ["<3>chand: y"])
    }

    @Test func nobodyForgesALine() throws {
        let lines = try written { $0.info("name a\n<0>kernel: \u{1b}[2Jü\u{9b}") }
        #expect(lines == ["<6>chand: name a\\u{a}<0>kernel: \\u{1b}[2Jü\\u{9b}"])
    }

    @Test func longTextsAreCut() throws {
        let lines = try written { $0.info(String(repeating: "x", count: 100_000)) }
        #expect(lines.map(\.utf8.count) == [4096 + "<6>chand: ".utf8.count])
    }

    @Test func aStoppedReaderStopsNobodyAndWhatIsDroppedIsCounted() throws {
        let (reading, writing) = try pipe()
        try fill(writing)
        let log = try Log(
            level: .info, to: writing, style: .journal, capacity: 10, clock: { Self.noon },
            journal: { _ in false })
        // Nobody reads: had these to be written, this would never end.
        for number in 0..<1000 { log.info("line \(number)") }
        #expect(!log.flush(timeoutMilliseconds: 1))
        let collected = Lock<[UInt8]>([])
        let reader = try NativeThread.start(name: "reader") {
            let bytes = (try? Transfer.readAll(reading)) ?? []
            collected.withLock { $0 = bytes }
        }
        #expect(log.flush(timeoutMilliseconds: 60_000))
        log.close()
        close(writing)
        reader.join()
        close(reading)
        let text = String(decoding: collected.withLock { $0 }.drop { $0 == 0 }, as: UTF8.self)
        let lines = text.split(separator: "\n")
        let kept = lines.filter { $0.hasPrefix("<6>chand: line ") }
        let reports = lines.filter { $0.hasPrefix("<4>chand: ") }.compactMap {
            $0.split(separator: " ").dropFirst().first
        }
        #expect(kept.count < 1000)
        #expect(kept.first == "<6>chand: line 0")
        #expect(kept.count + reports.compactMap { Int($0) }.reduce(0, +) == 1000)
    }

    /// Writes zeros until the pipe takes no more.
    private func fill(_ fd: Int32) throws {
        let flags = fcntl(fd, F_GETFL)
        try #require(fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
        let zeros = [UInt8](repeating: 0, count: 4096)
        while write(fd, zeros, zeros.count) > 0 {}
        try #require(fcntl(fd, F_SETFL, flags) == 0)
    }

    @Test func flushWaitsForWhatWasWritten() throws {
        let (reading, writing) = try pipe()
        defer { close(reading) }
        let log = try Log(level: .info, to: writing, style: .journal, journal: { _ in false })
        log.info("x")
        #expect(log.flush())
        #expect(try UnixSocket.unreadBytes(reading) == "<6>chand: x\n".utf8.count)
        log.close()
        log.info("after the end")
        #expect(log.flush())
        close(writing)
        #expect(try lines(of: reading) == ["<6>chand: x"])
    }

    @Test func oneLinePerUserReasonAndMinute() throws {
        let minute: UInt64 = 60_000_000_000
        let lines = try written { log in
            for step in 0..<5 as Range<UInt64> {
                log.limited(
                    .warning, user: 1, reason: "quota", now: step, "quota of 1", event: .sessionRefused)
            }
            log.limited(.warning, user: 2, reason: "quota", now: 9, "quota of 2", event: .sessionRefused)
            log.limited(.warning, user: 1, reason: "slow", now: 9, "slow", event: .sessionRefused)
            log.limited(
                .warning, user: 1, reason: "quota", now: minute - 1, "quota of 1", event: .sessionRefused)
            log.limited(.warning, user: 1, reason: "quota", now: minute, "quota of 1", event: .sessionRefused)
            log.limited(
                .warning, user: 1, reason: "quota", now: minute + 1, "quota of 1", event: .sessionRefused)
            log.reportLeftOut(now: 2 * minute - 1)
            log.reportLeftOut(now: 2 * minute)
            log.reportLeftOut(now: 9 * minute)
            log.limited(.debug, user: 1, reason: "hidden", now: 9 * minute, "hidden", event: .sessionRefused)
        }
        #expect(
            lines == [
                "<4>chand: quota of 1",
                "<4>chand: quota of 2",
                "<4>chand: slow",
                "<4>chand: quota of 1 (and 5 more like this before)",
                "<4>chand: quota: 1 more of user 1",
            ])
    }

    @Test func manyUsersCostNoMoreMemory() throws {
        let lines = try written { log in
            for user in 0..<3000 as Range<UInt32> {
                log.limited(.warning, user: user, reason: "quota", now: 1, "quota", event: .sessionRefused)
                log.flush()
            }
            log.reportLeftOut(now: 61_000_000_000)
        }
        #expect(lines.count == 1024 + 1 + 1)
        #expect(lines.last == "<4>chand: other warnings: 1975 more of various users")
    }
}
