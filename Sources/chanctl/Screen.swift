// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Pictures that replace each other on a terminal.
enum Screen {
    /// Its size, or that of the smallest terminals where it is not known.
    static var size: (columns: Int, rows: Int) {
        guard let size = Terminal.size(1), size.columns > 0, size.rows > 0 else { return (80, 24) }
        return size
    }

    /// Goes to a screen of its own, without a cursor.
    static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J"
    /// Goes back to what was there before.
    static let leave = "\u{1B}[?25h\u{1B}[?1049l"

    /// Draws lines over what is there, and clears the rest.
    ///
    /// Nothing is cleared first and all is one write, so nothing flickers; what is too wide or too long is cut off by
    /// not letting lines wrap and by leaving out the last ones.
    static func draw(_ lines: [String], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\u{1B}[?2026h\u{1B}[?7l\u{1B}[H".utf8)
        for (index, line) in lines.prefix(size.rows).enumerated() {
            if index > 0 { bytes.append(contentsOf: "\r\n".utf8) }
            bytes.append(contentsOf: line.utf8)
            bytes.append(contentsOf: "\u{1B}[K".utf8)
        }
        bytes.append(contentsOf: "\u{1B}[J\u{1B}[?7h\u{1B}[?2026l".utf8)
    }
}
