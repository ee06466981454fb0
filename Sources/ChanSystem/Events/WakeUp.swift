// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// Wakes a thread that waits in an ``EventPoll``, from any thread or signal-free context: an eventfd.
public final class WakeUp: Sendable {
    private let owner: OwnedDescriptor

    /// The descriptor to watch for reading.
    public var descriptor: Int32 { owner.raw }

    /// Makes a wake-up that is not signalled.
    public init() throws(SystemError) {
        owner = OwnedDescriptor(taking: try checked(.eventfd) { chan_eventfd() })
    }

    /// Makes the descriptor readable until the next ``drain()``; never blocks, any number of signals are one.
    public func signal() {
        var one: UInt64 = 1
        // EAGAIN means that the counter is at its top: it is readable, which is all we want.
        _ = retrying(.write) { Glibc.write(owner.raw, &one, 8) }
    }

    /// Takes all signals back, and says whether there were any.
    @discardableResult
    public func drain() -> Bool {
        var count: UInt64 = 0
        return retrying(.read) { Glibc.read(owner.raw, &count, 8) } == 8
    }
}
