// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rule 26: groups of unnamed channels that only their own messages list.
@Suite struct ReachabilityTests {
    /// A ring of unnamed channels, each with a message that passes the next; handles on all are open.
    private func ring(_ count: Int, _ scene: BrokerScene, _ client: UInt32) throws -> [BrokerScene.Port] {
        let ports = try (0..<count).map { _ in try scene.unnamed(client, capacity: 4).port }
        for index in ports.indices {
            scene.send(ports[index], UInt64(index), passing: [(ports[(index + 1) % count], .both)])
        }
        return ports
    }

    @Test("26 a ring goes with its last handle", arguments: [1, 2, 3, 50])
    func rings(count: Int) throws {
        let scene = scene()
        let ports = try ring(count, scene, scene.client())
        for (index, port) in ports.enumerated() {
            #expect(scene.engine.broker.channelCount == count, "after \(index) handles")
            scene.closeHandle(port)
        }
        #expect(scene.engine.broker.channelCount == 0)
        #expect(scene.engine.broker.messageCount == 0)
        #expect(scene.engine.broker.discarded == count)
    }

    @Test("26 so it does when its session ends")
    func sessionEnds() throws {
        let scene = scene()
        let client = scene.client()
        _ = try ring(3, scene, client)
        scene.end(client)
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test("26 a message in a named channel holds the ring, and so does one that waits to be sent")
    func held() throws {
        let scene = scene()
        let client = scene.client()
        let named = try scene.open(client, "named", capacity: 1)
        let other = try scene.open(client, "other", capacity: 0)
        let ports = try ring(3, scene, client)
        scene.send(named, 9, passing: [(ports[1], .receive)])
        let parked = scene.send(other, 9, passing: [(ports[2], .receive)])
        for port in ports { scene.closeHandle(port) }
        #expect(scene.engine.broker.channelCount == 5)
        let request = scene.receive(named)
        scene.settle(named, 1)
        let passed = try #require(scene.messages(request).first?.passed.first)
        scene.closeHandle(BrokerScene.Port(session: client, handle: passed.handle))
        #expect(scene.engine.broker.channelCount == 5)
        scene.cancel(client, parked)
        #expect(scene.engine.broker.channelCount == 2)
    }

    @Test("26 a delivery keeps it alive; given back, it goes")
    func delivery() throws {
        let scene = scene()
        let client = scene.client()
        let ports = try ring(3, scene, client)
        scene.receive(ports[0])
        for port in ports { scene.closeHandle(port) }
        #expect(scene.engine.broker.channelCount == 3)
        scene.giveBack(ports[0], 1)
        #expect(scene.engine.broker.channelCount == 0)
        #expect(scene.engine.broker.discarded == 3)
    }

    @Test("26 a settled delivery is a way back in")
    func wayBack() throws {
        let scene = scene()
        let client = scene.client()
        let ports = try ring(3, scene, client)
        let request = scene.receive(ports[0])
        for port in ports { scene.closeHandle(port) }
        scene.settle(ports[0], 1)
        let passed = try #require(scene.messages(request).first?.passed.first)
        let second = BrokerScene.Port(session: client, handle: passed.handle)
        #expect(scene.engine.broker.channelCount == 3)
        #expect(scene[scene.receive(second)] == .received([1]))
        scene.settle(second, 1)
        scene.end(client)
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test("26 a removed channel that only messages list is like an unnamed one")
    func removed() throws {
        let scene = scene()
        let client = scene.client()
        let port = try scene.open(client, "c", capacity: 2)
        scene.send(port, 1, passing: [(port, .both)])
        scene.closeHandle(port)
        #expect(scene.engine.broker.channelCount == 1)
        #expect(scene.remove(client, "c") == nil)
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test("26 a ring that another ring lists goes after it, and what is alive stays")
    func ringsOfRings() throws {
        let scene = scene()
        let client = scene.client()
        let first = try ring(2, scene, client)
        let second = try ring(2, scene, client)
        let third = try ring(2, scene, client)
        scene.send(first[0], 8, passing: [(second[1], .receive), (third[0], .send)])
        for port in second + third { scene.closeHandle(port) }
        for port in first.dropLast() { scene.closeHandle(port) }
        #expect(scene.engine.broker.channelCount == 6)
        scene.closeHandle(first[1])
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test(
        "26 a chain of 100 000 channels in each other ends without deep recursion", arguments: [false, true])
    func deepChain(byEnd: Bool) throws {
        var limits = BrokerLimits()
        (limits.channelsPerUser, limits.listingsPerUser) = (200_000, 200_000)
        var broker = Broker<UInt64>(seed: 1, limits: limits)
        var sink = RecordingSink()
        let session = broker.beginSession(Identity(uid: 1, gid: 1))
        var inner: UInt32?
        for index in 0..<100_000 {
            var options = OpenOptions(name: "$", role: .both)
            options.capacity = 1
            let port = try broker.open(session: session, options, entropy: (0, UInt64(index)), into: &sink)
                .get()
            if let inner {
                var chain = MessageChain()
                broker.append(UInt64(index), byteCount: 8, to: &chain, session: session)
                #expect(
                    broker.pass([Listing(handle: inner, role: .both)], with: chain, session: session) == nil)
                broker.send(
                    session: session, request: UInt64(index), handle: port.handle, chain: chain, timeout: -1,
                    into: &sink)
                #expect(broker.closeHandle(session: session, handle: inner, into: &sink) == nil)
            }
            inner = port.handle
        }
        broker.conclude(into: &sink)
        broker.sweep(into: &sink)
        #expect(broker.channelCount == 100_000)
        if byEnd {
            broker.endSession(session, into: &sink)
        } else {
            #expect(broker.closeHandle(session: session, handle: try #require(inner), into: &sink) == nil)
        }
        broker.conclude(into: &sink)
        while broker.needsSweep { broker.sweep(into: &sink) }
        #expect(broker.channelCount == 0)
        #expect(broker.messageCount == 0)
        try broker.checkInvariants()
    }
}
