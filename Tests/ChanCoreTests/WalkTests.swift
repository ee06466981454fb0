// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Glibc
import Testing

/// What an input costs grows with what waits, not with its square.
@Suite struct WalkTests {
    /// Runs a body with so many, and with eight times as many, which may take some eight times the processor time and not
    /// sixty-four: of this thread alone, so that it does not matter how busy the machine is.
    private func expectNoSquare(_ many: UInt64 = 2000, _ body: (UInt64) throws -> Void) throws {
        func time(_ many: UInt64) throws -> Double {
            // What comes in between, like an interrupt, only adds.
            try (0..<3).map { _ in
                let before = processorTime()
                try body(many)
                return Double(processorTime() - before)
            }.min() ?? 0
        }
        func processorTime() -> UInt64 {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
        let ratio = try time(many * 8) / time(many)
        #expect(ratio < 24)
    }

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

    @Test("rule 4 a close ends what it ends, in order, behind many that it does not end")
    func closing() throws {
        try expectNoSquare { many in
            var scene = try Scene(capacity: 4)
            scene.send([SentMessage(1)])
            // Not settled, so that it could come back.
            scene.receive()
            for _ in 0..<many { scene.receive() }
            let first = scene.request + 1
            for _ in 0..<many { scene.receive(untilDrained: true) }
            scene.close()
            let ended = scene.engine.events.map(\.request)
            #expect(ended == Array(first..<first + many))
        }
    }

    @Test(
        "rule 21 many plain receives are met behind many credits that need a slot", arguments: [false, true])
    func pastCredits(isPaused: Bool) throws {
        try expectNoSquare { many in
            var scene = try Scene(capacity: 1)
            for _ in 0..<many { scene.readAhead(2) }
            // It takes the only slot.
            scene.send([SentMessage(0)])
            if isPaused { scene.pause(true) }
            let first = scene.request + 1
            for _ in 0..<many { scene.receive() }
            let bodies = Array(1...many)
            scene.send(bodies.map { SentMessage($0) })
            if isPaused { scene.pause(false) }
            let delivered = scene.engine.events.filter { !$0.bodies.isEmpty }
            #expect(delivered.map(\.request) == Array(first..<first + many))
            #expect(delivered.flatMap(\.bodies) == bodies)
        }
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

    @Test("rule 12 a select with many sends and receives on one channel is looked at once")
    func oneSelectForBoth() throws {
        try expectNoSquare(16) { many in
            var scene = try Scene(capacity: 0)
            let handle = scene.handle
            let sends = (0..<many).map { CaseInput.send(handle, $0) }
            scene.select(sends + Array(repeating: CaseInput.receive(handle), count: Int(many)))
            for _ in 0..<200 {
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
}
