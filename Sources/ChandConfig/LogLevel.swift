// SPDX-License-Identifier: Apache-2.0

/// How much the daemon says, from what must be acted on to what only a developer wants.
public enum LogLevel: String, Sendable, CaseIterable, Comparable {
    /// Something failed and somebody has to act.
    case error
    /// Something was refused, skipped or dropped; the daemon goes on.
    case warning
    /// Start, stop and what an operator changed.
    case info
    /// One line per session and more.
    case debug

    /// Orders levels from the most to the least important, so that `level <= configured` means "write it".
    public static func < (left: LogLevel, right: LogLevel) -> Bool {
        left.priority < right.priority
    }

    /// The level as syslog and systemd number it.
    public var priority: Int {
        switch self {
        case .error: 3
        case .warning: 4
        case .info: 6
        case .debug: 7
        }
    }
}
