// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import Testing

/// Histories of several processes over real sockets, each of which must have an order in which plain channels
/// do the same (X1, X2, G15, G17).
@Suite(.blocking) struct HistoryTests {
    /// Histories of each kind; CHAND_HISTORY_ROUNDS asks for more, CHAND_TEST_SEED repeats some.
    private static let rounds = ThisProcess.environment("CHAND_HISTORY_ROUNDS").flatMap { Int($0) } ?? 6

    /// What the processes of a history do.
    enum Kind: String, CaseIterable {
        /// Operations on one channel each.
        case singles
        /// Selects over all channels as well.
        case selects
        /// Selects, and a channel that is closed now and then.
        case closes
        /// A process that only sends, and is killed.
        case deaths
    }

    @Test(.timeLimit(.minutes(60)), arguments: Kind.allCases)
    func linearizable(_ kind: Kind) throws {
        let given = ThisProcess.environment("CHAND_TEST_SEED").flatMap { UInt64($0) }
        let seed = given ?? UInt64.random(in: 1...UInt64(UInt32.max))
        print("histories \(kind): repeat with CHAND_TEST_SEED=\(seed)")
        try DaemonUnderTest.run { daemon in
            var random = SeededRandom(seed: seed)
            var processes = try (0..<3).map { _ in try HistoryProcess(daemon.socketPath) }
            var counts = (operations: 0, effects: 0, unknown: 0)
            for round in 0..<Self.rounds {
                let capacities = (0..<2).map { _ in [0, 1, 3, -1][random.below(4)] }
                let channels = capacities.enumerated().map {
                    HistoryPlan.Channel("round-\(round)/\($0.offset)", capacity: $0.element)
                }
                var plans = processes.indices.map { process in
                    HistoryPlan(
                        process: process, seed: random.next(), lanes: 3, operations: 25, channels: channels,
                        selects: kind != .singles, closes: kind == .closes,
                        receives: kind != .deaths || process > 0)
                }
                let killAfter = kind == .deaths ? 10 + random.below(100) : Int.max
                var history = try Self.run(plans, on: processes, killFirstAfter: killAfter)
                if kind == .deaths { processes[0] = try HistoryProcess(daemon.socketPath) }
                plans[1].drains = true
                history += try processes[1].run(plans[1])
                counts.operations += history.count
                counts.effects += history.count { $0.outcome != .blocked && $0.outcome != .withdrawn }
                counts.unknown += history.count { $0.outcome == nil }
                let verdict = HistoryChecker(capacities: capacities).check(history)
                #expect(
                    verdict == .linearizable,
                    """
                    seed \(seed), round \(round), capacities \(capacities)
                    \(history.sorted { $0.invoked < $1.invoked }.map(\.description).joined(separator: "\n"))
                    """)
            }
            print("histories \(kind): \(Self.rounds) of \(counts)")
            // Not a test of tries that all fail.
            #expect(counts.effects > counts.operations / 5)
            if kind == .deaths { #expect(counts.unknown > 0) }
        }
    }

    /// Lets all processes carry out their plans at once.
    private static func run(
        _ plans: [HistoryPlan], on processes: [HistoryProcess], killFirstAfter count: Int
    ) throws -> [HistoryOperation] {
        let results = Lock<[Result<[HistoryOperation], any Error>]>([])
        let threads = try plans.indices.map { index in
            let (plan, process) = (plans[index], processes[index])
            return try NativeThread.start(name: "history") {
                let result = Result { try process.run(plan, killAfter: index == 0 ? count : .max) }
                results.withLock { $0.append(result) }
            }
        }
        for thread in threads { thread.join() }
        return try results.withLock { $0 }.flatMap { try $0.get() }
    }
}
