// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// P7: of several ready cases each wins at least half its fair share.
@Suite struct FairnessTests {
    private static let draws = 10_000

    /// Draws with cases that stay ready: an unbounded channel takes every send, a closed one is always closed.
    private func shares(of count: Int, seed: UInt64, draws: Int = draws, _ cases: (UInt32) -> [CaseInput])
        -> [Int]
    {
        var engine = BrokerEngine(seed: seed)
        var shares = [Int](repeating: 0, count: count)
        guard case .session(let client) = engine.apply(.begin(label: 0, Identity(uid: 1, gid: 1))) else {
            return shares
        }
        for number in 0..<UInt32(count) {
            var options = OpenOptions(name: "c\(number)", role: .both)
            options.capacity = -1
            engine.apply(.open(session: client, label: 0, options))
        }
        // A draw costs most where a message is made for each of 16 sends: all but the first two are closed.
        for number in 0..<UInt32(count) where number != 1 {
            engine.apply(.close(session: client, handle: number, CloseReason()))
        }
        for draw in 0..<draws {
            engine.apply(
                .select(
                    session: client, request: UInt64(draw), cases(UInt32(count)), ordered: false,
                    timeout: -1))
            if let index = engine.events.last?.caseIndex { shares[index] += 1 }
        }
        return shares
    }

    @Test("S2 P7 among 2 to 16 ready cases", arguments: 2...16)
    func fair(count: Int) {
        let shares = shares(of: count, seed: UInt64(count)) { count in
            (0..<count).map { $0 == 1 ? .send($0, 1) : .receive($0) }
        }
        #expect(shares.reduce(0, +) == Self.draws)
        #expect(
            shares.allSatisfy { $0 >= Self.draws / count / 2 && $0 <= Self.draws * 2 / count }, "\(shares)")
    }

    @Test("S2 S8 the same channel several times: each occurrence is an equal candidate", arguments: [2, 5])
    func fairDuplicates(count: Int) {
        let shares = shares(of: count, seed: 77) { count in (0..<count).map { _ in .send(1, 1) } }
        #expect(
            shares.allSatisfy { $0 >= Self.draws / count / 2 && $0 <= Self.draws * 2 / count }, "\(shares)")
    }

    @Test("S2 S6 nil cases take nobody's share")
    func fairAmongReady() {
        let shares = shares(of: 5, seed: 5) { _ in
            [.never, .send(1, 1), .receive(2), .never, .receive(3)]
        }
        #expect(shares[0] == 0 && shares[3] == 0)
        #expect([1, 2, 4].allSatisfy { shares[$0] >= Self.draws / 6 }, "\(shares)")
    }

    @Test("X32 the same seed draws the same, another seed differently")
    func seeded() {
        let cases: (UInt32) -> [CaseInput] = { count in (0..<count).map { _ in .send(1, 1) } }
        let first = shares(of: 7, seed: 1, draws: 300, cases)
        #expect(first == shares(of: 7, seed: 1, draws: 300, cases))
        #expect(first != shares(of: 7, seed: 2, draws: 300, cases))
    }
}
