// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// Signals noticed by handlers, for a library in a program whose threads and handlers are its own.
///
/// Unlike ``SignalSource`` nothing is blocked, and it can begin at any time. For one thread at a time.
public enum SignalNotices {
    /// Notices a signal from now on, instead of its default action; a handler that is there is called first.
    ///
    /// A handler that the program sets later takes its place.
    ///
    /// - Throws: `EINVAL` for numbers that are no signal's, can't be caught, or stand for faults of the program.
    public static func watch(_ number: Int32, waking wakeUp: WakeUp) throws(SystemError) {
        try checked(.sigaction, "signal \(number)") { chan_signal_watch(number, wakeUp.descriptor) }
    }

    /// Whether the signal has come since the last time; several times count once.
    public static func hasCome(_ number: Int32) -> Bool { chan_signal_has_come(number) != 0 }

    /// Leaves a signal that has come to itself, as if nobody had ever noticed it.
    public static func passOn(_ number: Int32) {
        if chan_signal_unwatch(number) != 0 { _ = Glibc.kill(getpid(), number) }
    }
}
