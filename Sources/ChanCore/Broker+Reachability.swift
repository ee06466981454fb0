// SPDX-License-Identifier: Apache-2.0

/// Groups of channels that only their own messages list (rule 26).
extension Broker {
    /// Whether `sweep` has something to look at.
    @inlinable public var needsSweep: Bool { !suspects.isEmpty }

    /// Notes a channel that lives on listings alone, whose last handle of a session or delivery has gone.
    @usableFromInline
    mutating func suspectIfListedOnly(_ channel: UInt32) {
        guard !isAlive(channel), channels[channel].firstHandle != none else { return }
        suspects.insert(channel)
    }

    /// Whether something other than a queued listing holds the channel, or leads to it.
    private func isAlive(_ channel: UInt32) -> Bool {
        !channels[channel].isReachedByHandlesOnly || channels[channel].sessionHandles > 0
            || channels[channel].activity.unsettled > 0
    }

    /// Discards the messages of every channel that nothing but such channels' messages lists.
    ///
    /// Takes time in proportion to what leads to the channels in question, so it is for the end of a turn, where one
    /// walk serves all of them. What comes into question by its own effect is left for the next call.
    /// - Returns: how many channels and listings were looked at.
    @discardableResult
    public mutating func sweep<S: BrokerSink<Body> & ~Copyable>(into sink: inout S) -> Int {
        guard !suspects.isEmpty else { return 0 }
        var looks = 0
        var found: Set<UInt32> = []
        var stack: [UInt32] = []
        for channel in suspects.sorted() where channels.contains(channel) && found.insert(channel).inserted {
            stack.append(channel)
        }
        suspects.removeAll()
        // What leads to whom, up to what is alive by itself.
        var leads: [UInt32: [UInt32]] = [:]
        var living: [UInt32] = []
        while let channel = stack.popLast() {
            looks += 1
            if isAlive(channel) {
                living.append(channel)
                continue
            }
            var listing = channels[channel].firstHandle
            while listing != none {
                looks += 1
                let holder = handles[listing].holder
                if holder == none {
                    // On its way in a send that waits, or in a delivery that is not settled.
                    living.append(channel)
                } else {
                    leads[holder, default: []].append(channel)
                    if found.insert(holder).inserted { stack.append(holder) }
                }
                listing = handles[listing].next
            }
        }
        var reached = Set(living)
        while let channel = living.popLast() {
            for next in leads[channel] ?? [] where reached.insert(next).inserted { living.append(next) }
        }
        for channel in found.subtracting(reached).sorted() { discardAll(of: channel, into: &sink) }
        conclude(into: &sink)
        return looks
    }
}
