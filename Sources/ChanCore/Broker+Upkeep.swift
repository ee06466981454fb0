// SPDX-License-Identifier: Apache-2.0

/// What the broker's owner asks and changes on behalf of an operator.
extension Broker {
    /// Puts other limits and shared spaces in force; as with files, open handles keep what they have (rule 28).
    public mutating func reconfigure(limits: BrokerLimits, spaces: [Space]) {
        self.limits = limits
        self.spaces = spaces
    }

    /// Whether the session's user may do all (rule 28).
    public func isAdministrator(session: UInt32) -> Bool { sessions[session].identity.isAdministrator }

    /// Says anew whether the session's user may do all: a changed rule holds from the next open (rule 28).
    ///
    /// Handles that are open, and leases, keep what they were made with.
    public mutating func setAdministrator(_ isAdministrator: Bool, session: UInt32) {
        sessions[session].identity.isAdministrator = isAdministrator
    }

    /// Messages accepted since the start, by channels that are gone as well.
    ///
    /// Looks at every channel.
    public var acceptedCount: UInt64 {
        var sum = acceptedByGone
        for slot in 0..<channels.highWater where channels.contains(slot) { sum &+= channels[slot].accepted }
        return sum
    }

    /// For how many nanoseconds the operation has waited that waits longest; nil where none waits.
    ///
    /// Looks at every parked operation.
    public var longestWait: UInt64? {
        var oldest: UInt64?
        for slot in 0..<operations.highWater where operations.contains(slot) {
            oldest = min(oldest ?? .max, operations[slot].since)
        }
        return oldest.map { now - min(now, $0) }
    }

    /// Whether nothing would be lost if the broker were made anew: no session, no message, and no channel but open
    /// declared ones.
    public var isBare: Bool {
        guard sessions.count == 0, messages.count == 0 else { return false }
        for slot in 0..<channels.highWater where channels.contains(slot) {
            let flags = channels[slot].flags
            guard flags.contains(.declared), flags.isDisjoint(with: [.closed, .paused]) else { return false }
        }
        return true
    }

    /// Shows the body of every message that is there, for who ends with the broker and has to free them.
    public func forEachBody(_ body: (Body) -> Void) {
        for slot in 0..<messages.highWater where messages.contains(slot) { body(messages[slot].body) }
    }

    /// Holds every commit of a receive, as pausing every channel does (rule 29): at an orderly stop, when
    /// sessions finish what they have and get nothing new.
    public mutating func holdReceives() {
        for slot in 0..<channels.highWater where channels.contains(slot) {
            channels[slot].flags.insert(.paused)
        }
    }

    /// Whether the session has deliveries that it has not settled.
    public func hasUnsettled(session: UInt32) -> Bool {
        sessions[session].handles.contains { $0 != none && handles[$0].window.live > 0 }
    }

    /// Shows what every channel holds that would be lost at the owner's end: messages queued, set aside and
    /// unsettled, and the bytes of the queued ones.
    ///
    /// Of an unnamed channel's name only what others may see: it is for a log (rule 26).
    public func forEachHolding(_ body: (_ name: String, _ messages: Int, _ bytes: Int) -> Void) {
        for slot in 0..<channels.highWater where channels.contains(slot) {
            let held =
                channels[slot].queued + channels[slot].activity.unsettled
                + Int(channels[slot].activity.aside.count)
            if held > 0 { body(channels[slot].shownName, held, channels[slot].queuedBytes) }
        }
    }
}
