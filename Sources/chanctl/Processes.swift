// SPDX-License-Identifier: Apache-2.0

import Channels

/// The processes behind sessions, each looked up once.
struct Processes: Sendable {
    private var facts: [UInt64: ProcessFacts] = [:]

    /// Finds out which process a session is of.
    mutating func lookUp(_ session: UInt64, pid: Int32, sessionAge: Duration) {
        guard facts[session] == nil else { return }
        facts[session] = ProcessFacts.of(pid: pid, sessionAge: sessionAge)
    }

    /// What is known of a session's process.
    subscript(session: UInt64) -> ProcessFacts {
        facts[session] ?? ProcessFacts.of(pid: 0, sessionAge: .zero)
    }
}
