// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Declared channels (rule 15), and what an operator changes while sessions go on.
@Suite struct DeclaredTests {
    private static let spaces = [Space(name: "pub", groups: [100])]

    private func declaration(
        _ name: String = "/pub/jobs", _ state: (inout OpenOptions) -> Void = { _ in }
    ) -> DeclaredChannel {
        var options = OpenOptions(name: name, role: .both)
        options.capacity = 2
        options.owner = 7
        state(&options)
        return DeclaredChannel(options)
    }

    private func declare(_ list: [DeclaredChannel], in scene: BrokerScene) -> [FailureKind] {
        var sink = RecordingSink()
        return scene.engine.broker.declare(list, into: &sink).map(\.failure.kind)
    }

    @Test("15 a declared channel is there with its options, owner and space's group, and stays unused")
    func isThere() throws {
        let scene = scene(spaces: Self.spaces)
        #expect(declare([declaration { $0.mode = 0o640 }], in: scene).isEmpty)
        let port = try scene.open(scene.client(), "/pub/jobs", role: .receive)
        let state = try scene.state(port)
        #expect((state.capacity, state.owner, state.group, state.mode) == (2, 7, 100, 0o640))
        #expect(failure(scene.tryOpen(port.session, "/pub/jobs", role: .send))?.kind == .notPermitted)
        scene.end(port.session)
        #expect(scene.engine.broker.channelCount == 1)
        let isBare = scene.engine.broker.isBare
        #expect(isBare)
    }

    @Test("15 closed, drained and left, it is made anew at once, open, with the declaration in force then")
    func madeAnew() throws {
        let scene = scene(spaces: Self.spaces)
        _ = declare([declaration()], in: scene)
        let port = try scene.open(scene.client(), "/pub/jobs")
        let before = try scene.state(port).generation
        scene.send(port, 1)
        #expect(scene.close(port) == true)
        #expect(declare([declaration { $0.capacity = 5 }], in: scene).isEmpty)
        #expect(try scene.state(port).capacity == 2)
        scene.receive(port)
        scene.settle(port, 1)
        #expect(try scene.state(port).isClosed)
        let isBare = scene.engine.broker.isBare
        #expect(!isBare)
        scene.closeHandle(port)
        let fresh = try scene.open(port.session, "/pub/jobs")
        let state = try scene.state(fresh)
        #expect(!state.isClosed && state.generation > before && state.capacity == 5)
    }

    @Test("15 what it holds keeps a closed one; removed, the name has a new one at once")
    func removed() throws {
        let scene = scene(spaces: Self.spaces)
        _ = declare([declaration()], in: scene)
        let root = scene.client(uid: 0, administrator: true)
        let port = try scene.open(root, "/pub/jobs")
        scene.send(port, 1)
        #expect(scene.remove(root, "/pub/jobs") == nil)
        let fresh = try scene.open(root, "/pub/jobs")
        #expect(try scene.state(fresh).queued == 0)
        #expect(try scene.state(port).isRemoved)
        scene.closeHandle(port)
        #expect(scene.engine.broker.discarded == 1)
        #expect(scene.engine.broker.channelCount == 1)
    }

    @Test("15 keep does not keep a declared one closed; declared no more, it goes as any other")
    func declaredNoMore() throws {
        let scene = scene(spaces: Self.spaces)
        _ = declare([declaration(), declaration("/uid/9/own")], in: scene)
        let root = scene.client(uid: 0, administrator: true)
        let port = try scene.open(root, "/pub/jobs") { $0.keep = true }
        #expect(scene.close(port) == true)
        scene.closeHandle(port)
        #expect(!(try scene.tryOpen(root, "/pub/jobs").get().closed))
        scene.end(root)
        #expect(declare([], in: scene).isEmpty)
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test("25 a declaration in a space that is not there is refused, and the others are made")
    func noSuchSpace() {
        let scene = scene(spaces: Self.spaces)
        #expect(declare([declaration("/other/a"), declaration()], in: scene) == [.notPermitted])
        #expect(scene.engine.broker.channelCount == 1)
        #expect(declare([declaration()], in: scene).isEmpty)
        #expect(scene.engine.broker.channelCount == 1)
    }

    @Test("15 of two declarations of a name the later one holds; without an owner it is root's")
    func twice() throws {
        let scene = scene(spaces: Self.spaces)
        let later = declaration {
            $0.owner = nil
            $0.capacity = 3
        }
        #expect(declare([declaration(), later], in: scene).isEmpty)
        let state = try scene.state(scene.open(scene.client(), "/pub/jobs"))
        #expect(state.owner == 0 && state.capacity == 3)
    }

    @Test("a byte limit makes sends wait for room, and lets one message pass it")
    func byteLimit() throws {
        let scene = scene(spaces: Self.spaces)
        _ = declare([declaration { ($0.capacity, $0.maxBytes) = (-1, 10) }], in: scene)
        let port = try scene.open(scene.client(), "/pub/jobs")
        let size = try { () throws -> Int in
            scene.send(port, 1)
            return try scene.state(port).queuedBytes
        }()
        var sends: [UInt64] = []
        for body in 2...12 as ClosedRange<UInt64> { sends.append(scene.send(port, body)) }
        let room = (10 + size - 1) / size
        #expect(try scene.state(port).queued == room)
        #expect(sends.count { scene[$0] == .waiting } == 12 - room)
        scene.receive(port)
        #expect(try scene.state(port).queued == room)
    }

    @Test("14 a byte limit is an option as others are: undecided, decided once, and then compared")
    func statedByteLimit() throws {
        let scene = scene(spaces: Self.spaces)
        let client = scene.client()
        let port = try scene.open(client, "q", capacity: -1)
        #expect(try scene.state(port).maxBytes == 0)
        _ = try scene.open(client, "q") { $0.maxBytes = 10 }
        #expect(try scene.state(port).maxBytes == 10)
        for other in [0, 11, .max] as [UInt64] {
            let failure = #expect(throws: Failure.self) {
                try scene.open(client, "q") { $0.maxBytes = other }
            }
            #expect(failure == Failure(.mismatch, text: "max-bytes is 10, not \(other)"))
        }
        _ = try scene.open(client, "q") { $0.maxBytes = 10 }
        _ = try scene.open(client, "free") { $0.maxBytes = 0 }
        let failure = #expect(throws: Failure.self) { try scene.open(client, "free") { $0.maxBytes = 1 } }
        #expect(failure?.kind == .mismatch)
    }

    @Test("27 28 other limits and spaces hold from the next open; what is open stays")
    func reconfigured() throws {
        let scene = scene(spaces: Self.spaces)
        let port = try scene.open(scene.client(), "/pub/a", capacity: 1)
        var limits = BrokerLimits()
        limits.handlesPerSession = 1
        scene.engine.broker.reconfigure(limits: limits, spaces: [])
        #expect(scene[scene.send(port, 1)] == .sent)
        #expect(failure(scene.tryOpen(port.session, "/pub/a"))?.kind == .quotaExceeded)
        #expect(failure(scene.tryOpen(scene.client(), "/pub/a"))?.kind == .notPermitted)
    }

    @Test("29 an orderly stop holds receives, and tells who has something left")
    func holdReceives() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 2)
        scene.send(one, 1)
        scene.send(one, 2)
        scene.receive(other)
        scene.engine.broker.holdReceives()
        #expect(scene[scene.receive(other, timeout: 0)] == .failed(.wouldBlock))
        func isFinished(_ session: UInt32) -> Bool { !scene.engine.broker.hasUnsettled(session: session) }
        #expect(!isFinished(other.session))
        #expect(isFinished(one.session))
        scene.settle(other, 1)
        #expect(isFinished(other.session))
        var held: [String] = []
        scene.engine.broker.forEachHolding { name, messages, _ in held.append("\(name) \(messages)") }
        #expect(held == ["/uid/1000/c 1"])
        let accepted = scene.engine.broker.acceptedCount
        #expect(accepted == 2)
    }
}
