// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@Suite("Growable bytes")
struct GrowableBytesTests {
    @Test("any sequence of operations gives what an array would", arguments: 1...20 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pool = BufferPool(chunkBytes: 1024, maxSpare: 2)
        var bytes = GrowableBytes()
        var model: [UInt8] = []
        for _ in 0..<2000 {
            let usedPool = Bool.random(using: &random) ? pool : nil
            switch Int.random(in: 0..<9, using: &random) {
            case 0, 1:
                let piece = randomBytes(Int.random(in: 0...300, using: &random), &random)
                piece.withUnsafeBytes { bytes.append($0, pool: usedPool) }
                model += piece
            case 2:
                let number = UInt32.random(in: 0 ... .max, using: &random)
                bytes.append(number, pool: usedPool)
                model += (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
            case 3 where model.count >= 8:
                let offset = Int.random(in: 0...model.count - 8, using: &random)
                let number = UInt64.random(in: 0 ... .max, using: &random)
                bytes.patch(number, at: offset)
                for index in 0..<8 {
                    model[offset + index] = UInt8(truncatingIfNeeded: number >> (index * 8))
                }
            case 4, 5:
                let count = Int.random(in: 0...min(model.count, 600), using: &random)
                bytes.consume(count)
                model.removeFirst(count)
            case 6:
                let space = bytes.writable(atLeast: 20, pool: usedPool)
                let piece = randomBytes(20, &random)
                space.copyBytes(from: piece)
                bytes.commit(20)
                model += piece
            case 7:
                let count = Int.random(in: 0...min(model.count, 20), using: &random)
                bytes.removeLast(count)
                model.removeLast(count)
            default:
                if Bool.random(using: &random) {
                    bytes.compact(pool: usedPool)
                } else {
                    bytes.release(to: usedPool)
                }
                #expect(!model.isEmpty || bytes.capacity == 0)
            }
            #expect(bytes.count == model.count && bytes.isEmpty == model.isEmpty)
            let equal = bytes.withReadable { $0.elementsEqual(model) }
            #expect(equal)
            #expect(bytes.capacity >= bytes.count)
            #expect(pool.spareCount <= 2)
        }
    }

    @Test("memory comes from the pool and goes back to it")
    func pool() {
        let pool = BufferPool(chunkBytes: 4096, maxSpare: 1)
        var first = GrowableBytes()
        var second = GrowableBytes()
        #expect(first.capacity == 0)
        first.append(1 as UInt8, pool: pool)
        second.append(2 as UInt8, pool: pool)
        #expect(first.capacity == 4096)
        first.release(to: pool)
        #expect(first.capacity == 4096, "there is something in it")
        first.consume(1)
        first.release(to: pool)
        second.removeAll()
        second.release(to: pool)
        #expect(first.capacity == 0 && second.capacity == 0)
        #expect(pool.spareCount == 1)
    }

    @Test("a small remainder does not keep large memory")
    func compact() {
        let pool = BufferPool(chunkBytes: 65_536)
        var bytes = GrowableBytes()
        bytes.append(0x0102_0304 as UInt32, pool: pool)
        bytes.compact(pool: pool)
        #expect(bytes.capacity == 256)
        #expect(pool.spareCount == 1)
        let content = bytes.withReadable { Array($0) }
        #expect(content == [4, 3, 2, 1])
    }

    @Test("a stream through the buffer does not make it grow")
    func steadyState() {
        var bytes = GrowableBytes()
        let piece = [UInt8](repeating: 7, count: 100)
        for _ in 0..<10_000 {
            piece.withUnsafeBytes { bytes.append($0) }
            if bytes.count > 1000 { bytes.consume(90) }
            if bytes.count > 1500 { bytes.consume(1000) }
        }
        #expect(bytes.capacity <= 4096)
    }
}
