// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// What happened since the last report: bounded, and empty while nobody monitors.
struct EventLog {
    /// Events that are kept.
    static let capacity = 1024
    /// How far back an event is looked for that a new one is counted with: senders and receivers take turns.
    private static let lookBack = 4

    /// An event, and what tells it apart from others.
    struct Entry {
        let kind: EventKind
        let session: UInt32
        let generation: UInt64
        /// Whose channel, or session, it is about.
        let owner: UInt32
        var record: EventRecord
    }

    /// Whether anybody monitors.
    var isOn = false
    private(set) var entries: [Entry] = []
    /// Events for which there was no room, by the user who might have been told.
    private(set) var lost: [UInt32: UInt64] = [:]
    /// Entries before this one are of sessions whose index may have another one by now.
    private var firstOfSessions = 0

    /// Counts an event with one shortly before, where there is one like it and nothing between that orders them.
    mutating func recurred(_ kind: EventKind, session: UInt32, generation: UInt64, count: UInt32) -> Bool {
        guard kind.isCounted else { return false }
        var index = entries.count
        let end = max(firstOfSessions, index - Self.lookBack)
        while index > end {
            index -= 1
            guard entries[index].kind.isCounted else { return false }
            if entries[index].generation == generation, entries[index].session == session,
                entries[index].kind == kind
            {
                entries[index].record.count &+= UInt64(count)
                return true
            }
        }
        return false
    }

    /// Notes an event of a session, or of none.
    mutating func append(_ event: MonitoredEvent, by connection: Connection?) {
        guard entries.count < Self.capacity else {
            lost[event.owner, default: 0] += 1
            return
        }
        var record = EventRecord(EventRecord.Kind(event.kind))
        record.time = WallClock.now()
        record.since = connection?.since ?? 0
        record.session = connection?.number ?? 0
        record.pid = UInt32(clamping: connection?.credentials.pid ?? 0)
        record.uid = connection?.credentials.uid ?? 0
        record.count = UInt64(event.count)
        record.channel = event.channel
        entries.append(
            Entry(
                kind: event.kind, session: event.session, generation: event.generation, owner: event.owner,
                record: record))
    }

    /// A session has ended: its index may be given to another one.
    mutating func sessionEnded() { firstOfSessions = entries.count }

    /// Takes everything out, to be reported.
    mutating func take() -> (entries: [Entry], lost: [UInt32: UInt64]) {
        defer { (entries, lost, firstOfSessions) = ([], [:], 0) }
        return (entries, lost)
    }
}

extension EventRecord.Kind {
    /// The broker's kind in the wire's words.
    fileprivate init(_ kind: EventKind) {
        self =
            switch kind {
            case .open: .open
            case .close: .close
            case .send: .send
            case .receive: .receive
            case .select: .select
            case .cancelled: .cancelled
            case .died: .died
            case .quota: .quota
            }
    }
}
