// SPDX-License-Identifier: Apache-2.0

import Testing

/// What processes add: ends of clients, cancellation, opening in any order.
extension ConformanceBody {
    static let ends = [
        ConformanceBody("ends: the last sender's going closes the channel (16 X5)", closesWithLastSender),
        ConformanceBody("ends: sends fail without receivers (16)", failsWithLastReceiver),
        ConformanceBody("ends: a dead sender's waiting send reaches nobody (17 X6)", deadSender),
        ConformanceBody("ends: messages outlive their sender (17)", outlive),
        ConformanceBody("cancel: one outcome, no effect (22 X10)", cancelled),
        ConformanceBody("cancel: a storm loses and doubles nothing (22 X10)", cancelStorm),
        ConformanceBody("open: the order in which processes start does not matter (14)", startOrder),
    ]

    @Sendable private static func closesWithLastSender(_ context: ConformanceContext) async throws {
        let (one, other, third) = (
            try await context.client(), try await context.client(), try await context.client()
        )
        var options = ConformanceOptions(capacity: 2)
        (options.role, options.closeWithLastSender) = (.receive, true)
        let receiver = Chan(client: one, id: try await one.open("cls", options))
        let senders = [try await other.chan("cls", role: .send), try await third.chan("cls", role: .send)]
        try await senders[0].send(1)
        await other.disconnect()
        #expect(try await receiver.receive() == 1)
        async let next = receiver.receive()
        try await context.until { try await receiver.state().receiveWaiters == 1 }
        await third.disconnect()
        #expect(try await next == nil)
    }

    @Sendable private static func failsWithLastReceiver(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        var options = ConformanceOptions(capacity: 1)
        (options.role, options.failWithLastReceiver) = (.send, true)
        let sender = Chan(client: one, id: try await one.open("flr", options))
        try await sender.send(1)
        let receiver = try await other.chan("flr", role: .receive)
        #expect(try await receiver.receive() == 1)
        try await other.release(receiver.id)
        await #expect(throws: ConformanceFailure.noReceivers) { try await sender.send(2) }
        _ = try await other.chan("flr", role: .receive)
        try await sender.send(3)
    }

    @Sendable private static func deadSender(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let chan = try await one.chan("dead", 0)
        let theirs = try await other.chan("dead")
        let task = Task { try await theirs.send(1) }
        try await context.until { try await chan.state().sendWaiters == 1 }
        await other.disconnect()
        try await context.until { try await chan.state().sendWaiters == 0 }
        #expect(try await chan.tryReceive() == .wouldBlock)
        await #expect(throws: ConformanceFailure.self) { try await task.value }
    }

    @Sendable private static func outlive(_ context: ConformanceContext) async throws {
        let (one, other) = (try await context.client(), try await context.client())
        let theirs = try await other.chan("outlive", 5)
        for element in 0..<5 as Range<UInt64> { try await theirs.send(element) }
        await other.disconnect()
        let chan = try await one.chan("outlive")
        for element in 0..<5 as Range<UInt64> { #expect(try await chan.receive() == element) }
    }

    @Sendable private static func cancelled(_ context: ConformanceContext) async throws {
        let client = try await context.client()
        let chan = try await client.chan("cancel", 0)
        let tasks: [@Sendable () async throws -> Void] = [
            { try await chan.send(1) },
            { _ = try await chan.receive() },
            { _ = try await client.select([.receive(chan.id), .send(2, chan.id)], .forever) },
            { _ = try await client.select([.never], .forever) },
        ]
        for (index, operation) in tasks.enumerated() {
            let task = Task { try await operation() }
            if index < 3 {
                try await context.until {
                    let state = try await chan.state()
                    return state.sendWaiters + state.receiveWaiters > 0
                }
            }
            task.cancel()
            await #expect(throws: ConformanceFailure.cancelled) { try await task.value }
            #expect(try await chan.state().sendWaiters == 0)
            #expect(try await chan.state().receiveWaiters == 0)
        }
    }

    @Sendable private static func cancelStorm(_ context: ConformanceContext) async throws {
        let count = UInt64(context.times(200))
        let client = try await context.client()
        var (sent, received): ([UInt64], [UInt64]) = ([], [])
        for element in 0..<count {
            let chan = try await client.chan("storm-\(element)", 0)
            let send = Task { try await chan.send(element) }
            let receive = Task { try await chan.receive() }
            // One of them is cancelled, and the other once it can have no partner any more; or neither.
            if element % 3 == 0 {
                send.cancel()
                if case .failure = await send.result { receive.cancel() }
            } else if element % 3 == 1 {
                receive.cancel()
                if case .failure = await receive.result { send.cancel() }
            }
            switch await send.result {
            case .success: sent.append(element)
            case .failure(let failure): #expect(failure as? ConformanceFailure == .cancelled)
            }
            switch await receive.result {
            case .success(let element): if let element { received.append(element) }
            case .failure(let failure): #expect(failure as? ConformanceFailure == .cancelled)
            }
            // What was sent and nobody got is still to be had.
            if case .element(let left) = try await chan.tryReceive() { received.append(left) }
            try await client.release(chan.id)
        }
        #expect(received.sorted() == sent)
    }

    @Sendable private static func startOrder(_ context: ConformanceContext) async throws {
        let clients = try await (0..<3).asyncMap { _ in try await context.client() }
        for first in 0..<3 {
            let name = "start-\(first)"
            // One states the capacity, whenever it comes; the others state nothing.
            var chans: [Chan] = []
            for index in 0..<3 {
                chans.append(try await clients[index].chan(name, index == first ? 2 : nil))
                if index == first { #expect(try await chans[index].trySend(1)) }
            }
            #expect(try await chans[2].state().capacity == 2)
            #expect(try await chans[(first + 1) % 3].receive() == 1)
            await #expect(throws: ConformanceFailure.self) { _ = try await clients[0].chan(name, 3) }
        }
    }
}
