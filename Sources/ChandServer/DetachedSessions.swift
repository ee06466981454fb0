// SPDX-License-Identifier: Apache-2.0

package import ChanCore
import ChanSystem
import ChanWire

/// A hub without sockets, for who brings bytes and time himself and looks at what would be written, as fuzzing does.
package struct DetachedSessions: ~Copyable {
    private var hub: Hub
    /// By number; nil for one that may be given to somebody else.
    private var connections: [Connection?] = []
    private var now: UInt64 = 0
    private let maxMessageBytes: Int
    private static let framesPerTurn = 16
    /// So many that nobody has to wait, for which there is no clock here.
    private static let inspectionsPerSecond = 1_000_000_000

    /// Makes a hub without sessions; uid 0 is an administrator in it.
    ///
    /// - Parameter checksInvariants: whether the whole state is checked after every frame and every turn.
    package init(
        limits: BrokerLimits, spaces: [Space], declared: [DeclaredChannel], maxMessageBytes: Int,
        checksInvariants: Bool
    ) {
        self.maxMessageBytes = maxMessageBytes
        hub = Hub(
            limits: limits, spaces: spaces, maxMessageBytes: maxMessageBytes,
            framesPerTurn: Self.framesPerTurn, outputHighWatermark: 64 << 10,
            inspectionsPerSecond: Self.inspectionsPerSecond, seed: 7, instance: 7,
            checksInvariants: checksInvariants)
        _ = hub.declare(declared)
    }

    /// A new connection, which has not said anything; returns its number.
    package mutating func connect(uid: UInt32) -> Int {
        let charge = hub.broker.beginConnection(uid: uid)
        // No call is ever made on it, and closing it changes nothing.
        let connection = Connection(
            descriptor: OwnedDescriptor(taking: -1),
            credentials: PeerCredentials(uid: uid, gid: uid, pid: 1, groups: []),
            assembler: hub.makeAssembler(), charge: charge,
            account: hub.broker.account(ofConnection: charge))
        let number = connections.firstIndex { $0 == nil } ?? connections.count
        if number == connections.count { connections.append(nil) }
        connection.token = UInt64(number)
        connections[number] = connection
        return number
    }

    /// Whether a connection has said HELLO, and its session has not ended.
    package func isGreeted(_ number: Int) -> Bool { connection(number).state == .greeted }

    /// Whether a connection's session has ended.
    package func hasEnded(_ number: Int) -> Bool { connection(number).state == .ended }

    private func connection(_ number: Int) -> Connection {
        guard let connection = connections[number] else { preconditionFailure("no connection \(number)") }
        return connection
    }

    /// Runs all the frames that the bytes complete; `write` gets what the connections are told meanwhile.
    ///
    /// It differs from the daemon's loop in that nothing else has a turn before all of them have run.
    package mutating func receive(
        _ bytes: UnsafeRawBufferPointer, from number: Int,
        _ write: (_ number: Int, _ frames: UnsafeRawBufferPointer) -> Void
    ) {
        let connection = connection(number)
        guard connection.state != .ended else { return }
        do throws(WireFault) {
            var rest = bytes
            if let direct = connection.assembler.directTarget() {
                let count = min(direct.count, bytes.count)
                direct.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                try hub.receivedDirectly(count, from: connection)
                rest = UnsafeRawBufferPointer(rebasing: bytes[count...])
            }
            try hub.receive(rest, from: connection, identity: { Self.identity(connection) })
            while !connection.backlog.isEmpty {
                finishTurn(write)
                var backlog = GrowableBytes()
                swap(&backlog, &connection.backlog)
                try hub.receive(backlog.readable, from: connection, identity: { Self.identity(connection) })
            }
        } catch {
            hub.end(connection, Goodbye(error.code, error.text))
        }
        finishTurn(write)
        hub.measure(connection)
    }

    /// Lets time pass.
    package mutating func advance(
        to now: UInt64, _ write: (_ number: Int, _ frames: UnsafeRawBufferPointer) -> Void
    ) {
        self.now = now
        hub.arrive(at: now)
        hub.advance(to: now)
        hub.reportEvents(now: now)
        finishTurn(write)
    }

    /// The peer is gone, and its number names nobody any more.
    package mutating func end(
        _ number: Int, _ write: (_ number: Int, _ frames: UnsafeRawBufferPointer) -> Void
    ) {
        let connection = connection(number)
        hub.end(connection, nil)
        finishTurn(write)
        hub.broker.endConnection(connection.charge)
        connections[number] = nil
    }

    /// Puts other limits in force.
    package mutating func reconfigure(limits: BrokerLimits, spaces: [Space]) {
        hub.reconfigure(
            limits: limits, spaces: spaces, maxMessageBytes: maxMessageBytes,
            framesPerTurn: Self.framesPerTurn, outputHighWatermark: 64 << 10,
            inspectionsPerSecond: Self.inspectionsPerSecond)
    }

    /// Ends every session and removes every channel; whether nothing was left of either, nor on any account.
    package mutating func removeAll() -> Bool {
        for (number, connection) in connections.enumerated() where connection != nil {
            end(number) { _, _ in }
        }
        if hub.broker.channelCount > 0 { removeChannels() }
        while hub.broker.needsSweep { hub.broker.sweep(into: &hub.outbox) }
        hub.outbox.dirty = DirtyConnections()
        return hub.broker.isBare && hub.broker.parkedCount == 0 && hub.broker.buffers == 0
    }

    private mutating func removeChannels() {
        let administrator = hub.broker.beginSession(Self.administrator)
        var cursor: UInt64 = 0
        repeat {
            let (next, page) = hub.broker.list(session: administrator, from: cursor, count: .max)
            for channel in page {
                _ = hub.broker.remove(session: administrator, name: channel.name, into: &hub.outbox)
            }
            hub.broker.conclude(into: &hub.outbox)
            cursor = next
        } while cursor != 0
        hub.broker.endSession(administrator, into: &hub.outbox)
        hub.advance(to: now)
    }

    /// Checks the whole state, whether or not that is done after every frame.
    package func check() { hub.checkNow() }

    /// Hands out what is to be written, and checks.
    private mutating func finishTurn(
        _ write: (_ number: Int, _ frames: UnsafeRawBufferPointer) -> Void
    ) {
        for control in hub.controls {
            hub.outbox.append(SimpleFrame.done(request: control.request), to: control.connection)
        }
        hub.controls = []
        hub.broker.sweep(into: &hub.outbox)
        hub.broker.answerWaits(into: &hub.outbox)
        var dirty = DirtyConnections()
        swap(&dirty, &hub.outbox.dirty)
        dirty.drain { connection in
            if connection.state == .greeted { hub.broker.completeConnection(connection.charge) }
            connection.isDirty = false
            connection.settlePendingSent(pool: hub.outbox.pool)
            // Bodies that are referred to would have to be put together first, by what is tested elsewhere.
            if connection.output.referenceCount == 0, !connection.output.isEmpty {
                write(Int(connection.token), connection.output.bytes.readable)
            }
            connection.output.dropAll(pool: hub.outbox.pool) {
                MessageBody.release(token: $0, to: hub.outbox.bodies)
            }
            hub.measure(connection)
        }
        hub.check()
    }

    private static let administrator = Identity(uid: 0, gid: 0, isAdministrator: true)

    private static func identity(_ connection: Connection) -> Identity {
        let uid = connection.credentials.uid
        return uid == 0 ? administrator : Identity(uid: uid, gid: uid, pid: 1)
    }
}
