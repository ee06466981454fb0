// SPDX-License-Identifier: Apache-2.0

import Channels

/// The processes behind sessions, each looked up once for as long as it is spoken of.
package struct Processes: Sendable {
    /// Those that were looked up lately, and those that were before them.
    private var recent: [UInt64: ProcessFacts] = [:]
    private var earlier: [UInt64: ProcessFacts] = [:]
    private let most: Int

    /// Knows none yet.
    ///
    /// - Parameter most: how many to know at a time; those that nobody looks up for the longest time are forgotten.
    package init(most: Int = .max) { self.most = most }

    /// How many are known.
    package var count: Int { recent.count + earlier.count }

    /// Finds out which process a session is of.
    package mutating func lookUp(_ session: UInt64, pid: Int32, sessionAge: Duration) {
        guard recent[session] == nil else { return }
        let known = earlier.removeValue(forKey: session)
        if recent.count >= most / 2 {
            earlier = recent
            recent = [:]
        }
        recent[session] = known ?? ProcessFacts.of(pid: pid, sessionAge: sessionAge)
    }

    /// Forgets a session that is over.
    package mutating func forget(_ session: UInt64) {
        recent[session] = nil
        earlier[session] = nil
    }

    /// What is known of a session's process.
    package subscript(session: UInt64) -> ProcessFacts {
        recent[session] ?? earlier[session] ?? ProcessFacts.of(pid: 0, sessionAge: .zero)
    }
}
