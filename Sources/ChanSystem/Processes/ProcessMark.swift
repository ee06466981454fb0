// SPDX-License-Identifier: Apache-2.0

import CChanSystem

/// Remembers the process it was made in: what has threads or locks is of no use in a forked child.
///
/// It knows children made by `fork`, and not those made by the system call itself.
public struct ProcessMark: Sendable {
    private let forks: Int32

    /// Remembers this process.
    public init() { forks = chan_fork_count() }

    /// Whether this is the process it was made in; a comparison, no system call.
    public var isHere: Bool { forks == chan_fork_count() }
}
