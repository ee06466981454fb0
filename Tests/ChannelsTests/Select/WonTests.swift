// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import ChanWire
import Testing

@testable import Channels

/// What a client makes of the winners of several selects (docs/protocol.md, WON).
@Suite struct WonTests {
    /// A client with a channel of texts as handle 3, and one of numbers as handle 4.
    private static func opened(
        gracePeriod: Duration = .seconds(5)
    ) async throws -> (ScriptedDaemon, ChandClient, Chan<String>, Chan<Int>) {
        let (daemon, client, texts) = try await ScriptedDaemon.opened(gracePeriod: gracePeriod)
        async let opening = client.channel("numbers", of: Int.self)
        try await daemon.step { peer in
            let request = try peer.expect(.open).header.request
            try peer.write(ScriptedDaemon.opened(handle: 4).encoded(request: request))
        }
        return (daemon, client, texts, try await opening)
    }

    private static func text(_ text: String, _ delivery: UInt64) -> ScriptedWinner {
        ScriptedWinner(caseIndex: 1, handle: 3, delivery: delivery, bytes: Array(text.utf8))
    }

    private static func number(_ number: UInt8, _ delivery: UInt64) -> ScriptedWinner {
        let bytes = [number] + [UInt8](repeating: 0, count: 7)
        return ScriptedWinner(caseIndex: 0, handle: 4, delivery: delivery, bytes: bytes)
    }

    private static func range(_ handle: UInt32, _ first: UInt64, _ count: UInt32) -> DeliveryRange {
        DeliveryRange(handle: handle, first: first, count: count)
    }

    /// Ranges of one delivery each, in the order of their numbers.
    private static func single(_ ranges: [DeliveryRange]) -> [DeliveryRange] {
        ranges.flatMap { range in
            (0..<UInt64(range.count)).map { Self.range(range.handle, range.first + $0, 1) }
        }
        .sorted { ($0.first, $0.handle) < ($1.first, $1.handle) }
    }

    @Test("24 winners keep their order, and all are settled") func inOrder() async throws {
        let (daemon, _, texts, numbers) = try await Self.opened()
        async let winners = select(upTo: 9, [receive(from: numbers), receive(from: texts)])
        try await daemon.step { peer in
            let request = try peer.expect(.select).header.request
            let first = [Self.text("a", 1), Self.number(1, 1), Self.text("b", 2)]
            let second = [Self.number(2, 2), Self.text("c", 3), Self.number(3, 4)]
            try peer.write(ScriptedWinner.frame(request: request, more: true, first))
            try peer.deliver(Array("d".utf8), to: request, first: 4, caseIndex: 1, more: true)
            try peer.write(ScriptedWinner.frame(request: request, second))
            var settled: [DeliveryRange] = []
            // The client may write after each of them.
            while settled.reduce(0, { $0 + $1.count }) < 7 { settled += try peer.expectRanges(.settle) }
            let expected =
                [1, 2, 3, 4].map { Self.range(3, $0, 1) } + [1, 2, 4].map { Self.range(4, $0, 1) }
            guard Self.single(settled) == Self.single(expected) else {
                throw LiveFailure("settled \(settled)")
            }
        }
        #expect(try await winners.map(\.index) == [1, 0, 1, 1, 0, 1, 0])
        #expect(try await winners.compactMap { $0.element(as: String.self) } == ["a", "b", "d", "c"])
        #expect(try await winners.compactMap { $0.element(as: Int.self) } == [1, 2, 3])
    }

    @Test func whatDoesNotDecodeGoesBackAloneAndIsAWinner() async throws {
        let (daemon, _, texts, numbers) = try await Self.opened()
        async let winners = select(upTo: 9, [receive(from: numbers), receive(from: texts)])
        try await daemon.step { peer in
            let request = try peer.expect(.select).header.request
            var short = Self.number(2, 2)
            short.bytes = [2]
            try peer.write(
                ScriptedWinner.frame(
                    request: request, [Self.number(1, 1), short, Self.number(3, 3), Self.text("a", 1)]))
            let settled = try peer.expectRanges(.settle)
            let back = try peer.expectRanges(.giveBack, seen: true)
            guard settled == [Self.range(4, 1, 1), Self.range(4, 3, 1), Self.range(3, 1, 1)],
                back == [Self.range(4, 2, 1)]
            else { throw LiveFailure("settled \(settled), gave back \(back)") }
        }
        let all = try await winners
        #expect(all.map(\.index) == [0, 0, 0, 1])
        #expect((all[1].error as? ChandError)?.code == .decoding)
        #expect(all.compactMap { $0.element(as: Int.self) } == [1, 3])
    }

    /// What comes for a select that nobody waits for any more goes back unseen.
    @Test func afterTheGracePeriodAllGoBack() async throws {
        let (daemon, client, texts, numbers) = try await Self.opened(gracePeriod: .milliseconds(200))
        let task = Task { try await select(upTo: 9, [receive(from: numbers), receive(from: texts)]) }
        let request = try await daemon.step { try $0.expect(.select).header.request }
        task.cancel()
        let error = await #expect(throws: ChandError.self) { _ = try await task.value }
        #expect(error?.code == .outcomeUnknown)
        try await daemon.step { peer in
            _ = try peer.expect(.cancel)
            try peer.write(
                ScriptedWinner.frame(
                    request: request, more: true, [Self.text("a", 1), Self.number(1, 1), Self.text("b", 2)]))
            try peer.write(ScriptedWinner.frame(request: request, [Self.number(2, 2)]))
            var back: [DeliveryRange] = []
            while back.reduce(0, { $0 + $1.count }) < 4 {
                back += try peer.expectRanges(.giveBack, seen: false)
            }
            guard Self.single(back) == [1, 2].flatMap({ [Self.range(3, $0, 1), Self.range(4, $0, 1)] }) else {
                throw LiveFailure("gave back \(back)")
            }
        }
        _ = client
    }

    /// Rules 19 and 22: what has come before the select fails was not handed over, and goes back.
    @Test func whatCameInPartGoesBackWithItsSelect() async throws {
        let (daemon, client, texts, numbers) = try await Self.opened()
        async let failure = #expect(throws: ChandError.self) {
            _ = try await select(upTo: 9, [receive(from: numbers), receive(from: texts)])
        }
        let request = try await daemon.step { peer in
            let request = try peer.expect(.select).header.request
            try peer.write(
                ScriptedWinner.frame(
                    request: request, more: true, [Self.text("a", 1), Self.number(1, 1), Self.text("b", 2)]))
            return request
        }
        // Its answer comes behind the winners.
        async let ping = client.ping()
        try await daemon.step { peer in
            try peer.write(WireWriter(.pong, request: peer.expect(.ping).header.request).finish())
        }
        _ = try await ping
        async let closed: Void = client.close()
        try await daemon.step { peer in
            guard try peer.expect(.cancel).header.request == request else { throw LiveFailure("no cancel") }
            let back = try peer.expectRanges(.giveBack, seen: true)
            guard back == [Self.range(3, 1, 2), Self.range(4, 1, 1)] else {
                throw LiveFailure("gave back \(back)")
            }
            try peer.write(ScriptedWinner.frame(request: request, [Self.number(2, 2)]))
            guard try peer.expectRanges(.giveBack, seen: false) == [Self.range(4, 2, 1)] else {
                throw LiveFailure("kept the last")
            }
            _ = try peer.expect(.leave)
            try peer.write(Goodbye(.done, "bye").encoded())
        }
        await closed
        #expect(await failure?.code == .clientClosed)
    }

    /// No room is made for what a frame can't have.
    @Test(arguments: [UInt32(2), .max]) func aCountIsNoPromise(count: UInt32) async throws {
        let (daemon, _, texts, numbers) = try await Self.opened()
        async let failure = #expect(throws: ChandError.self) {
            _ = try await select(upTo: .max, [receive(from: numbers), receive(from: texts)])
        }
        try await daemon.step { peer in
            let request = try peer.expect(.select).header.request
            var frame = ScriptedWinner.frame(request: request, [Self.text("a", 1)])
            withUnsafeBytes(of: count.littleEndian) { frame.replaceSubrange(16..<20, with: $0) }
            try peer.write(frame)
        }
        #expect(await failure?.code == .protocolViolation)
    }

    @Test func whatIsReadAheadDoesNotComeSo() async throws {
        let (daemon, _, texts) = try await ScriptedDaemon.opened()
        async let failure = #expect(throws: ChandError.self) { for try await _ in texts.readingAhead(4) {} }
        try await daemon.step { peer in
            let request = try peer.expect(.receive).header.request
            // Read as a RECEIVED, three winners are handle 3, and the first one's case is one message.
            let winners = [Self.text("a", 1), Self.text("b", 2), Self.text("c", 3)]
            try peer.write(ScriptedWinner.frame(request: request, more: true, winners))
            // So that one that takes them ends too; who does not has gone.
            try? peer.refuse(request, .timeout)
        }
        #expect(await failure?.code == .protocolViolation)
    }

    /// A way in which no daemon should answer a select of up to two.
    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let winners: [ScriptedWinner]
        var isCut = false
    }

    static let faults = [
        Fault(testDescription: "none", winners: []),
        Fault(testDescription: "too many", winners: [text("a", 1), text("b", 2), text("c", 3)]),
        Fault(
            testDescription: "another handle's",
            winners: [ScriptedWinner(caseIndex: 0, handle: 3, delivery: 1, bytes: [0x61])]),
        Fault(
            testDescription: "no such case",
            winners: [ScriptedWinner(caseIndex: 3, handle: 3, delivery: 1, bytes: [0x61])]),
        Fault(
            testDescription: "a case that never proceeds",
            winners: [ScriptedWinner(caseIndex: 2, handle: 0, delivery: 1, bytes: [0x61])]),
        Fault(testDescription: "cut", winners: [text("a", 1)], isCut: true),
    ]

    @Test(arguments: faults) func malformedWinnersEndTheConnection(fault: Fault) async throws {
        let (daemon, client, texts, numbers) = try await Self.opened()
        async let failure = #expect(throws: ChandError.self) {
            _ = try await select(
                upTo: 2, [receive(from: numbers), receive(from: texts), receive(from: never(of: Int.self))])
        }
        try await daemon.step { peer in
            var frame = ScriptedWinner.frame(request: try peer.expect(.select).header.request, fault.winners)
            if fault.isCut {
                frame.removeLast()
                frame[0] -= 1
            }
            try peer.write(frame)
        }
        #expect(await failure?.code == .protocolViolation)
        let later = await #expect(throws: ChandError.self) { try await client.ping() }
        #expect(later?.code == .protocolViolation)
    }

    @Test func aPlainReceiveIsNotAnsweredSo() async throws {
        let (daemon, _, texts) = try await ScriptedDaemon.opened()
        async let failure = #expect(throws: ChandError.self) { _ = try await texts.receive() }
        try await daemon.step { peer in
            let request = try peer.expect(.receive).header.request
            try peer.write(ScriptedWinner.frame(request: request, [Self.text("a", 1)]))
        }
        #expect(await failure?.code == .protocolViolation)
    }
}
