// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// What /proc says of a process that the daemon knows by its number only.
///
/// Looked up here and not by the daemon, which sees little of other processes in its sandbox.
package struct ProcessFacts: Sendable {
    /// The command line, its words separated by blanks; nil where the process is gone or hidden.
    package let command: String?
    /// The systemd unit, as in `cron.service`; nil where it is in none.
    package let unit: String?

    /// Looks a process up; 0 is one that the daemon can't see.
    package init(pid: Int32) {
        guard pid > 0 else {
            command = nil
            unit = nil
            return
        }
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
