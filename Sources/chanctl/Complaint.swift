// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// What people are told on standard error while a verb goes on.
enum Complaint {
    static func say(_ text: String) { line("chanctl: \(text)") }

    /// Writes a line.
    static func line(_ text: String) { write("\(text)\n") }

    /// Writes a text as it is.
    static func write(_ text: String) {
        // Where standard error takes nothing there is nobody to tell.
        try? Array(text.utf8).withUnsafeBytes { try Transfer.writeAll(2, $0) }
    }
}
