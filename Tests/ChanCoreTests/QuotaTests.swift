// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rule 27: each limit fails what would exceed it, names itself, and touches nothing else.
@Suite struct QuotaTests {
    /// A scene in which one limit is small.
    private func limited(_ change: (inout BrokerLimits) -> Void) -> BrokerScene {
        var limits = BrokerLimits()
        change(&limits)
        return scene(limits: limits)
    }

    private func expect(
        _ failure: Failure?, _ limit: String, used: Int, of allowed: Int,
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(failure?.kind == .quotaExceeded, sourceLocation: location)
        #expect(failure?.text == "limit \(limit): used \(used) of \(allowed)", sourceLocation: location)
    }

    @Test("27 channels of a user, by whatever session; of others not")
    func channels() throws {
        let scene = limited { $0.channelsPerUser = 2 }
        let (one, other) = (scene.client(), scene.client())
        let first = try scene.open(one, "a")
        _ = try scene.open(one, "b")
        expect(failure(scene.tryOpen(other, "c")), "channels_per_user", used: 2, of: 2)
        #expect(failure(scene.tryOpen(other, "a")) == nil)
        #expect(failure(scene.tryOpen(scene.client(uid: 1001), "c")) == nil)
        #expect(scene.remove(one, "a") == nil)
        expect(failure(scene.tryOpen(other, "c")), "channels_per_user", used: 2, of: 2)
        scene.end(other)
        scene.closeHandle(first)
        #expect(failure(scene.tryOpen(one, "c")) == nil)
    }

    @Test("27 a channel given to a user counts as his")
    func givenChannels() throws {
        let scene = limited { $0.channelsPerUser = 1 }
        let root = scene.client(uid: 0, gid: 0, administrator: true)
        let user = scene.client(uid: 1000)
        _ = try scene.open(user, "a")
        expect(
            failure(scene.tryOpen(root, "/uid/1000/b") { $0.owner = 1000 }), "channels_per_user", used: 1,
            of: 1)
        let other = scene.client(uid: 1001)
        let port = try scene.open(other, "b")
        let given = scene.tryOpen(root, "/uid/1001/b") { $0.owner = 1000 }
        expect(failure(given), "channels_per_user", used: 1, of: 1)
        #expect(try scene.state(port).owner == 1001)
        #expect(failure(scene.tryOpen(root, "/uid/1001/b") { $0.owner = 1001 }) == nil)
    }

    @Test("27 handles of a session")
    func handles() throws {
        let scene = limited { $0.handlesPerSession = 2 }
        let client = scene.client()
        let first = try scene.open(client, "a", capacity: 1)
        _ = try scene.open(client, "a")
        expect(failure(scene.tryOpen(client, "b")), "handles_per_session", used: 2, of: 2)
        #expect(failure(scene.tryOpen(scene.client(), "a")) == nil)
        scene.send(first, 1)
        scene.receive(first)
        scene.closeHandle(first)
        // It has a delivery: its number is not free yet.
        expect(failure(scene.tryOpen(client, "b")), "handles_per_session", used: 2, of: 2)
        scene.settle(first, 1)
        #expect(failure(scene.tryOpen(client, "b")) == nil)
    }

    @Test("27 handles of a user, by whatever session; those of closed ones with deliveries too")
    func handlesOfAUser() throws {
        let scene = limited { $0.handlesPerUser = 3 }
        let (one, other) = try scene.pair(capacity: 1)
        _ = try scene.open(one.session, "b")
        expect(failure(scene.tryOpen(other.session, "d")), "handles_per_user", used: 3, of: 3)
        #expect(failure(scene.tryOpen(scene.client(uid: 1001), "d")) == nil)
        scene.send(one, 1)
        scene.receive(other)
        scene.closeHandle(other)
        expect(failure(scene.tryOpen(one.session, "d")), "handles_per_user", used: 3, of: 3)
        scene.end(other.session)
        #expect(failure(scene.tryOpen(one.session, "d")) == nil)
    }

    @Test("27 waiters of a user, by whatever session")
    func waitersOfAUser() throws {
        let scene = limited { $0.waitersPerUser = 2 }
        let (one, other) = try scene.pair(capacity: 0)
        let first = scene.receive(one)
        scene.receive(other)
        expect(scene.failure(scene.receive(other)), "waiters_per_user", used: 2, of: 2)
        expect(scene.failure(scene.select(one.session, [])), "waiters_per_user", used: 2, of: 2)
        #expect(scene[scene.receive(try scene.open(scene.client(uid: 1001), "c"))] == .waiting)
        scene.cancel(one.session, first)
        #expect(scene[scene.receive(other)] == .waiting)
        scene.end(other.session)
        #expect(scene[scene.select(one.session, [.receive(one.handle), .receive(one.handle)])] == .waiting)
    }

    @Test("27 connections in all and of a user, before and after their handshake")
    func connections() throws {
        let scene = limited {
            ($0.sessions, $0.sessionsPerUser, $0.incompleteSessions, $0.incompleteSessionsPerUser) = (
                4, 3, 3, 2
            )
        }
        func begin(_ uid: UInt32) -> UInt32 { scene.engine.broker.beginConnection(uid: uid) }
        func complete(_ connection: UInt32) -> Bool {
            scene.engine.broker.completeConnection(connection)
        }
        func refused(_ uid: UInt32) -> Failure? { scene.engine.broker.admitConnection(uid: uid) }
        #expect(refused(1000) == nil)
        let first = begin(1000)
        let second = begin(1000)
        expect(refused(1000), "incomplete_sessions_per_user", used: 2, of: 2)
        let stranger = begin(1001)
        expect(refused(1001), "incomplete_sessions", used: 3, of: 3)
        #expect(complete(first))
        #expect(!complete(first))
        #expect(refused(1000) == nil)
        #expect(complete(second))
        let third = begin(1000)
        expect(refused(1001), "sessions", used: 4, of: 4)
        scene.engine.broker.endConnection(stranger)
        expect(refused(1000), "sessions_per_user", used: 3, of: 3)
        for connection in [first, second, third] { scene.engine.broker.endConnection(connection) }
        try scene.engine.broker.checkInvariants()
        #expect(refused(1000) == nil)
    }

    @Test("27 waiters of a session: each case counts, an empty select as one, a try as none")
    func waiters() throws {
        let scene = limited { $0.waitersPerSession = 3 }
        let port = try scene.single(capacity: 0)
        let other = try scene.open(scene.client(), "c")
        let first = scene.receive(port)
        let select = scene.select(port.session, [.receive(port.handle), .never, .receive(port.handle)])
        expect(scene.failure(scene.receive(port)), "waiters_per_session", used: 3, of: 3)
        expect(scene.failure(scene.select(port.session, [])), "waiters_per_session", used: 3, of: 3)
        #expect(scene[scene.receive(port, timeout: 0)] == .failed(.wouldBlock))
        #expect(scene[scene.receive(other)] == .waiting)
        #expect(scene[first] == .waiting)
        scene.cancel(port.session, select)
        let empty = scene.select(port.session, [.never])
        #expect(scene[empty] == .waiting)
        #expect(scene[scene.receive(port)] == .waiting)
        expect(scene.failure(scene.receive(port)), "waiters_per_session", used: 3, of: 3)
    }

    @Test("27 24 a batch that may not wait says how much of it was accepted")
    func batchMayNotWait() throws {
        let scene = limited { $0.waitersPerSession = 0 }
        let port = try scene.single(capacity: 2)
        let batch = scene.send(port, 1, 2, 3)
        expect(scene.failure(batch), "waiters_per_session", used: 0, of: 0)
        #expect(scene.failure(batch)?.accepted == 2)
        #expect(scene[scene.receive(port, upTo: 9)] == .received([1, 2]))
    }

    @Test("27 messages of a user, queued, waiting or unsettled")
    func messages() throws {
        let scene = limited { $0.messagesPerUser = 3 }
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1)
        scene.receive(other)
        scene.send(one, 2)
        let waiting = scene.send(one, 3)
        expect(scene.failure(scene.send(other, 4)), "messages_per_user", used: 3, of: 3)
        expect(
            scene.failure(scene.select(other.session, [.send(other.handle, 5), .receive(other.handle)])),
            "messages_per_user", used: 3, of: 3)
        #expect(scene[waiting] == .waiting)
        #expect(try scene.state(one).queued == 1)
        let stranger = try scene.open(scene.client(uid: 1001), "mine", capacity: 9)
        #expect(scene[scene.send(stranger, 6, 7, 8)] == .sent)
        scene.settle(other, 1)
        #expect(scene[scene.send(one, 9)] == .waiting)
    }

    @Test("27 bytes of a user; empty messages cost none")
    func bytes() throws {
        let scene = limited { $0.bytesPerUser = 100 }
        let port = try scene.single(capacity: -1)
        scene.send(port, [SentMessage(1, byteCount: 60)])
        expect(
            scene.failure(scene.send(port, [SentMessage(2, byteCount: 41)])), "bytes_per_user", used: 60,
            of: 100)
        #expect(scene[scene.send(port, [SentMessage(3, byteCount: 40)])] == .sent)
        #expect(scene[scene.send(port, [SentMessage(4, byteCount: 0)])] == .sent)
        scene.receive(port)
        scene.settle(port, 1)
        #expect(scene[scene.send(port, [SentMessage(5, byteCount: 60)])] == .sent)
        for (count, bytes) in [(Int.max, Int.max), (1, .max), (.max, 1)] {
            let huge = scene.engine.broker.admit(
                session: port.session, handle: port.handle, count: count, byteCount: bytes)
            #expect(failure(huge)?.kind == .quotaExceeded)
        }
    }

    @Test("27 everything is refunded, by whatever way it goes")
    func refunds() throws {
        let scene = limited { $0.messagesPerUser = 4 }
        for round in 0..<20 as Range<UInt64> {
            let (one, other) = try scene.pair(capacity: 1)
            let send = scene.send(one, 1, 2)
            scene.select(one.session, [.send(one.handle, 3), .send(one.handle, 4)])
            #expect(scene.engine.broker.messageCount == 4)
            scene.receive(other)
            switch round % 4 {
            case 0: scene.cancel(one.session, send)
            case 1: scene.close(one)
            case 2: #expect(scene.remove(one.session, "c") == nil)
            default: break
            }
            scene.end(one.session)
            let drain = scene.receive(other, upTo: 9, timeout: 0)
            scene.settle(other, 1, count: UInt32(1 + scene.messages(drain).count))
            scene.end(other.session)
            #expect(scene.engine.broker.messageCount == 0)
        }
    }
}
