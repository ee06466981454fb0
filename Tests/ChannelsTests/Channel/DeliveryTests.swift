// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Channels
import Testing

/// What becomes of every message that the daemon delivers (rules 18, 19 and X34).
@Suite struct DeliveryTests {
    private func range(_ first: UInt64, _ count: UInt32) -> DeliveryRange {
        DeliveryRange(handle: 3, first: first, count: count)
    }

    @Test func aBurstIsSettledAsOneRangeBeforeTheNextRequest() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let tasks = Task(executorPreference: client.executor) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<16 { group.addTask { for _ in 0..<2 { _ = try await channel.receive() } } }
                try await group.waitForAll()
            }
        }
        try await daemon.step { peer in
            var first: UInt64 = 1
            for round in 0..<2 {
                let requests = try (0..<16).map { _ in try peer.expect(.receive).header.request }
                var burst: [UInt8] = []
                for request in requests {
                    var writer = WireWriter(.received, request: request)
                    writer.integer(UInt32(3))
                    writer.integer(UInt32(1))
                    writer.integer(first)
                    writer.integer(UInt32(1))
                    writer.integer(UInt32(0))
                    writer.raw([0x61])
                    burst += writer.finish()
                    first += 1
                }
                try peer.write(burst)
                let settled = try peer.expectRanges(.settle)
                let expected = DeliveryRange(handle: 3, first: UInt64(round * 16 + 1), count: 16)
                guard settled == [expected] else { throw LiveFailure("settled \(settled)") }
            }
        }
        try await tasks.value
    }

    @Test func whatDoesNotDecodeGoesBackAsSeen() async throws {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        async let failure = #expect(throws: ChandError.self) { _ = try await channel.receive() }
        let ranges = try await daemon.step { peer in
            try peer.deliver([0xff], to: peer.expect(.receive).header.request, first: 4)
            return try peer.expectRanges(.giveBack, seen: true)
        }
        #expect(ranges == [range(4, 1)])
        let error = await failure
        #expect(error?.code == .decoding)
        #expect(error?.channel == "/uid/1000/c")
        #expect(error?.underlying?.contains("UTF-8") == true)
    }

    @Test func aBatchEndsBeforeWhatDoesNotDecode() async throws {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        async let elements = channel.receive(upTo: 9)
        try await daemon.step { [self] peer in
            try peer.deliver(
                [0x61], [0x62], [0xff], [0x63], to: peer.expect(.receive).header.request, first: 1)
            guard try peer.expectRanges(.settle) == [range(1, 2)],
                try peer.expectRanges(.giveBack, seen: true) == [range(3, 1)],
                try peer.expectRanges(.giveBack, seen: false) == [range(4, 1)]
            else { throw LiveFailure("not the fates they should have") }
        }
        #expect(try await elements == ["a", "b"])
    }

    @Test func aBatchWhoseFirstDoesNotDecodeFails() async throws {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        async let failure = #expect(throws: ChandError.self) { _ = try await channel.receive(upTo: 9) }
        try await daemon.step { [self] peer in
            try peer.deliver([0xff], [0x63], to: peer.expect(.receive).header.request, first: 1)
            guard try peer.expectRanges(.giveBack, seen: true) == [range(1, 1)],
                try peer.expectRanges(.giveBack, seen: false) == [range(2, 1)]
            else { throw LiveFailure("not the fates they should have") }
        }
        #expect(await failure?.code == .decoding)
    }

    @Test(arguments: [false, true])
    func readingAheadSettlesWhatIsHandedOverAndGivesBackTheRest(onTheLoop: Bool) async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let body: @Sendable @concurrent () async throws -> [String] = {
            var taken: [String] = []
            for try await text in channel.readingAhead(8) {
                taken.append(text)
                if taken.count == 2 { break }
            }
            return taken
        }
        let task =
            onTheLoop
            ? Task(executorPreference: client.executor) { try await body() } : Task { try await body() }
        try await daemon.step { [self] peer in
            let frame = try peer.expect(.receive)
            let request = try frame.body.withUnsafeBytes { try ReceiveRequest(frame.header, reading: $0) }
            guard request.count == 8 else { throw LiveFailure("asks for \(request.count)") }
            try peer.deliver([0x61], [0x62], [0x63], [0x64], to: frame.header.request, first: 11)
            var settled: [DeliveryRange] = []
            var next = try peer.frame()
            while next.type == .settle {
                settled += try next.reading(as: .settle) { _, body throws(WireFault) in
                    var reader = WireReader(body)
                    return [try DeliveryRange(reading: &reader)]
                }
                next = try peer.frame()
            }
            guard next.type == .giveBack, next.header.flags == 0, settled.first?.first == 11,
                settled.reduce(0, { $0 + $1.count }) == 2
            else { throw LiveFailure("settled \(settled), then \(next)") }
            let back = try next.reading(as: .giveBack) { _, body throws(WireFault) in
                var reader = WireReader(body)
                return try DeliveryRange(reading: &reader)
            }
            guard back == range(13, 2) else { throw LiveFailure("gave back \(back)") }
        }
        #expect(try await task.value == ["a", "b"])
    }

    @Test func readingAheadDoesNotSuspendWhileThereAreMessages() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = Task(executorPreference: client.executor) {
            var taken: [String] = []
            for try await text in channel.readingAhead(3) { taken.append(text) }
            return taken
        }
        try await daemon.step { [self] peer in
            try peer.deliver(
                [0x61], [0x62], [0x63], to: peer.expect(.receive).header.request, first: 1, closed: true)
            // One write: everything settled, and the next request.
            guard try peer.expectRanges(.settle) == [range(1, 3)] else {
                throw LiveFailure("settled otherwise")
            }
            try peer.refuse(peer.expect(.receive).header.request, .closed)
        }
        #expect(try await task.value == ["a", "b", "c"])
    }

    @Test func readingAheadTellsOfHalfItsWindowAtOnce() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = Task(executorPreference: client.executor) {
            var taken: [String] = []
            for try await text in channel.readingAhead(4) { taken.append(text) }
            return taken
        }
        try await daemon.step { [self] peer in
            let request = try peer.expect(.receive).header
            guard request.flags == ReceiveRequest.aheadFlag else { throw LiveFailure("\(request)") }
            try peer.deliver([0x61], [0x62], [0x63], to: request.request, first: 1, more: true)
            // The iterator never leaves its turn between the three.
            guard try peer.expectRanges(.settle) == [range(1, 2)],
                try peer.expectRanges(.settle) == [range(3, 1)]
            else { throw LiveFailure("not at half the window") }
            try peer.refuse(request.request, .closed)
        }
        #expect(try await task.value == ["a", "b", "c"])
    }

    @Test func aDroppedReadAheadIsWithdrawnAndGivesBackWhatStillComes() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = Task(executorPreference: client.executor) {
            var iterator = channel.readingAhead(8).makeAsyncIterator()
            return try await iterator.next()
        }
        try await daemon.step { [self] peer in
            let request = try peer.expect(.receive).header.request
            try peer.deliver([0x61], [0x62], to: request, first: 1, more: true)
            guard try peer.expect(.cancel).header.request == request,
                try peer.expectRanges(.settle) == [range(1, 1)],
                try peer.expectRanges(.giveBack, seen: false) == [range(2, 1)]
            else { throw LiveFailure("not withdrawn") }
            try peer.deliver([0x63], to: request, first: 3, more: true)
            guard try peer.expectRanges(.giveBack, seen: false) == [range(3, 1)] else {
                throw LiveFailure("kept what nobody will take")
            }
            try peer.refuse(request, .cancelled)
        }
        #expect(try await task.value == "a")
    }

    @Test func partsOfAnAnswerToAPlainReceiveBreakTheProtocol() async throws {
        let (daemon, _, channel) = try await ScriptedDaemon.opened()
        async let failure = #expect(throws: ChandError.self) { _ = try await channel.receive() }
        try await daemon.step { peer in
            try peer.deliver([0x61], to: peer.expect(.receive).header.request, first: 1, more: true)
        }
        #expect(await failure?.code == .protocolViolation)
    }

    @Test func readingAheadGivesBackWhatIsLeftWhenItsTaskIsCancelled() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = Task(executorPreference: client.executor) {
            var iterator = channel.readingAhead(8).makeAsyncIterator()
            let first = try await iterator.next()
            withUnsafeCurrentTask { $0?.cancel() }
            await #expect(throws: CancellationError.self) { _ = try await iterator.next() }
            return first
        }
        try await daemon.step { [self] peer in
            try peer.deliver([0x61], [0x62], [0x63], to: peer.expect(.receive).header.request, first: 1)
            guard try peer.expectRanges(.settle) == [range(1, 1)],
                try peer.expectRanges(.giveBack, seen: false) == [range(2, 2)]
            else { throw LiveFailure("not the fates they should have") }
        }
        #expect(try await task.value == "a")
    }

    @Test func readingAheadGivesBackWhatDoesNotDecodeAndAllBehindIt() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let task = Task(executorPreference: client.executor) {
            var iterator = channel.readingAhead(8).makeAsyncIterator()
            let first = try await iterator.next()
            let error = await #expect(throws: ChandError.self) { _ = try await iterator.next() }
            #expect(error?.code == .decoding)
            let next = try await iterator.next()
            return [first, next]
        }
        try await daemon.step { [self] peer in
            try peer.deliver([0x61], [0xff], [0x63], to: peer.expect(.receive).header.request, first: 1)
            guard try peer.expectRanges(.settle) == [range(1, 1)],
                try peer.expectRanges(.giveBack, seen: true) == [range(2, 1)],
                try peer.expectRanges(.giveBack, seen: false) == [range(3, 1)]
            else { throw LiveFailure("not the fates they should have") }
            try peer.deliver([0x64], to: peer.expect(.receive).header.request, first: 4)
            _ = try peer.expect(.settle)
        }
        #expect(try await task.value == ["a", "d"])
    }

    @Test func aRunOfSentsAnswersEachSend() async throws {
        let (daemon, client, channel) = try await ScriptedDaemon.opened()
        let tasks = Task(executorPreference: client.executor) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await channel.send("x") } }
                try await group.waitForAll()
            }
        }
        try await daemon.step { peer in
            let requests = try (0..<8).map { _ in try peer.expect(.send).header.request }
            guard requests == Array(requests[0]..<requests[0] + 8) else { throw LiveFailure("\(requests)") }
            try peer.commit(requests[0], count: 3)
            try peer.commit(requests[3], count: 5)
        }
        try await tasks.value
    }
}
