// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// A session's request to be told of what happens.
struct Monitor {
    /// Monitors of one user: what others do is to cost them no more.
    static let perUser = 4
    /// Events of one frame: little enough for the smallest limit of a session's output.
    private static let eventsPerFrame = 16
    /// Output from which on a session that monitors is told of nothing more before it reads.
    private static let outputBytes = 256 << 10

    let connection: Connection
    let request: UInt64
    /// How the names of its channels begin; empty for all, and for what concerns no channel.
    let prefix: String
    /// Whether it may be told of others' channels.
    var seesAll: Bool
    /// What it was not told of since it was told of anything.
    private(set) var dropped: UInt64 = 0

    init(connection: Connection, request: UInt64, prefix: String, seesAll: Bool) {
        self.connection = connection
        self.request = request
        self.prefix = prefix
        self.seesAll = seesAll
    }

    /// Writes what is its to know to its session's output, or counts it where that is full.
    mutating func report(
        _ entries: [EventLog.Entry], lost: [UInt32: UInt64], watermark: Int, into outbox: inout Outbox
    ) {
        let user = connection.credentials.uid
        dropped += seesAll ? lost.values.reduce(0, +) : lost[user] ?? 0
        let mine = entries.filter {
            (seesAll || $0.owner == user) && $0.record.channel.utf8.starts(with: prefix.utf8)
        }.map(\.record)
        guard !mine.isEmpty || dropped > 0 else { return }
        var rest = mine[...]
        repeat {
            let some = Array(rest.prefix(Self.eventsPerFrame))
            rest = rest.dropFirst(some.count)
            let frame = Events(dropped: dropped, events: some).encoded(request: request)
            if connection.output.count + frame.count <= min(watermark, Self.outputBytes) {
                outbox.append(frame, to: connection)
                dropped = 0
            } else {
                dropped += UInt64(some.count)
            }
        } while !rest.isEmpty
    }
}

/// Requests to be told of events. They are reported together and not one by one, which would cost a frame each.
extension Hub {
    /// Nanoseconds between two reports.
    private static let reportInterval: UInt64 = 50_000_000
    /// Events that are reported before that.
    private static let manyEvents = EventLog.capacity / 2

    mutating func monitor(
        _ header: FrameHeader, _ body: UnsafeRawBufferPointer, from connection: Connection
    ) throws(WireFault) {
        var reader = WireReader(body)
        let prefix = try Self.onlyName(&reader)
        let session = connection.session
        try checkRequest(header, session: session)
        let user = connection.credentials.uid
        guard monitors.count(where: { $0.connection.credentials.uid == user }) < Monitor.perUser else {
            let text = "a user has at most \(Monitor.perUser) monitors"
            let failure = Failure(.quotaExceeded, text: text)
            outbox.failed(session: session, request: header.request, failure: failure)
            return
        }
        reportEvents()
        monitors.append(
            Monitor(
                connection: connection, request: header.request,
                prefix: broker.absolutePrefix(prefix, session: session),
                seesAll: broker.isAdministrator(session: session)))
        outbox.events.isOn = true
        // Empty: from here on it is told of everything.
        outbox.append(Events(dropped: 0, events: []).encoded(request: header.request), to: connection)
    }

    /// Says anew whether a session's user is an administrator, who monitors everybody's channels (rule 28).
    mutating func setAdministrator(_ isAdministrator: Bool, of connection: Connection) {
        guard connection.state == .greeted,
            broker.isAdministrator(session: connection.session) != isAdministrator
        else { return }
        // What happened so far is told by the rule that held then.
        if !monitors.isEmpty { reportEvents() }
        broker.setAdministrator(isAdministrator, session: connection.session)
        for index in monitors.indices where monitors[index].connection === connection {
            monitors[index].seesAll = isAdministrator
        }
    }

    /// Whether a request of a session is a monitor.
    func isMonitor(_ request: UInt64, session: UInt32) -> Bool {
        !monitors.isEmpty && monitors.contains { $0.request == request && $0.connection.session == session }
    }

    /// Ends a monitor on request, after everything that happened before.
    mutating func cancelMonitor(_ request: UInt64, session: UInt32) {
        reportEvents()
        endMonitors { $0.request == request && $0.connection.session == session }
        outbox.failed(
            session: session, request: request,
            failure: Failure(.cancelled, text: "the monitor was cancelled"))
    }

    /// Ends the monitors of a session that ends.
    mutating func endMonitors(of connection: Connection) {
        if !monitors.isEmpty { endMonitors { $0.connection === connection } }
    }

    private mutating func endMonitors(where isOver: (Monitor) -> Bool) {
        monitors.removeAll(where: isOver)
        guard monitors.isEmpty else { return }
        outbox.events.isOn = false
        _ = outbox.events.take()
    }

    /// When there is something to report; `.max` for never.
    var reportDue: UInt64 {
        if monitors.isEmpty { return .max }
        let count = outbox.events.entries.count
        if count >= Self.manyEvents { return 0 }
        return count > 0 || monitors.contains { $0.dropped > 0 } ? nextReport : .max
    }

    /// Reports what is due at the end of a turn.
    mutating func reportEvents(now: UInt64) {
        guard now >= reportDue else { return }
        nextReport = now &+ Self.reportInterval
        reportEvents()
    }

    private mutating func reportEvents() {
        let (entries, lost) = outbox.events.take()
        for index in monitors.indices {
            monitors[index].report(entries, lost: lost, watermark: outputHighWatermark, into: &outbox)
        }
    }
}
