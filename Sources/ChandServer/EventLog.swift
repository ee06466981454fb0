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

    /// An event, for those who may be told of it.
    struct Entry {
        /// Whose channel, or session, it is about.
        let owner: UInt32
        var record: EventRecord
    }

    /// What an event is looked for by, in little memory: that is done for every message.
    private struct Key: Equatable {
        let generation: UInt64
        let session: UInt32
        let kind: EventKind
    }

    /// Whether anybody monitors.
    var isOn = false
    private(set) var entries: [Entry] = []
    /// Events for which there was no room, by the user who might have been told.
    private(set) var lost: [UInt32: UInt64] = [:]
    /// Of each entry.
    private var keys: [Key] = []
    /// What each entry's count has to be raised by.
    private var more: [UInt64] = []
    /// Entries before this one are of sessions whose index may have another one by now, or something in between orders them.
    private var firstCounted = 0

    /// Counts an event with one shortly before, where there is one like it and nothing between that orders them.
    mutating func recurred(_ kind: EventKind, session: UInt32, generation: UInt64, count: UInt32) -> Bool {
        guard kind.isCounted else { return false }
        let key = Key(generation: generation, session: session, kind: kind)
        var index = keys.count
        let end = max(firstCounted, index - Self.lookBack)
        while index > end {
            index -= 1
            if keys[index] == key {
                more[index] &+= UInt64(count)
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
            Entry(owner: event.owner, record: record))
        keys.append(Key(generation: event.generation, session: event.session, kind: event.kind))
        more.append(0)
        if !event.kind.isCounted { firstCounted = keys.count }
    }

    /// A session has ended: its index may be given to another one.
    mutating func sessionEnded() { firstCounted = keys.count }

    /// Takes everything out, to be reported.
    mutating func take() -> (entries: [Entry], lost: [UInt32: UInt64]) {
        for index in entries.indices { entries[index].record.count &+= more[index] }
        defer {
            (entries, lost, firstCounted) = ([], [:], 0)
            keys.removeAll(keepingCapacity: true)
            more.removeAll(keepingCapacity: true)
        }
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
