// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// Connections with something to write, in the order in which they are written.
///
/// First those that asked and have an answer: they go on and ask the next while those wake up to whom it matters, and where
/// all share a processor, who is woken up last finds several messages.
struct DirtyConnections {
    var asking: [Connection] = []
    var others: [Connection] = []

    var isEmpty: Bool { asking.isEmpty && others.isEmpty }

    /// Shows and forgets each, and keeps the memory.
    mutating func drain(_ body: (Connection) -> Void) {
        for index in asking.indices { body(asking[index]) }
        for index in others.indices { body(others[index]) }
        asking.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
    }
}

/// The broker's effects as frames in the sessions' outputs, which are written once at the end of the turn.
struct Outbox: BrokerSink, ~Copyable {
    /// Bodies of this many bytes or more are written from where they lie.
    static let referencedBodyBytes = 32 << 10

    let pool = BufferPool()
    let bodies = BodyPool()
    /// The connection whose frames are run, or were last.
    var asking: ObjectIdentifier?
    /// Connections with something to write.
    var dirty = DirtyConnections()
    /// Connections by the broker's index of their session; retained here, so that not every message has to.
    private var connections: [Unmanaged<Connection>?] = []
    /// What happens, for those who monitor.
    var events = EventLog()
    /// The send being run for whose outcome nobody waits.
    var later: (session: UInt32, request: UInt64)?
    /// The connection that the delivery group under way goes to.
    private var receiving: Unmanaged<Connection>?

    mutating func attach(_ connection: Connection, session: UInt32) {
        while connections.count <= Int(session) { connections.append(nil) }
        connections[Int(session)] = .passRetained(connection)
    }

    deinit {
        for connection in connections { connection?.release() }
    }

    mutating func detach(session: UInt32) {
        connections[Int(session)].take()?.release()
        events.sessionEnded()
    }

    private func connection(of session: UInt32) -> Connection? {
        connections[Int(session)]?.takeUnretainedValue()
    }

    private mutating func open(_ session: UInt32) -> Connection? {
        guard let connection = connection(of: session) else { return nil }
        touch(connection)
        return connection
    }

    mutating func touch(_ connection: Connection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        if ObjectIdentifier(connection) == asking {
            dirty.asking.append(connection)
        } else {
            dirty.others.append(connection)
        }
    }

    /// Appends a whole frame to a session's output.
    mutating func append(_ frame: [UInt8], to connection: Connection) {
        connection.append(frame, pool: pool)
        touch(connection)
    }

    /// The same for the connection of a session.
    mutating func append(_ frame: [UInt8], session: UInt32) {
        guard let connection = open(session) else { return }
        connection.append(frame, pool: pool)
    }

    // MARK: Events

    var isMonitored: Bool { events.isOn }

    mutating func recurred(_ kind: EventKind, session: UInt32, generation: UInt64, count: UInt32) -> Bool {
        events.recurred(kind, session: session, generation: generation, count: count)
    }

    mutating func occurred(_ event: MonitoredEvent) {
        events.append(event, by: event.session == .max ? nil : connection(of: event.session))
    }

    /// Notes what happened to a session and concerns no channel.
    mutating func note(_ kind: EventKind, session: UInt32) {
        guard events.isOn, let connection = connection(of: session),
            !events.recurred(kind, session: session, generation: 0, count: 1)
        else { return }
        events.append(
            MonitoredEvent(kind: kind, session: session, owner: connection.credentials.uid), by: connection)
    }

    /// Notes a failure that is a limit's doing.
    mutating func note(_ failure: Failure, session: UInt32) {
        if failure.kind == .quotaExceeded { note(.quota, session: session) }
    }

    // MARK: BrokerSink

    mutating func sent(session: UInt32, request: UInt64) {
        guard let connection = connection(of: session) else { return }
        let run = connection.pendingSent
        if run.count > 0, run.first &+ UInt64(run.count) == request, run.count < .max {
            connection.pendingSent.count = run.count + 1
        } else {
            // Kept is one run only, or a peer could have any number kept.
            if run.count > 0 { touch(connection) }
            connection.settlePendingSent(pool: pool)
            connection.pendingSent = (request, 1)
        }
        // Most often the only word for a session: not to write it saves both sides a system call and its process a
        // wake-up.
        if later?.session != session || later?.request != request { touch(connection) }
    }

    mutating func selected(session: UInt32, request: UInt64, caseIndex: UInt16) {
        guard let connection = open(session) else { return }
        connection.append(SimpleFrame.selected(request: request, caseIndex: caseIndex), pool: pool)
    }

    mutating func beginDeliveries(session: UInt32, request: UInt64, group: DeliveryGroup) {
        receiving = connections[Int(session)]
        receiving?._withUnsafeGuaranteedRef { touch($0) }
        receiving?._withUnsafeGuaranteedRef { $0.beginDeliveries(group, request: request, pool: pool) }
    }

    mutating func delivery(
        session: UInt32, body: MessageBody, byteCount: Int, attempts: UInt16, flags: DeliveryFlags
    ) {
        receiving?._withUnsafeGuaranteedRef {
            $0.append(body, byteCount: byteCount, attempts: attempts, flags: flags, pool: pool)
        }
    }

    mutating func passed(session: UInt32, _ channels: [PassedChannel]) {
        guard let connection = receiving?.takeUnretainedValue() else { return }
        let bytes = OfferedChannel.bytes(of: channels.map { OfferedChannel($0) })
        bytes.withUnsafeBytes { connection.output.bytes.append($0, pool: pool) }
    }

    mutating func endDeliveries(session: UInt32) {
        receiving?._withUnsafeGuaranteedRef { $0.endDeliveries() }
        receiving = nil
    }

    mutating func waited(session: UInt32, request: UInt64, reason: CloseReason) {
        append(Waited(reason: reason.code, text: reason.text).encoded(request: request), session: session)
    }

    mutating func failed(session: UInt32, request: UInt64, failure: Failure) {
        guard let connection = open(session) else { return }
        note(failure, session: session)
        connection.append(Failed(failure).encoded(request: request), pool: pool)
    }

    mutating func discard(_ body: MessageBody) {
        body.release(to: bodies)
    }
}

extension OfferedChannel {
    /// The broker's record in the wire's words.
    init(_ channel: PassedChannel) {
        self.init(
            handle: channel.handle, role: ChanWire.Role(rawValue: channel.role.rawValue),
            capacity: channel.capacity, generation: channel.generation, name: channel.name,
            typeTag: channel.typeTag ?? "")
    }
}

extension Failed {
    /// The broker's failure in the wire's words.
    init(_ failure: Failure) {
        self.init(
            .closed, caseIndex: failure.caseIndex.map(UInt32.init) ?? Failed.noCase,
            accepted: failure.accepted, reason: failure.reason, text: failure.text)
        // The numbers are the same.
        rawCode = UInt16(failure.kind.rawValue)
    }
}
