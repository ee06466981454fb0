// SPDX-License-Identifier: Apache-2.0

import CSystemd
import Glibc

/// What a service tells its manager about itself; all of it is silently nothing without one.
///
/// A message is one datagram. Any thread may send one; the watchdog's belongs on the thread whose life it
/// vouches for.
public enum Notifier {
    /// Whether somebody is told: without a manager it is not worth making a status.
    public static var hasManager: Bool { getenv("NOTIFY_SOCKET") != nil }

    /// Everything is served from here on: the first connect succeeds.
    ///
    /// - Parameter status: The first line for `systemctl status`.
    public static func ready(status: String? = nil) {
        send(["READY=1"] + statusFields(status))
    }

    /// One line for `systemctl status`.
    public static func status(_ text: String) {
        send(statusFields(text))
    }

    /// A reload begins; ``ready(status:)`` ends it.
    public static func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        // systemd tells by the time which of several reloads this is about.
        send(["RELOADING=1", "MONOTONIC_USEC=\(Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)"])
    }

    /// The daemon ends, because it was asked to or because it must.
    public static func stopping(status: String? = nil) {
        send(["STOPPING=1"] + statusFields(status))
    }

    /// The thread that calls this still turns: due at least once per ``watchdogInterval``.
    public static func watchdog() {
        send(["WATCHDOG=1"])
    }

    /// Asks for this watchdog interval from now on, in the place of the unit's.
    public static func watchdog(every interval: Duration) {
        let (seconds, attoseconds) = interval.components
        send(["WATCHDOG_USEC=\(seconds * 1_000_000 + attoseconds / 1_000_000_000_000)"])
    }

    /// How long the manager waits for a ``watchdog()`` before it restarts the service; `nil` where it does
    /// not.
    ///
    /// To be on the safe side a service calls twice as often.
    public static var watchdogInterval: Duration? {
        var microseconds: UInt64 = 0
        return sd_watchdog_enabled(0, &microseconds) > 0 ? .microseconds(Int64(clamping: microseconds)) : nil
    }

    private static func statusFields(_ status: String?) -> [String] {
        guard let status else { return [] }
        // A line end would begin another field, and a channel's name may be part of a status.
        return ["STATUS=" + String(status.map { $0.isNewline ? " " : $0 })]
    }

    private static func send(_ fields: [String]) {
        // Nobody could do anything about a manager that does not listen.
        _ = sd_notify(0, fields.joined(separator: "\n"))
    }
}
