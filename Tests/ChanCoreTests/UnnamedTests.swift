// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rule 26: names that are generated, and what they are good for.
@Suite struct UnnamedTests {
    @Test("26 a new one has a name of 128 bits, another each time")
    func names() throws {
        let scene = scene()
        let client = scene.client()
        var seen: Set<String> = []
        for _ in 0..<64 {
            let (_, name) = try scene.unnamed(client)
            #expect(name.utf8.count == 23 && name.first == "$")
            #expect(
                name.dropFirst().allSatisfy {
                    $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0))
                })
            #expect(seen.insert(name).inserted)
        }
    }

    @Test("26 every bit of the entropy is in the name")
    func entropy() throws {
        var names: Set<String> = []
        for bit in 0..<128 {
            var engine = BrokerEngine(seed: 0)
            engine.apply(.begin(label: 0, Identity(uid: 1, gid: 1)))
            let entropy: (UInt64, UInt64) = bit < 64 ? (1 << bit, 0) : (0, 1 << (bit - 64))
            var sink = RecordingSink()
            let opened = engine.broker.open(
                session: 0, OpenOptions(name: "$", role: .both), entropy: entropy, into: &sink)
            names.insert(try opened.get().name)
        }
        #expect(names.count == 128)
    }

    @Test("26 whoever knows the name joins, whatever user; no mode applies")
    func knowing() throws {
        let scene = scene()
        let (port, name) = try scene.unnamed(scene.client(uid: 1), capacity: 1)
        let other = try scene.open(scene.client(uid: 2, gid: 7), name)
        #expect(scene[scene.send(port, 1)] == .sent)
        #expect(scene[scene.receive(other)] == .received([1]))
        #expect(failure(scene.tryOpen(other.session, name) { $0.capacity = 2 })?.kind == .mismatch)
        #expect(failure(scene.tryOpen(other.session, name) { $0.mustCreate = true })?.kind == .exists)
        let status = try scene.engine.broker.snapshot(session: other.session, name: name).get()
        #expect(status.capacity == 1)
    }

    @Test("26 opening an unknown one never creates")
    func unknown() throws {
        let scene = scene()
        let client = scene.client()
        let (port, name) = try scene.unnamed(client)
        scene.closeHandle(port)
        #expect(failure(scene.tryOpen(client, name))?.kind == .noSuchChannel)
        #expect(failure(scene.tryOpen(client, name) { $0.mustCreate = true })?.kind == .noSuchChannel)
        #expect(failure(scene.tryOpen(client, "$") { $0.mustExist = true })?.kind == .noSuchChannel)
        for bad in ["$x", name + "x", String(name.dropLast()) + "!"] {
            #expect(failure(scene.tryOpen(client, bad))?.kind == .invalidName, "\(bad)")
        }
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test("26 it has no mode, no other owner or group, and is not kept")
    func options() throws {
        let scene = scene()
        let client = scene.client(administrator: true)
        let (_, name) = try scene.unnamed(client)
        let stated: [(inout OpenOptions) -> Void] = [
            { $0.keep = true }, { $0.mode = 0o600 }, { $0.owner = 1 }, { $0.group = 1 },
        ]
        for state in stated {
            for name in ["$", name] {
                #expect(failure(scene.tryOpen(client, name, state))?.kind == .invalidArgument)
            }
        }
        let terms = scene.lease(try scene.open(client, "c"), attempts: 1, deadLetter: name)
        #expect(scene[terms] == .failed(.invalidArgument))
    }

    @Test("26 others see a prefix, administrators too, and a failure says no more")
    func shown() throws {
        let scene = scene()
        let owner = scene.client(uid: 1)
        let (port, name) = try scene.unnamed(owner, role: .send)
        let prefix = name.prefix(7) + "..."
        for client in [owner, scene.client(uid: 0, administrator: true)] {
            let page = scene.engine.broker.list(session: client, from: 0, count: 10).page
            #expect(page.map(\.name) == ["\(prefix)"])
        }
        #expect(scene.engine.broker.list(session: scene.client(uid: 2), from: 0, count: 10).page.isEmpty)
        #expect(try scene.state(port).name == prefix)
        let text = try #require(scene.failure(scene.receive(port))).text
        #expect(text.contains(prefix) && !text.contains(name))
    }

    @Test("26 it counts for who made it, and is gone without handles, its messages discarded")
    func gone() throws {
        var limits = BrokerLimits()
        limits.channelsPerUser = 1
        let scene = scene(limits: limits)
        let client = scene.client()
        let (port, _) = try scene.unnamed(client, capacity: 2)
        #expect(failure(scene.tryOpen(client, "$"))?.kind == .quotaExceeded)
        scene.send(port, 1, 2)
        scene.closeHandle(port)
        #expect(scene.engine.broker.channelCount == 0)
        #expect(scene.engine.broker.messageCount == 0)
        #expect(scene.engine.broker.discarded == 2)
        _ = try scene.unnamed(client)
    }

    @Test("26 a delivery holds it until it is settled or given back")
    func unsettled() throws {
        let scene = scene()
        let client = scene.client()
        let (port, name) = try scene.unnamed(client, capacity: 2)
        scene.send(port, 1, 2)
        scene.receive(port)
        scene.closeHandle(port)
        let again = try scene.open(client, name)
        #expect(scene[scene.receive(again)] == .received([2]))
        scene.closeHandle(again)
        scene.giveBack(port, 1)
        #expect(scene.engine.broker.channelCount == 1)
        scene.settle(again, 1)
        #expect(scene.engine.broker.channelCount == 0)
        #expect(scene.engine.broker.discarded == 1)
    }

    @Test("26 its owner removes it; the name is gone at once")
    func remove() throws {
        let scene = scene()
        let (port, name) = try scene.unnamed(scene.client(uid: 1))
        #expect(scene.remove(scene.client(uid: 2), name)?.kind == .notPermitted)
        #expect(scene.remove(port.session, name) == nil)
        #expect(failure(scene.tryOpen(port.session, name))?.kind == .noSuchChannel)
        #expect(scene[scene.send(port, 1)] == .failed(.closed))
    }

    @Test("26 what would be lost at the daemon's end is told under the prefix, for a log")
    func lost() throws {
        let scene = scene()
        let (port, name) = try scene.unnamed(scene.client(), capacity: 1)
        scene.send(port, 1)
        var told: [String] = []
        scene.engine.broker.forEachHolding { shown, _, _ in told.append(shown) }
        #expect(told == ["\(name.prefix(7))..."])
    }
}
