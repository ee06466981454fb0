// SPDX-License-Identifier: Apache-2.0

import ChanTestSupport
import Testing

@testable import Channels

/// The table of operations under way, with texts for operations.
@Suite struct OutstandingOperationsTests {
    typealias Table = OutstandingOperations<String>

    private func isAwaited(_ ending: Table.Ending, _ context: String) -> Bool {
        if case .awaited(context) = ending { true } else { false }
    }

    private func isAbandoned(_ ending: Table.Ending) -> Bool {
        if case .abandoned = ending { true } else { false }
    }

    private func isUnknown(_ ending: Table.Ending) -> Bool {
        if case .unknown = ending { true } else { false }
    }

    @Test func idsAscendFromOneAndEndOnce() {
        var table = Table()
        #expect(table.begin("a") == 1)
        #expect(table.begin("b") == 2)
        #expect(isAwaited(table.end(2), "b"))
        #expect(isUnknown(table.end(2)))
        #expect(isUnknown(table.end(0)))
        #expect(isUnknown(table.end(3)))
        #expect(isAwaited(table.end(1), "a"))
        #expect(table.count == 0)
        #expect(table.begin("c") == 3)
        #expect(table.checkInvariants() == true)
    }

    @Test func aPartOfAnAnswerEndsNothing() {
        var table = Table()
        let id = table.begin("a")
        let unawaited = table.beginUnawaited()
        #expect(isAwaited(table.find(id), "a") && isAwaited(table.find(id), "a"))
        #expect(isAbandoned(table.find(unawaited)))
        #expect(isUnknown(table.find(0)) && isUnknown(table.find(99)))
        #expect(isAwaited(table.end(id), "a"))
        #expect(isUnknown(table.find(id)))
    }

    @Test func aLongWaitDoesNotMakeTheTableGrowForEver() {
        var table = Table(capacity: 8)
        let first = table.begin("parked")
        for _ in 0..<1000 {
            let id = table.begin("quick")
            #expect(isAwaited(table.end(id), "quick"))
        }
        #expect(table.checkInvariants() == true)
        #expect(isAwaited(table.end(first), "parked"))
    }

    @Test func withdrawingAsksOnce() {
        var table = Table()
        let id = table.begin("a")
        #expect(table.withdraw(id, graceEnd: 100) == true)
        #expect(table.withdraw(id, graceEnd: 200) == false)
        #expect(table.expire(now: .max, grace: 99, gracePeriod: 10).isEmpty == true)
        #expect(isAwaited(table.end(id), "a"))
        #expect(table.withdraw(id, graceEnd: 100) == false)
    }

    @Test func aDeadlineAsksAndTheGraceEndsIt() {
        var table = Table()
        let id = table.begin("a", deadline: 50)
        _ = table.begin("b", deadline: 500)
        #expect(table.nextDeadline == 50)
        #expect(table.expire(now: 49, grace: 0, gracePeriod: 10).isEmpty == true)
        let asked = table.expire(now: 50, grace: 7, gracePeriod: 10)
        guard asked.count == 1, case .withdraw(id) = asked[0] else {
            Issue.record("\(asked)")
            return
        }
        #expect(table.nextDeadline == 500)
        #expect(table.nextGraceEnd == 17)
        #expect(table.expire(now: 60, grace: 16, gracePeriod: 10).isEmpty == true)
        let given = table.expire(now: 60, grace: 17, gracePeriod: 10)
        guard given.count == 1, case .abandon("a") = given[0] else {
            Issue.record("\(given)")
            return
        }
        #expect(table.checkInvariants() == true)
        #expect(isAbandoned(table.end(id)))
        #expect(isUnknown(table.end(id)))
    }

    @Test func lossTellsEverybodyInOrder() {
        var table = Table(capacity: 8)
        let ids = (0..<20).map { table.begin("\($0)") }
        #expect(isAwaited(table.end(ids[3]), "3"))
        _ = table.beginUnawaited()
        let lost = table.loseAll()
        #expect(lost == (0..<20).filter { $0 != 3 }.map { "\($0)" })
        #expect(table.count == 0)
        #expect(isUnknown(table.end(ids[0])))
        #expect(table.checkInvariants() == true)
    }

    @Test func leavingAbandonsEverybodyAndWaitsForTheAnswers() {
        var table = Table()
        let first = table.begin("a")
        let second = table.begin("b", deadline: 5)
        #expect(table.abandonAll().map(\.context) == ["a", "b"])
        #expect(table.count == 2)
        #expect(table.expire(now: .max, grace: .max, gracePeriod: 1).isEmpty == true)
        #expect(isAbandoned(table.end(second)))
        #expect(isAbandoned(table.end(first)))
        #expect(table.count == 0)
    }

    @Test(arguments: [1, 2, 3]) func randomUseKeepsTheInvariants(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = OutstandingOperations<UInt64>(capacity: 8)
        var live: [UInt64: Bool] = [:]
        var now: UInt64 = 0
        for step in 0..<1500 {
            now += 1
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let deadline = Bool.random(using: &random) ? now + 20 : UInt64.max
                let expected = UInt64(step)
                let id = table.begin(expected, deadline: deadline)
                if live[id] != nil { Issue.record("id \(id) was given twice, seed \(seed)") }
                live[id] = true
            case 5..<9:
                guard let id = live.keys.sorted().randomElement(using: &random) else { continue }
                let awaited = live.removeValue(forKey: id)
                switch table.end(id) {
                case .awaited: #expect(awaited == true)
                case .abandoned: #expect(awaited == false)
                case .unknown: Issue.record("lost operation \(id), seed \(seed)")
                }
            default:
                guard let id = live.keys.sorted().randomElement(using: &random) else { continue }
                _ = table.withdraw(id, graceEnd: now + 10)
            }
            let before = table.count
            let due = table.expire(now: now, grace: now, gracePeriod: 10)
            if table.count != before { Issue.record("time ended an operation, seed \(seed)") }
            for case .abandon in due {
                // Which one it was shows when it is ended.
                for id in live.keys where table.context(id) == nil { live[id] = false }
            }
            if table.count != live.count { Issue.record("\(table.count) for \(live.count), seed \(seed)") }
            if step % 50 == 0 { #expect(table.checkInvariants() == true, "seed \(seed), step \(step)") }
        }
    }
}

/// The race between an operation's beginning, its cancellation and its end.
@Suite struct OperationPhaseTests {
    @Test func cancelledBeforeItBegins() {
        var phase = OperationPhase.prepared
        #expect(phase.cancel() == nil)
        #expect(!phase.mayBegin())
    }

    @Test func cancelledWhileUnderWay() {
        var phase = OperationPhase.prepared
        #expect(phase.mayBegin())
        phase.begin(as: 7)
        #expect(phase.cancel() == 7)
        // The table asks the daemon once; the phase may be told any number of times.
        #expect(phase.cancel() == 7)
    }

    @Test func cancelledAfterItsEnd() {
        var phase = OperationPhase.prepared
        phase.begin(as: 7)
        phase.end()
        #expect(phase.cancel() == nil)
        #expect(phase == .ended)
    }
}
