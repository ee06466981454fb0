// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rule 14: stated and unstated options, in every combination.
@Suite struct OpeningTests {
    /// One option as it can be stated.
    struct Option: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var first: @Sendable (inout OpenOptions) -> Void
        var second: @Sendable (inout OpenOptions) -> Void
    }

    static let options = [
        Option(testDescription: "capacity", first: { $0.capacity = 3 }, second: { $0.capacity = 4 }),
        Option(testDescription: "unbounded", first: { $0.capacity = -1 }, second: { $0.capacity = 0 }),
        Option(testDescription: "type tag", first: { $0.typeTag = "job" }, second: { $0.typeTag = "" }),
        Option(
            testDescription: "close-with-last-sender", first: { $0.closeWithLastSender = true },
            second: { $0.closeWithLastSender = false }),
        Option(
            testDescription: "no close-with-last-sender", first: { $0.closeWithLastSender = false },
            second: { $0.closeWithLastSender = true }),
        Option(
            testDescription: "fail-with-last-receiver", first: { $0.failWithLastReceiver = true },
            second: { $0.failWithLastReceiver = false }),
        Option(
            testDescription: "no fail-with-last-receiver", first: { $0.failWithLastReceiver = false },
            second: { $0.failWithLastReceiver = true }),
    ]

    /// What a handle may state of an option.
    enum Statement: CaseIterable, Sendable { case nothing, same, other }

    @Test("14 stated, unstated, decided late, and different", arguments: options, Statement.allCases)
    func statements(option: Option, then: Statement) throws {
        for early in [true, false] {
            for creator in [Role.send, .receive] {
                let scene = scene()
                let holder = try scene.open(scene.client(), "c", role: creator) {
                    if early { option.first(&$0) }
                }
                if !early { _ = try scene.open(scene.client(), "c", role: .receive, option.first) }
                let third = scene.tryOpen(scene.client(), "c", role: .send) {
                    switch then {
                    case .nothing: break
                    case .same: option.first(&$0)
                    case .other: option.second(&$0)
                    }
                }
                #expect(failure(third)?.kind == (then == .other ? .mismatch : nil))
                if then == .other { #expect(failure(third)?.text.isEmpty == false) }
                let state = try scene.state(holder)
                var stated = OpenOptions(name: "c", role: .send)
                option.first(&stated)
                #expect(stated.capacity == nil || state.capacity == stated.capacity)
                #expect(stated.typeTag == nil || state.typeTag == stated.typeTag)
                #expect(state.closesWithLastSender == stated.closeWithLastSender ?? false)
                #expect(state.failsWithLastReceiver == stated.failWithLastReceiver ?? false)
            }
        }
    }

    @Test("14 a mismatch names the real value")
    func namesValue() throws {
        let scene = scene()
        let client = scene.client()
        _ = try scene.open(client, "c", capacity: 7, role: .send) { $0.typeTag = "job" }
        let capacity = failure(scene.tryOpen(client, "c") { $0.capacity = 8 })
        #expect(capacity?.text.contains("7") == true)
        let tag = failure(scene.tryOpen(client, "c") { $0.typeTag = "task" })
        #expect(tag?.text.contains("job") == true)
        #expect(try scene.state(try scene.open(client, "c")).sendHandles == 2)
    }

    @Test("14 an undecided capacity acts as a rendezvous; deciding lets waiting senders move on in order")
    func deciding() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: nil)
        #expect(try scene.state(one).capacity == Capacity.undecided)
        let sends = (1...5).map { scene.send($0 % 2 == 0 ? one : other, $0) }
        #expect(sends.allSatisfy { scene[$0] == .waiting })
        _ = try scene.open(scene.client(), "c", capacity: 3, role: .receive)
        #expect(sends.map { scene[$0] } == [.sent, .sent, .sent, .waiting, .waiting])
        #expect(scene[scene.receive(one, upTo: 9)] == .received([1, 2, 3, 4, 5]))
    }

    @Test("14 deciding a rendezvous or an unbounded channel", arguments: [0, -1])
    func decidingOthers(capacity: Int64) throws {
        let scene = scene()
        let one = try scene.single(capacity: nil)
        let sends = (1...3).map { scene.send(one, $0) }
        _ = try scene.open(one.session, "c", capacity: capacity)
        #expect(sends.allSatisfy { scene[$0] == (capacity == 0 ? .waiting : .sent) })
        #expect(try scene.state(one).capacity == capacity)
    }

    @Test("14 deciding a buffer settles a select that waits in both directions on it")
    func decidingSelect() throws {
        let scene = scene()
        let one = try scene.single(capacity: nil)
        let select = scene.select(one.session, [.receive(one.handle), .send(one.handle, 1)])
        _ = try scene.open(one.session, "c", capacity: 1)
        #expect(scene[select] == .selected(1))
        #expect(try scene.state(one).receiveWaiters == 0)
        #expect(scene[scene.receive(one)] == .received([1]))
    }

    @Test("14 must-create and must-exist")
    func flags() throws {
        let scene = scene()
        let client = scene.client()
        #expect(failure(scene.tryOpen(client, "c") { $0.mustExist = true })?.kind == .noSuchChannel)
        #expect(try scene.tryOpen(client, "c") { $0.mustCreate = true }.get().created)
        #expect(failure(scene.tryOpen(client, "c") { $0.mustCreate = true })?.kind == .exists)
        #expect(try scene.tryOpen(client, "c") { $0.mustExist = true }.get().created == false)
        let both = scene.tryOpen(client, "d") { ($0.mustCreate, $0.mustExist) = (true, true) }
        #expect(failure(both)?.kind == .invalidArgument)
    }

    @Test("14 owner, group and mode are set at creation; others only compare them")
    func ownership() throws {
        let scene = scene()
        let owner = scene.client(uid: 1000, gid: 100, groups: [7, 8])
        let port = try scene.open(owner, "c", capacity: 1) { $0.mode = 0o666 }
        let stranger = scene.client(uid: 1001, gid: 200, groups: [7])
        func join(_ session: UInt32, _ state: (inout OpenOptions) -> Void) -> FailureKind? {
            failure(scene.tryOpen(session, "/uid/1000/c", role: .receive, state))?.kind
        }
        #expect(join(stranger) { $0.mode = 0o666 } == nil)
        #expect(join(stranger) { $0.mode = 0o600 } == .mismatch)
        #expect(join(stranger) { $0.group = 100 } == nil)
        #expect(join(stranger) { $0.group = 7 } == .mismatch)
        #expect(join(stranger) { $0.owner = 1000 } == nil)
        #expect(join(stranger) { $0.owner = 1001 } == .mismatch)
        #expect(join(stranger) { $0.keep = true } == .notPermitted)
        #expect(join(owner) { ($0.mode, $0.group) = (0o640, 8) } == nil)
        #expect(join(owner) { $0.group = 200 } == .notPermitted)
        #expect(try scene.state(port).mode == 0o640)
        #expect(try scene.state(port).group == 8)
        let root = scene.client(uid: 0, gid: 0, administrator: true)
        #expect(join(root) { ($0.owner, $0.group, $0.mode, $0.keep) = (1001, 200, 0o600, true) } == nil)
        #expect(try scene.state(port).owner == 1001)
        #expect(try scene.state(port).isKept)
        #expect(join(owner) { _ in } == .notPermitted)
        // Rule 28: open handles keep what they were opened with.
        #expect(scene[scene.send(port, 1)] == .sent)
    }

    @Test("14 what is not allowed at all")
    func invalid() {
        let scene = scene()
        let client = scene.client()
        let faults: [(inout OpenOptions) -> Void] = [
            { $0.mode = 0o1000 }, { $0.capacity = -2 }, { $0.typeTag = String(repeating: "x", count: 201) },
        ]
        for fault in faults {
            #expect(failure(scene.tryOpen(client, "c", fault))?.kind == .invalidArgument)
        }
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test("14 28 a handle without a role is refused: it would show and hold what no right allows")
    func noRole() throws {
        let scene = scene()
        let mine = try scene.single(capacity: 1)
        #expect(failure(scene.tryOpen(mine.session, "c", role: []))?.kind == .invalidArgument)
        let stranger = scene.client(uid: 1001, gid: 200)
        let there = failure(scene.tryOpen(stranger, "/uid/1000/c", role: []))
        let nowhere = failure(scene.tryOpen(stranger, "/uid/1000/d", role: []))
        #expect(there?.kind == .invalidArgument)
        #expect(there == nowhere)
    }
}
