// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@Suite("The output of a session", .apart)
struct WriteQueueTests {
    /// Bodies that are spoiled when their token comes back, so that a later use would show in the output.
    private final class Bodies {
        private var bodies: [UInt64: UnsafeMutableRawBufferPointer] = [:]
        private(set) var released: [UInt64] = []

        deinit { bodies.values.forEach { $0.deallocate() } }

        func add(_ token: UInt64, _ bytes: [UInt8]) -> UnsafeRawBufferPointer {
            let body = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
            body.copyBytes(from: bytes)
            bodies[token] = body
            return UnsafeRawBufferPointer(rebasing: body[..<bytes.count])
        }

        func release(_ token: UInt64) {
            released.append(token)
            bodies[token]?.initializeMemory(as: UInt8.self, repeating: 0xee)
        }
    }

    @Test(
        "small and big pieces arrive in order through a narrow socket",
        arguments: 1...12 as ClosedRange<UInt64>)
    func partialWrites(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let pair = try UnixSocket.pair()
        try UnixSocket.setSendBuffer(pair.first.raw, bytes: 4096)
        let pool = BufferPool()
        let bodies = Bodies()
        var queue = WriteQueue()
        var sent: [UInt8] = []
        var arrived: [UInt8] = []
        var token: UInt64 = 0
        var blocked = 0
        func flush() {
            let before = queue.count
            let result = queue.flush(to: pair.first.raw, pool: pool, release: bodies.release)
            if result == .wouldBlock { blocked += 1 }
            #expect((result == .done) == (queue.isEmpty))
            #expect(queue.count <= before)
        }
        for _ in 0..<400 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0...3:
                let piece = randomBytes(Int.random(in: 1...60, using: &random), &random)
                piece.withUnsafeBytes { queue.bytes.append($0, pool: pool) }
                sent += piece
            case 4, 5:
                let size = Bool.random(using: &random) ? Int.random(in: 0...9, using: &random) : 5000
                let body = randomBytes(size, &random)
                queue.appendReference(bodies.add(token, body), token: token)
                token += 1
                sent += body
            case 6: flush()
            default: arrived += drain(pair.second.raw)
            }
            #expect(queue.count <= sent.count - arrived.count)
        }
        while !queue.isEmpty {
            flush()
            arrived += drain(pair.second.raw)
        }
        arrived += drain(pair.second.raw)
        #expect(arrived == sent)
        #expect(bodies.released == Array(0..<token))
        #expect(blocked > 0, "the socket was not narrow enough to prove anything")
        #expect(queue.count == 0 && queue.referenceCount == 0 && queue.bytes.capacity == 0)
    }

    @Test("more than 64 pieces take several calls of 64 each")
    func manyPieces() throws {
        let pair = try UnixSocket.pair()
        let bodies = Bodies()
        var queue = WriteQueue()
        for token in 0..<100 as Range<UInt64> {
            queue.bytes.append(UInt8(token))
            queue.appendReference(bodies.add(token, [UInt8(token), UInt8(token)]), token: token)
        }
        let first = queue.flush(to: pair.first.raw, release: bodies.release)
        #expect(first == .more)
        #expect(bodies.released.count == 32)
        var calls = 1
        while !queue.isEmpty {
            _ = queue.flush(to: pair.first.raw, release: bodies.release)
            calls += 1
        }
        #expect(calls == 4)
        #expect(drain(pair.second.raw) == (0..<100).flatMap { [UInt8](repeating: $0, count: 3) })
    }

    @Test("a queue that is dropped gives back every token that was not yet given back")
    func dropAll() throws {
        let pair = try UnixSocket.pair()
        try UnixSocket.setSendBuffer(pair.first.raw, bytes: 4096)
        let bodies = Bodies()
        var queue = WriteQueue()
        for token in 0..<10 as Range<UInt64> {
            queue.bytes.append(token)
            queue.appendReference(bodies.add(token, [UInt8](repeating: 1, count: 2000)), token: token)
        }
        let result = queue.flush(to: pair.first.raw, release: bodies.release)
        #expect(result == .wouldBlock)
        #expect((1..<10).contains(bodies.released.count))
        queue.dropAll(release: bodies.release)
        #expect(bodies.released == Array(0..<10))
        #expect(queue.isEmpty && queue.count == 0 && queue.bytes.capacity == 0)
        queue.bytes.append(1 as UInt8)
        queue.appendReference(bodies.add(10, [2]), token: 10)
        queue.dropAll(release: bodies.release)
        #expect(bodies.released.last == 10)
    }

    @Test("an error leaves the queue as it was")
    func failure() throws {
        let pair = try UnixSocket.pair()
        let bodies = Bodies()
        var queue = WriteQueue()
        queue.bytes.append(5 as UInt8)
        queue.appendReference(bodies.add(1, [6]), token: 1)
        let result = SystemFaults.fail(.sendmsg, errno: SystemError.connectionReset) {
            queue.flush(to: pair.first.raw, release: bodies.release)
        }
        #expect(result == .failed(SystemError.connectionReset))
        #expect(queue.count == 2 && bodies.released.isEmpty)
        let again = queue.flush(to: pair.first.raw, release: bodies.release)
        #expect(again == .done)
        #expect(drain(pair.second.raw) == [5, 6])
    }

    @Test("an idle queue is small")
    func size() {
        #expect(MemoryLayout<WriteQueue>.size <= 96)
    }
}
