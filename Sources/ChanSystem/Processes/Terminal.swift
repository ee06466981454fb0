// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// The terminal.
public enum Terminal {
    /// Whether a descriptor is a terminal.
    public static func isTerminal(_ fd: Int32) -> Bool { isatty(fd) == 1 }

    /// Its size in characters; `nil` if the descriptor is no terminal.
    public static func size(_ fd: Int32) -> (columns: Int, rows: Int)? {
        var columns: Int32 = 0
        var rows: Int32 = 0
        guard once(.ioctl, { chan_terminal_size(fd, &columns, &rows) }) == 0 else { return nil }
        return (Int(columns), Int(rows))
    }

    /// How a terminal's line is set, to be put back.
    public struct Settings: Sendable {
        fileprivate var raw: termios
    }

    /// Makes every key come at once and unseen; those that mean signals still do, but for the one that suspends.
    ///
    /// Returns the settings from before.
    public static func readKeys(_ fd: Int32) throws(SystemError) -> Settings {
        var settings = termios()
        try checked(.ioctl) { tcgetattr(fd, &settings) }
        let before = Settings(raw: settings)
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        withUnsafeMutableBytes(of: &settings.c_cc) { keys in
            // 0 is no key to Linux; one byte is enough for a read.
            keys[Int(VSUSP)] = 0
            keys[Int(VMIN)] = 1
            keys[Int(VTIME)] = 0
        }
        try restore(fd, Settings(raw: settings))
        return before
    }

    /// Puts settings back, once what was written has been shown.
    public static func restore(_ fd: Int32, _ settings: Settings) throws(SystemError) {
        var settings = settings.raw
        try checked(.ioctl) { tcsetattr(fd, TCSADRAIN, &settings) }
    }
}
