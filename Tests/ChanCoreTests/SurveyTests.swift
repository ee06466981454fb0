// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Who is there, what waits, and how long messages took.
@Suite struct SurveyTests {
    private static func waiting(_ scene: BrokerScene, _ session: UInt32, page: Int = 256) -> [WaitingCase] {
        var all: [WaitingCase] = []
        var cursor: UInt64 = 0
        repeat {
            let part = scene.engine.broker.listWaiting(session: session, from: cursor, count: page)
            all += part.page
            cursor = part.next
        } while cursor != 0
        return all
    }

    @Test("28 one sees one's own sessions, an administrator everybody's, each with what it has")
    func sessions() throws {
        let scene = scene()
        let one = try scene.single(capacity: 4)
        scene.wait(7)
        let same = scene.client(pid: 2)
        let other = scene.client(uid: 2000, pid: 3)
        let root = scene.client(uid: 0, administrator: true)
        scene.send(one, 1, 2)
        for _ in 0..<3 { scene.receive(one) }
        scene.wait(5)
        let list = { scene.engine.broker.listSessions(session: $0, from: 0, count: 10).page }
        #expect(list(other).map(\.pid) == [3])
        #expect(list(same).map(\.pid) == [1, 2])
        #expect(list(root).count == 4)
        let first = list(same)[0]
        #expect(first.handles == 1 && first.unsettled == 2 && first.waiters == 1)
        #expect(first.age == 12 && list(same)[1].age == 5)
    }

    @Test("sessions and what waits come page by page, each once")
    func pages() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        for _ in 0..<5 { scene.receive(port) }
        let clients = (0..<3).map { _ in scene.client() }
        scene.end(clients[1])
        var seen: [UInt64] = []
        var cursor: UInt64 = 0
        repeat {
            let part = scene.engine.broker.listSessions(session: port.session, from: cursor, count: 1)
            seen += part.page.map(\.id)
            cursor = part.next
        } while cursor != 0
        #expect(seen.count == 3 && Set(seen).count == 3)
        #expect(Set(Self.waiting(scene, port.session, page: 2).map(\.request)).count == 5)
        #expect(scene.engine.broker.listWaiting(session: port.session, from: .max, count: 9).page.isEmpty)
        #expect(scene.engine.broker.listSessions(session: port.session, from: .max, count: 9).next == 0)
    }

    @Test("a select is shown with all its cases, across pages too, and since when it waits")
    func selects() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        let other = try scene.open(port.session, "d", capacity: 0)
        let select = scene.select(port.session, [.receive(port.handle), .send(other.handle, 1)], timeout: 50)
        scene.wait(20)
        for page in 1...3 {
            let cases = Self.waiting(scene, port.session, page: page).sorted { $0.caseIndex < $1.caseIndex }
            #expect(cases.map(\.kind) == [.receive, .send])
            #expect(cases.map(\.channel) == ["/uid/1000/c", "/uid/1000/d"])
            for record in cases {
                #expect(record.request == select && record.inSelect && record.cases == 2)
                #expect(record.waited == 20 && record.left == 30)
            }
        }
    }

    @Test("whatever an operation waits for is shown; a credit that rests waits for nothing")
    func kinds() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        let confirmed = scene.send(one, 1, confirm: .settlement)
        let send = scene.send(one, 2)
        let state = scene.wait(one, until: .closed)
        let nothing = scene.select(one.session, [.never])
        let shown = Self.waiting(scene, one.session)
        let kinds = Dictionary(uniqueKeysWithValues: shown.map { ($0.request, $0.kind) })
        #expect(
            kinds == [confirmed: .confirmation, send: .send, state: .state, nothing: .nothing])
        #expect(shown.filter { $0.channel.isEmpty }.map(\.kind) == [.nothing])
        #expect(shown.allSatisfy { $0.left == nil })
        let credit = scene.readAhead(other, 1)
        #expect(!Self.waiting(scene, one.session).contains { $0.request == credit })
        scene.receipt(other, 1)
        scene.receipt(other, 2)
        let open = Self.waiting(scene, one.session).first { $0.request == credit }
        #expect(open?.readsAhead == true && open?.kind == .receive)
    }

    @Test("28 what others wait for is shown to administrators only")
    func rights() throws {
        let scene = scene()
        let port = try scene.single(capacity: 0)
        scene.receive(port)
        #expect(Self.waiting(scene, scene.client(uid: 2000)).isEmpty)
        #expect(Self.waiting(scene, scene.client(uid: 0, administrator: true)).count == 1)
    }

    @Test("a handle is shown with its age and its session's")
    func ages() throws {
        let scene = scene()
        let session = scene.client()
        scene.wait(3)
        let port = try scene.open(session, "c", capacity: 0)
        scene.wait(4)
        let party = try scene.engine.broker.parties(session: session, name: "c", from: 0, count: 9).get().page
        #expect(party.map(\.waited) == [4] && party.map(\.age) == [7])
        _ = port
    }

    @Test("times are from arrival to delivery, waiting for room included, for channel, user and all")
    func delays() throws {
        let scene = scene()
        let (one, other) = try scene.pair(capacity: 1)
        scene.send(one, 1, 2)
        scene.wait(1000)
        scene.receive(other)
        scene.wait(2000)
        scene.receive(other)
        let mine = try scene.engine.broker.delays(session: one.session, name: "c").get()
        #expect(mine.delivered == 2 && mine.nanoseconds == 4000)
        #expect(mine.buckets.map(\.below) == [1024, 3072] && mine.buckets.map(\.count) == [1, 1])
        #expect(scene.engine.broker.delays(session: one.session) == mine)
        #expect(scene.engine.broker.delays(session: scene.client(uid: 2000)).buckets.isEmpty)
        #expect(scene.engine.broker.delays(session: scene.client(uid: 0, administrator: true)) == mine)
        #expect(try scene.state(one).delivered == 2)
        // What a user's channels did stays when they go.
        scene.settle(other, 1, count: 2)
        scene.closeHandle(one)
        scene.closeHandle(other)
        #expect(scene.engine.broker.channelCount == 0)
        #expect(scene.engine.broker.delays(session: one.session) == mine)
    }

    @Test("every time is below its bucket's bound, and at least two thirds of it")
    func buckets() throws {
        for low in [10, 11, 20, 45].map({ UInt64(1) << $0 }) {
            for time in [low, low * 3 / 2 - 1, low * 3 / 2, low * 2 - 1] {
                let scene = scene()
                let port = try scene.single(capacity: 1)
                scene.send(port, 1)
                scene.wait(time)
                scene.receive(port)
                let buckets = try scene.engine.broker.delays(session: port.session, name: "c").get().buckets
                #expect(buckets.count == 1 && buckets[0].below > time)
                #expect(Double(time) >= Double(buckets[0].below) * 0.66)
            }
        }
        let scene = scene()
        let port = try scene.single(capacity: 1)
        scene.send(port, 1)
        scene.wait(1 << 47)
        scene.receive(port)
        #expect(
            try scene.engine.broker.delays(session: port.session, name: "c").get().buckets[0].below == .max)
    }
}
