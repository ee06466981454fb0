// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanWire
import Testing

/// P1 in small: whatever the bytes are, decoding ends with a value or with a `WireFault`, never with a trap.
@Suite struct MutationTests {
    private static let cases = 200_000

    /// Changes 1 to 4 places: a byte to any value, one bit, a byte more, a byte less, or an extreme number.
    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        for _ in 0...random.below(4) {
            let place = random.below(bytes.count + 1)
            switch random.below(5) {
            case 0 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
            case 2 where place < bytes.count: bytes.remove(at: place)
            case 3:
                for index in place..<min(place + 4, bytes.count) { bytes[index] = place % 2 == 0 ? 0xFF : 0 }
            default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
            }
        }
    }

    /// Feeds the bytes in two pieces and decodes what comes as the type it has and as `type`.
    private static func decode(
        _ bytes: [UInt8], cut: Int, as type: FrameType
    ) throws(WireFault) -> Int {
        var frames = 0
        var assembler = FrameAssembler(maxBodyBytes: 1 << 16)
        for piece in [bytes[..<cut], bytes[cut...]] {
            let result: Result<Void, WireFault> = piece.withUnsafeBytes { raw in
                do throws(WireFault) {
                    _ = try assembler.feed(raw) { frame throws(WireFault) in
                        let header = frame.header
                        let body = frame.body
                        frames += 1
                        var other = header
                        other.rawType = type.rawValue
                        _ = try? Reencoding.reencoded(as: type, other, body)
                        if header.type != nil { _ = try Reencoding.reencoded(header, body) }
                    }
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
            try result.get()
        }
        return frames
    }

    @Test func changedFramesNeverTrap() {
        let seed = SeededRandom.seed(#function)
        var random = SeededRandom(seed: seed)
        let frames = Corpus.small
        let types = FrameType.allCases
        var decoded = 0
        var faults: [GoodbyeCode: Int] = [:]
        for _ in 0..<Self.cases {
            var bytes = frames[random.below(frames.count)]
            if random.below(4) == 0 { bytes += frames[random.below(frames.count)] }
            Self.mutate(&bytes, &random)
            do throws(WireFault) {
                let cut = random.below(bytes.count + 1)
                decoded += try Self.decode(bytes, cut: cut, as: types[random.below(types.count)])
            } catch {
                faults[error.code, default: 0] += 1
            }
        }
        // Both ends of the search were reached: frames that still decode, and frames that don't.
        #expect(decoded > Self.cases / 100, "seed \(seed)")
        #expect(faults[.malformed, default: 0] > Self.cases / 100, "seed \(seed)")
        #expect(faults[.frameTooLarge, default: 0] > Self.cases / 1000, "seed \(seed)")
        #expect(Set(faults.keys) == [.malformed, .frameTooLarge], "seed \(seed)")
    }

    /// Every type reads every frame's body of the corpus, which was made for another.
    @Test func anyTypeReadsAnyBody() {
        for frame in Corpus.small {
            for type in FrameType.allCases {
                var bytes = frame
                bytes[4] = type.rawValue
                _ = try? Reencoding.frame(bytes)
            }
        }
    }
}
