// SPDX-License-Identifier: Apache-2.0

public import ChanSystem
public import ChandConfig
import Glibc
import Synchronization
import Systemd

/// The daemon's log: lines on standard error that never make the caller wait.
///
/// A line goes into a bounded queue that a thread of its own drains, since standard error may be a terminal
/// that somebody has stopped or a journal that is busy. What does not fit is counted, and the count is
/// written as soon as there is room. Any thread may write.
public final class Log: Sendable {
    /// How a line begins.
    public enum Style: Sendable {
        /// Entries with fields by the journal's own socket; where that fails, `<4>chand: text` on standard
        /// error, as systemd reads the priority from it. The journal knows the time itself.
        case journal
        /// `2026-01-31T12:00:00.000Z chand warning: text`.
        case timestamps

        /// What suits a descriptor: the journal's where it is the one that systemd connected to the journal.
        public static func suited(to descriptor: Int32) -> Style {
            let stream = ThisProcess.environment("JOURNAL_STREAM")
            return Journal.isConnected(descriptor, stream: stream) ? .journal : .timestamps
        }
    }

    private let threshold: Atomic<Int>
    private let queue: ConditionLock<LogQueue>
    private let limiter = Lock(LogLimiter())
    private let clock: @Sendable () -> UInt64
    private let thread: NativeThread

    /// Starts a log.
    ///
    /// - Parameters:
    ///   - level: This and everything more important is written.
    ///   - descriptor: Where to; it stays the caller's, and open until ``close()``.
    ///   - style: How lines begin; by default what suits the descriptor.
    ///   - capacity: How many lines wait at most.
    ///   - clock: The time of day in nanoseconds since 1970.
    ///   - journal: What takes the entries of ``Style/journal``, and says whether it did.
    /// - Throws: The system has no room for a thread.
    public init(
        level: LogLevel, to descriptor: Int32 = 2, style: Style? = nil, capacity: Int = 1024,
        clock: @escaping @Sendable () -> UInt64 = { WallClock.now() },
        journal: @escaping @Sendable (LogLine) -> Bool = { $0.sendToJournal() }
    ) throws(SystemError) {
        threshold = Atomic(level.priority)
        self.clock = clock
        let queue = ConditionLock(LogQueue(capacity: capacity))
        self.queue = queue
        let style = style ?? .suited(to: descriptor)
        thread = try NativeThread.start(name: "chand-log") {
            while case .batch(let batch) = queue.wait(for: { $0.next() }) {
                let bytes = batch.bytes(style: style, journal: journal)
                bytes.withUnsafeBytes { bytes in
                    // A log that can't be written has nobody to tell.
                    do throws(SystemError) { try Transfer.writeAll(descriptor, bytes) } catch {}
                }
                queue.withLock { $0.writing = false }
                queue.broadcast()
            }
        }
    }

    deinit { close() }

    /// How much is written; may be changed while the daemon runs.
    public var level: LogLevel {
        get {
            let priority = threshold.load(ordering: .relaxed)
            return LogLevel.allCases.first { $0.priority == priority } ?? .info
        }
        set { threshold.store(newValue.priority, ordering: .relaxed) }
    }

    /// Writes one line, if its level is written; the text is made only then.
    public func write(
        _ level: LogLevel, _ text: @autoclosure () -> String, event: LogEvent? = nil,
        fields: [LogField] = []
    ) {
        guard level.priority <= threshold.load(ordering: .relaxed) else { return }
        let line = LogLine(time: clock(), level: level, text: text(), event: event, fields: fields)
        queue.withLock { $0.append(line) }
        queue.broadcast()
    }

    /// Something failed and somebody has to act.
    public func error(_ text: @autoclosure () -> String, event: LogEvent? = nil) {
        write(.error, text(), event: event)
    }

    /// Something was refused, skipped or dropped.
    public func warning(_ text: @autoclosure () -> String, event: LogEvent? = nil) {
        write(.warning, text(), event: event)
    }

    /// Something an operator wants to know.
    public func info(_ text: @autoclosure () -> String, event: LogEvent? = nil) {
        write(.info, text(), event: event)
    }

    /// Something a developer wants to know.
    public func debug(_ text: @autoclosure () -> String) { write(.debug, text()) }

    /// Writes one line per user, reason and minute; what is left out is counted and said later.
    ///
    /// For whatever a client can cause again and again.
    /// - Parameters:
    ///   - user: Who caused it.
    ///   - reason: What happened, always in the same words: the key of the limit.
    ///   - now: An instant of `MonotonicClock`.
    public func limited(
        _ level: LogLevel, user: UInt32, reason: String, now: UInt64, _ text: @autoclosure () -> String,
        event: LogEvent, fields: [LogField] = []
    ) {
        guard level.priority <= threshold.load(ordering: .relaxed) else { return }
        let key = LogLimiter.Key(user: user, reason: reason)
        guard let leftOut = limiter.withLock({ $0.admit(key, level: level, now: now) }) else { return }
        write(
            level, leftOut == 0 ? text() : "\(text()) (and \(leftOut) more like this before)",
            event: event, fields: fields)
    }

    /// Says what ``limited(_:user:reason:now:_:)`` left out in minutes that are over; due about once a
    /// minute.
    public func reportLeftOut(now: UInt64) {
        for (key, entry) in limiter.withLock({ $0.expire(now: now) }) {
            let user = key == .others ? "various users" : "user \(key.user)"
            write(entry.level, "\(key.reason): \(entry.leftOut) more of \(user)")
        }
    }

    /// Blocks until everything written so far is out, or the time is over; says whether it is.
    @discardableResult
    public func flush(timeoutMilliseconds: UInt64 = 1000) -> Bool {
        let deadline = MonotonicClock.deadline(milliseconds: timeoutMilliseconds)
        return queue.wait(until: deadline) { $0.isIdle ? true : nil } ?? false
    }

    /// Writes what is queued, waiting a second at most, and ends the log; lines that come later are dropped.
    public func close() {
        queue.withLock { $0.closed = true }
        queue.broadcast()
        // The thread is left to itself where its descriptor takes nothing: the daemon must be able to end.
        if flush() { thread.join() }
    }
}

/// One line before it is formatted, which is the log thread's work.
public struct LogLine: Sendable {
    let time: UInt64
    /// How important it is.
    public let level: LogLevel
    /// What it says.
    public let text: String
    /// What kind of event it is, where that is one an operator may look for.
    public var event: LogEvent?
    /// What else the journal gets.
    public var fields: [LogField] = []

    /// Gives the line to the journal, and says whether that succeeded.
    public func sendToJournal() -> Bool {
        Journal.send(text, priority: level.priority, fields: journalFields)
    }

    private var journalFields: [(name: String, value: String)] {
        (event.map { [("MESSAGE_ID", $0.id)] } ?? []) + fields.map { ($0.name, $0.value) }
    }
}

/// What waits to be written.
///
/// Lines are dropped, newest first, rather than let the queue grow or the caller
/// wait.
private struct LogQueue {
    let capacity: Int
    var lines: [LogLine] = []
    var dropped = 0
    var writing = false
    var closed = false

    init(capacity: Int) { self.capacity = capacity }

    var isIdle: Bool { lines.isEmpty && dropped == 0 && !writing }

    mutating func append(_ line: LogLine) {
        guard !closed else { return }
        guard lines.count < capacity else { return dropped += 1 }
        lines.append(line)
    }

    /// What the thread does next.
    enum Work {
        case batch(LogBatch)
        case end
    }

    /// Everything that waits; `nil` while there is nothing.
    mutating func next() -> Work? {
        if lines.isEmpty && dropped == 0 { return closed ? .end : nil }
        writing = true
        defer { (lines, dropped) = ([], 0) }
        return .batch(LogBatch(lines: lines, dropped: dropped))
    }
}

/// Lines written with one system call.
private struct LogBatch {
    let lines: [LogLine]
    let dropped: Int

    /// What goes to the descriptor; the journal gets its entries on the way.
    func bytes(style: Log.Style, journal: (LogLine) -> Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        for line in lines where style != .journal || !journal(line) {
            bytes += Self.format(line, style).utf8
        }
        if dropped > 0 {
            let text =
                "\(dropped) log lines were dropped, because they could not be written as fast as they came"
            let time = lines.last?.time ?? 0
            bytes += Self.format(LogLine(time: time, level: .warning, text: text), style).utf8
        }
        return bytes
    }

    private static func format(_ line: LogLine, _ style: Log.Style) -> String {
        let text = oneLine(line.text)
        switch style {
        case .journal: return "<\(line.level.priority)>chand: \(text)\n"
        case .timestamps: return "\(timestamp(line.time)) chand \(line.level): \(text)\n"
        }
    }

    /// Texts quote what peers sent: neither a second line nor a terminal's escape sequence may come out of
    /// them.
    private static func oneLine(_ text: String) -> String {
        let isPlain = text.utf8.count <= 4096 && text.unicodeScalars.allSatisfy { !isControl($0) }
        if isPlain { return text }
        var safe = ""
        for scalar in text.unicodeScalars.prefix(4096) {
            if isControl(scalar) {
                safe += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                safe.unicodeScalars.append(scalar)
            }
        }
        return safe
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
    }

    /// In UTC, so that logs of several machines and seasons compare.
    private static func timestamp(_ nanoseconds: UInt64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ value: Int32, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let date = "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let time = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(time).\(padded(Int32(nanoseconds / 1_000_000 % 1000), 3))Z"
    }
}

/// Which lines were written within the last minute, by who caused them and why.
private struct LogLimiter {
    struct Key: Hashable {
        let user: UInt32
        let reason: String

        /// Of whom nothing is remembered any more, because there are too many.
        static let others = Key(user: .max, reason: "other warnings")
    }

    struct Entry {
        var level: LogLevel
        var since: UInt64
        var leftOut = 0
    }

    static let window: UInt64 = 60_000_000_000
    /// A client that thinks up reasons or users must not cost memory either.
    static let keysMax = 1024
    private var entries: [Key: Entry] = [:]

    /// Whether the line may be written: then how many were left out before it, else nil.
    mutating func admit(_ key: Key, level: LogLevel, now: UInt64) -> Int? {
        let key = entries[key] == nil && entries.count >= Self.keysMax ? .others : key
        guard let entry = entries[key], now < entry.since &+ Self.window else {
            let leftOut = entries[key]?.leftOut ?? 0
            entries[key] = Entry(level: level, since: now)
            return leftOut
        }
        entries[key]?.leftOut += 1
        return nil
    }

    /// Forgets the keys whose minute is over, and returns those of which something was left out.
    mutating func expire(now: UInt64) -> [(key: Key, entry: Entry)] {
        let over = entries.filter { now >= $0.value.since &+ Self.window }
        for key in over.keys { entries[key] = nil }
        return over.filter { $0.value.leftOut > 0 }.map { ($0.key, $0.value) }.sorted { left, right in
            (left.key.reason, left.key.user) < (right.key.reason, right.key.user)
        }
    }
}
