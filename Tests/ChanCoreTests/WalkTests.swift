// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// What an input costs grows with what waits, not with its square: so much waits here that a test would not end in time if
/// all of it were walked past for each that proceeds.
@Suite struct WalkTests {
    private static let many: UInt64 = 40_000

    /// A broker with one channel and one session at it, where nothing is checked after each input.
    private struct Scene: ~Copyable {
        var engine: BrokerEngine
        let session: UInt32
        let handle: UInt32
        /// The last request.
        private(set) var request: UInt64 = 0

        init(capacity: Int64) throws {
            var limits = BrokerLimits()
            limits.waitersPerSession = .max / 2
            limits.waitersPerUser = .max / 2
            var engine = BrokerEngine(seed: 1, limits: limits)
            let began = engine.apply(.begin(label: 0, Identity(uid: 1000, gid: 100, pid: 1)))
            var session: UInt32 = 0
            if case .session(let index) = began { session = index }
            var options = OpenOptions(name: "c", role: .both)
            options.capacity = capacity
            let opened = engine.apply(.open(session: session, label: 0, options))
            var handle: UInt32 = 0
            if case .opened(let result) = opened { handle = try result.get().handle }
            self.engine = engine
            self.session = session
            self.handle = handle
        }

        mutating func receive(untilDrained: Bool = false) {
            request += 1
            engine.apply(
                .receive(
                    session: session, request: request, handle: handle, count: 1, timeout: -1,
                    untilDrained: untilDrained))
        }

        mutating func readAhead(_ limit: UInt32) {
            request += 1
            engine.apply(
                .readAhead(
                    session: session, request: request, handle: handle, limit: limit, timeout: -1,
                    untilDrained: false, nil))
        }

        mutating func send(_ messages: [SentMessage]) {
            request += 1
            engine.apply(
                .send(session: session, request: request, handle: handle, messages, timeout: -1))
        }

        mutating func select(_ cases: [CaseInput]) {
            request += 1
            engine.apply(
                .select(session: session, request: request, cases, ordered: false, timeout: -1))
        }

        mutating func pause(_ isPaused: Bool) {
            engine.apply(.pause(session: session, name: "c", isPaused))
        }

        mutating func close() {
            engine.apply(.close(session: session, handle: handle, CloseReason()))
        }
    }

    @Test(
        "rule 4 a close ends what it ends, in order, behind many that it does not end",
        .timeLimit(.minutes(1)))
    func closing() throws {
        var scene = try Scene(capacity: 4)
        scene.send([SentMessage(1)])
        // Not settled, so that it could come back.
        scene.receive()
        for _ in 0..<Self.many { scene.receive() }
        let first = scene.request + 1
        for _ in 0..<Self.many { scene.receive(untilDrained: true) }
        scene.close()
        let ended = scene.engine.events.map(\.request)
        #expect(ended == Array(first..<first + Self.many))
    }

    @Test(
        "rule 21 many plain receives are met behind many credits that need a slot", .timeLimit(.minutes(1)),
        arguments: [false, true])
    func pastCredits(isPaused: Bool) throws {
        var scene = try Scene(capacity: 1)
        for _ in 0..<Self.many { scene.readAhead(2) }
        // It takes the only slot.
        scene.send([SentMessage(0)])
        if isPaused { scene.pause(true) }
        let first = scene.request + 1
        for _ in 0..<Self.many { scene.receive() }
        let bodies = Array(1...Self.many)
        scene.send(bodies.map { SentMessage($0) })
        if isPaused { scene.pause(false) }
        let delivered = scene.engine.events.filter { !$0.bodies.isEmpty }
        #expect(delivered.map(\.request) == Array(first..<first + Self.many))
        #expect(delivered.flatMap(\.bodies) == bodies)
    }

    @Test(
        "rules 8 and 21 a receive that goes with another of its select is not met again",
        arguments: [false, true])
    func pastCreditsToSelects(isPaused: Bool) throws {
        var scene = try Scene(capacity: 1)
        for _ in 0..<3 { scene.readAhead(2) }
        scene.send([SentMessage(0)])
        if isPaused { scene.pause(true) }
        let first = scene.request + 1
        for _ in 0..<4 {
            scene.select([.receive(scene.handle), .receive(scene.handle)])
            scene.receive()
        }
        scene.send((1...9).map { SentMessage($0) })
        if isPaused { scene.pause(false) }
        let delivered = scene.engine.events.filter { !$0.bodies.isEmpty }
        #expect(delivered.map(\.request) == Array(first..<first + 8))
        #expect(delivered.flatMap(\.bodies) == Array(1...8))
        try scene.engine.broker.checkInvariants()
    }

    @Test("rule 8 selects that send and receive meet each other behind credits that need a slot")
    func selectsMeetBehindCredits() throws {
        var scene = try Scene(capacity: 1)
        for _ in 0..<3 { scene.readAhead(2) }
        scene.send([SentMessage(0)])
        scene.pause(true)
        let first = scene.request + 1
        for body in 1...8 as ClosedRange<UInt64> {
            scene.select([.send(scene.handle, body), .receive(scene.handle)])
        }
        scene.pause(false)
        // The first receives what the second sends, the third what the fourth does.
        let delivered = scene.engine.events.filter { !$0.bodies.isEmpty }
        #expect(delivered.map(\.request) == [first, first + 2, first + 4, first + 6])
        #expect(delivered.flatMap(\.bodies) == [2, 4, 6, 8])
        try scene.engine.broker.checkInvariants()
    }

    @Test(
        "rule 12 a select with many sends and receives on one channel is looked at once",
        .timeLimit(.minutes(1)))
    func oneSelectForBoth() throws {
        var scene = try Scene(capacity: 0)
        let handle = scene.handle
        let sends = (0..<512 as Range<UInt64>).map { CaseInput.send(handle, $0) }
        scene.select(sends + Array(repeating: CaseInput.receive(handle), count: 512))
        for _ in 0..<10_000 {
            scene.pause(true)
            scene.pause(false)
        }
        let before = scene.engine.broker.parkedCount
        #expect(before == 1)
        scene.receive()
        let events = scene.engine.events
        #expect(events.flatMap(\.bodies) == [0])
        let after = scene.engine.broker.parkedCount
        #expect(after == 0)
    }
}
