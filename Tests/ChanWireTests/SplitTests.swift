// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Testing

/// P2: the pieces in which a stream arrives do not change its frames.
@Suite struct SplitTests {
    @Test func theCorpusHasEveryKindOfFrame() {
        let types = Set(Corpus.small.map { $0[4] })
        #expect(Corpus.small.count >= 200)
        #expect(types == Set(FrameType.allCases.map(\.rawValue)))
    }

    @Test func smallFramesInTwoPiecesAtEveryPosition() throws {
        try StreamCheck.withStream(of: Corpus.small) { stream, ends throws(WireFault) in
            for cut in 0...stream.count {
                let check = try StreamCheck.holds(stream, ends: ends, cuts: [cut])
                if !check.isComplete { Issue.record("cut at \(cut): \(check)") }
            }
        }
    }

    @Test func smallFramesByteByByte() throws {
        try StreamCheck.withStream(of: Corpus.small) { stream, ends throws(WireFault) in
            let check = try StreamCheck.holds(stream, ends: ends, cuts: Array(1..<stream.count))
            #expect(check.isComplete, "\(check)")
        }
    }

    @Test(arguments: [false, true])
    func smallFramesInRandomPieces(direct: Bool) throws {
        let seed = SeededRandom.seed(#function)
        var random = SeededRandom(seed: seed)
        try StreamCheck.withStream(of: Corpus.small) { stream, ends throws(WireFault) in
            for _ in 0..<500 {
                let cuts = Self.cuts(stream.count, 1 + random.below(40), &random)
                let check = try StreamCheck.holds(stream, ends: ends, cuts: cuts, direct: direct)
                if !check.isComplete { Issue.record("seed \(seed): \(check)") }
            }
        }
    }

    /// A frame that is received straight into its storage, between two others.
    @Test(arguments: [false, true])
    func aLargeFrameInTwoPiecesAtEveryPosition(direct: Bool) throws {
        let body = [UInt8](repeating: 7, count: FrameAssembler.directBodyBytes)
        let frames = [
            SimpleFrame.leave(), SimpleFrame.ping(request: 1, payload: body), SimpleFrame.ping(request: 2),
        ]
        try StreamCheck.withStream(of: frames) { stream, ends throws(WireFault) in
            for cut in 0...stream.count {
                let check = try StreamCheck.holds(stream, ends: ends, cuts: [cut], direct: direct)
                if !check.isComplete { Issue.record("cut at \(cut): \(check)") }
            }
        }
    }

    /// Every position near a frame's border and random ones elsewhere; all positions would take minutes.
    @Test(arguments: [false, true])
    func eachLargeFrameInTwoAndThreePieces(direct: Bool) throws {
        let seed = SeededRandom.seed(#function)
        var random = SeededRandom(seed: seed)
        for frame in Corpus.large {
            try StreamCheck.withStream(of: [frame, SimpleFrame.leave()]) { stream, ends throws(WireFault) in
                let edge = min(FrameAssembler.directBodyBytes, stream.count)
                var cuts = [0..<40, edge - 20..<edge, stream.count - 40..<stream.count].flatMap { $0 }
                cuts += (0..<50).map { _ in random.below(stream.count) }
                for cut in cuts {
                    let pieces = [cut, cut + random.below(stream.count - cut + 1)]
                    let two = try StreamCheck.holds(stream, ends: ends, cuts: [cut], direct: direct)
                    let three = try StreamCheck.holds(stream, ends: ends, cuts: pieces, direct: direct)
                    if !two.isComplete || !three.isComplete { Issue.record("seed \(seed), \(pieces)") }
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func theWholeCorpusInRandomPieces(direct: Bool) throws {
        let seed = SeededRandom.seed(#function)
        var random = SeededRandom(seed: seed)
        try StreamCheck.withStream(of: Corpus.small + Corpus.large) { stream, ends throws(WireFault) in
            for count in [0, 1, 10, 100, 1000, 1000] {
                let cuts = Self.cuts(stream.count, count, &random)
                let check = try StreamCheck.holds(stream, ends: ends, cuts: cuts, direct: direct)
                #expect(check.isComplete, "seed \(seed), \(count) cuts: \(check.problem ?? "")")
            }
        }
    }

    private static func cuts(_ length: Int, _ count: Int, _ random: inout SeededRandom) -> [Int] {
        (0..<count).map { _ in random.below(length + 1) }.sorted()
    }
}
