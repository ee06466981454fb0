// SPDX-License-Identifier: Apache-2.0

import Testing

/// What Go's test/chan checks of single operations.
extension ConformanceBody {
    static let goChan = [
        ConformanceBody("Go fifo: asynchronous (G12)", fifoAsynchronous),
        ConformanceBody("Go fifo: synchronous, a chain of tasks (G13)", fifoSynchronous),
        ConformanceBody("Go nonblock (G17 G19)", nonblock),
        ConformanceBody("Go zerosize: every element takes a slot (G2)", zeroSize),
        ConformanceBody("Go perm: roles (G21)", perm),
        ConformanceBody("Go closedchan: synchronous and buffered (G6 G7 G8 G11 G18)", closedChan),
        ConformanceBody("Go goroutines: a daisy chain (G24)", goroutines),
    ]

    @Sendable private static func fifoAsynchronous(_ context: ConformanceContext) async throws {
        let chan = try await context.client().chan("fifo", 10)
        for element in 0..<10 as Range<UInt64> { try await chan.send(element) }
        for element in 0..<10 as Range<UInt64> { #expect(try await chan.receive() == element) }
    }

    /// Senders park one after the other on a rendezvous channel and are served in that order.
    @Sendable private static func fifoSynchronous(_ context: ConformanceContext) async throws {
        let holder = try await context.client()
        let chan = try await holder.chan("chain", 0)
        let clients = try await (0..<10).asyncMap { _ in try await context.client() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, client) in clients.enumerated() {
                group.addTask { try await client.chan("chain").send(UInt64(index)) }
                try await context.until { try await chan.state().sendWaiters == index + 1 }
            }
            for index in clients.indices { #expect(try await chan.receive() == UInt64(index)) }
            try await group.waitForAll()
        }
    }

    @Sendable private static func nonblock(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let (zero, one) = (try await client.chan("nb-0", 0), try await client.chan("nb-1", 1))
        #expect(try await zero.tryReceive() == .wouldBlock)
        #expect(try await zero.trySend(1) == false)
        async let received = zero.receive()
        try await context.until { try await zero.state().receiveWaiters == 1 }
        #expect(try await zero.trySend(2))
        #expect(try await received == 2)
        async let sent: Void = zero.send(3)
        try await context.until { try await zero.state().sendWaiters == 1 }
        #expect(try await zero.tryReceive() == .element(3))
        try await sent
        #expect(try await one.tryReceive() == .wouldBlock)
        #expect(try await one.trySend(4))
        #expect(try await one.trySend(5) == false)
        #expect(try await one.tryReceive() == .element(4))
        #expect(try await one.tryReceive() == .wouldBlock)
    }

    @Sendable private static func zeroSize(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let chan = try await client.chan("zero-size", 2)
        #expect(try await chan.trySend(0))
        #expect(try await chan.trySend(0))
        #expect(try await chan.trySend(0) == false)
        #expect(try await chan.state().length == 2)
        #expect(try await chan.state().capacity == 2)
        #expect(try await chan.receive() == 0)
        #expect(try await chan.trySend(0))
    }

    @Sendable private static func perm(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let sender = try await client.chan("perm", 1, role: .send)
        let receiver = try await client.chan("perm", role: .receive)
        await #expect(throws: ConformanceFailure.self) { _ = try await sender.receive(.never) }
        await #expect(throws: ConformanceFailure.self) { try await receiver.send(1, .never) }
        await #expect(throws: ConformanceFailure.self) { try await receiver.close() }
        try await sender.send(2)
        #expect(try await receiver.receive() == 2)
        #expect(try await sender.close())
    }

    @Sendable private static func closedChan(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        for capacity in [0, 2] as [Int64] {
            let chan = try await client.chan("closed-\(capacity)", capacity)
            for element in 0..<UInt64(capacity) { try await chan.send(element) }
            #expect(try await chan.close())
            #expect(try await chan.close() == false)
            for element in 0..<UInt64(capacity) {
                #expect(try await client.select([.receive(chan.id)], .never) == .received(element, by: 0))
            }
            #expect(try await chan.receive() == nil)
            #expect(try await chan.tryReceive() == .closed)
            #expect(try await client.select([.receive(chan.id)], .forever) == .received(nil, by: 0))
            #expect(try await client.select([.receive(chan.id)], .never) == .received(nil, by: 0))
            await #expect(throws: ConformanceFailure.closed) { try await chan.send(9) }
            await #expect(throws: ConformanceFailure.closed) { try await chan.send(9, .never) }
            #expect(try await client.select([.send(9, chan.id)], .forever) == .sendFailed(by: 0))
            #expect(try await client.select([.send(9, chan.id)], .never) == .sendFailed(by: 0))
        }
    }

    @Sendable private static func goroutines(_ context: ConformanceContext) async throws {
        let count = context.times(1000)
        let client = try await context.client()
        var chans: [Chan] = []
        for link in 0...count { chans.append(try await client.chan("link-\(link)", 0)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for link in 0..<count {
                let (left, right) = (chans[link], chans[link + 1])
                group.addTask {
                    if let element = try await right.receive() { try await left.send(element + 1) }
                }
            }
            try await chans[count].send(0)
            #expect(try await chans[0].receive() == UInt64(count))
            try await group.waitForAll()
        }
    }
}

extension Sequence {
    /// The results of `transform`, one after the other.
    func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
