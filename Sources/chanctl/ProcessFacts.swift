// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Glibc

/// What /proc says of a process that the daemon knows by its number only.
///
/// Looked up here and not by the daemon, which sees little of other processes in its sandbox.
package struct ProcessFacts: Sendable {
    /// The command line, its words separated by blanks; nil where the process is gone or hidden.
    package let command: String?
    /// The systemd unit, as in `cron.service`; nil where it is in none.
    package let unit: String?

    /// The name of the program, without its directories.
    var program: String? {
        let file = command?.split(separator: " ", maxSplits: 1).first
        return file?.split(separator: "/").last.map(String.init)
    }

    /// What is shown instead of an unknown command.
    static let unknown = "(gone or hidden)"

    /// A process of which nothing is known.
    private init() {
        command = nil
        unit = nil
    }

    /// Looks a process up that began before its session did; a younger one has only got the same number.
    ///
    /// - Parameter pid: 0 for one that the daemon can't see.
    package static func of(pid: Int32, sessionAge: Duration) -> ProcessFacts {
        guard pid > 0 else { return ProcessFacts() }
        let latest = sinceBoot() - sessionAge + startTolerance
        let facts = ProcessFacts(pid: pid)
        // Read last: if it is the right process now, it was while the rest was read.
        guard let start = read("/proc/\(pid)/stat").flatMap(startTicks),
            .nanoseconds(Int64(clamping: start)) * (1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
                <= latest
        else { return ProcessFacts() }
        return facts
    }

    /// The kernel tells the start of a process in hundredths of a second.
    private static let startTolerance = Duration.milliseconds(20)

    private static func sinceBoot() -> Duration {
        var instant = timespec()
        clock_gettime(CLOCK_BOOTTIME, &instant)
        return .seconds(Int64(instant.tv_sec)) + .nanoseconds(Int64(instant.tv_nsec))
    }

    /// When a process began, in clock ticks since the machine did; from the contents of its stat file.
    package static func startTicks(in stat: [UInt8]) -> UInt64? {
        // The name of the program may have blanks and parentheses in it: what counts is behind the last one.
        guard let end = stat.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = String(decoding: stat[(end + 1)...], as: UTF8.self).split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    private init(pid: Int32) {
        let words = Self.read("/proc/\(pid)/cmdline").map(Self.command(of:))
        // Kernel threads and zombies have no command line, but a name.
        let name = Self.read("/proc/\(pid)/comm").map { String(decoding: $0, as: UTF8.self) }
        command = words.flatMap { $0.isEmpty ? nil : $0 } ?? name.map { "[\($0.dropLast())]" }
        unit = Self.read("/proc/\(pid)/cgroup").flatMap { Self.unit(in: String(decoding: $0, as: UTF8.self)) }
    }

    private static func read(_ path: String) -> [UInt8]? { try? Files.read(path, limit: 1 << 20) }

    /// The words of a command line, as the kernel separates them by NULs.
    package static func command(of bytes: [UInt8]) -> String {
        var words = bytes.split(separator: 0, omittingEmptySubsequences: false)
        if words.last?.isEmpty == true { words.removeLast() }
        return Printable.line(words.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))
    }

    /// The innermost unit in the contents of a cgroup file.
    package static func unit(in text: String) -> String? {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[0] == "0" || fields[1] == "name=systemd" else { continue }
            let suffixes = [".service", ".scope", ".socket", ".mount", ".swap"]
            let unit = fields[2].split(separator: "/").last { part in suffixes.contains { part.hasSuffix($0) }
            }
            if let unit { return Printable.line(String(unit)) }
        }
        return nil
    }
}
