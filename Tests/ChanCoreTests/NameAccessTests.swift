// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanTestSupport
import Testing

/// Rules 25 and 28: names, spaces and rights.
@Suite struct NameAccessTests {
    static let valid = [
        "a", "A", "0", "_", "a.b", "a-b", "a_", "jobs/high", "a/b/c/d", "a.", "a-", "_.", "uid", "uid/5",
        String(repeating: "x", count: 200),
    ]
    static let invalid = [
        "", "/", "//", "/a", "a/", "a//b", ".a", "-a", "a/.b", "a/-b", ".", "..", "a/..", "a b", "a\tb",
        "a\0b",
        "ä", "a\u{301}", "$x", "a:b", "a@b", "a\n", "~", "*", "a\\b", String(repeating: "x", count: 201),
        "/uid", "/uid/", "/uid/1000", "/uid/1000/", "/uid//a", "/uid/x/a", "/uid/01000/a", "/uid/+1000/a",
        "/uid/-1/a", "/uid/4294967296/a", "/uid/1000/.a", "/uid/1000/a/", "/pub", "/pub/", "/pub//a", "/.x/a",
        "/pub/.a", "//a", "/$x/a",
    ]

    @Test("25 names that are allowed", arguments: valid)
    func allowed(name: String) throws {
        let scene = scene()
        #expect(try scene.tryOpen(scene.client(uid: 7), name).get().name == "/uid/7/\(name)")
    }

    @Test("25 names that are not", arguments: invalid)
    func refused(name: String) {
        let scene = scene(spaces: [Space(name: "pub", isOpenToAll: true)])
        for client in [scene.client(), scene.client(uid: 0, administrator: true)] {
            let result = failure(scene.tryOpen(client, name))
            #expect(result?.kind == .invalidName)
            // It is shown to a person: no control characters.
            #expect(result?.text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } == true)
            #expect(scene.remove(client, name)?.kind == .invalidName)
        }
        #expect(scene.engine.broker.channelCount == 0)
    }

    @Test("25 a private daemon grants every shared space to its user, and to nobody else")
    func everySpace() throws {
        let scene = scene(spaces: [Space(name: Space.anyName, users: [1000])])
        #expect(try scene.tryOpen(scene.client(uid: 1000), "/pub/jobs").get().name == "/pub/jobs")
        #expect(try scene.tryOpen(scene.client(uid: 1000), "/other/jobs").get().created)
        #expect(failure(scene.tryOpen(scene.client(uid: 1001), "/pub/jobs"))?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(scene.client(uid: 1000), "/*/jobs"))?.kind == .invalidName)
    }

    @Test("25 case matters, and the 200 bytes are counted without the space")
    func caseAndLength() throws {
        let scene = scene(spaces: [Space(name: "pub", isOpenToAll: true)])
        let client = scene.client()
        let long = String(repeating: "y", count: 200)
        let names = ["a", "A", long, "/pub/\(long)", "/pub/a"]
        let generations = try names.map { try scene.tryOpen(client, $0).get().generation }
        #expect(Set(generations).count == names.count)
        #expect(failure(scene.tryOpen(client, "/pub/\(long)y"))?.kind == .invalidName)
        #expect(failure(scene.tryOpen(client, "/uid/1000/\(long)y"))?.kind == .invalidName)
    }

    @Test("25 users cannot take each other's names")
    func spacesOfUsers() throws {
        let scene = scene()
        let (one, other) = (scene.client(uid: 1), scene.client(uid: 2))
        let first = try scene.tryOpen(one, "jobs").get()
        let second = try scene.tryOpen(other, "jobs").get()
        #expect(first.generation != second.generation)
        #expect(try scene.tryOpen(one, "/uid/1/jobs").get().generation == first.generation)
    }

    @Test("25 28 other users' spaces do not leak what exists, whatever is tried")
    func noLeak() throws {
        let scene = scene(spaces: [Space(name: "secret", groups: [9])])
        let owner = scene.client(uid: 1000, groups: [9])
        _ = try scene.open(owner, "there", capacity: 3) { $0.typeTag = "t" }
        _ = try scene.open(owner, "/secret/there", capacity: 3)
        let stranger = scene.client(uid: 1001, gid: 200)
        let tries: [(inout OpenOptions) -> Void] = [
            { _ in }, { $0.role = .send }, { $0.role = .receive }, { $0.mustCreate = true },
            { $0.mustExist = true }, { $0.capacity = 4 }, { $0.typeTag = "u" }, { $0.mode = 0o600 },
            { $0.keep = true }, { $0.owner = 1001 }, { $0.group = 200 }, { $0.group = 9 },
        ]
        for space in ["/uid/1000", "/secret"] {
            func compare(_ action: (String) -> Failure?) {
                let there = action("\(space)/there")
                let nowhere = action("\(space)/where")
                #expect(there?.kind == .notPermitted)
                #expect(there?.text.replacing("there", with: "where") == nowhere?.text)
                #expect(nowhere?.kind == .notPermitted)
            }
            for state in tries { compare { failure(scene.tryOpen(stranger, $0, state)) } }
            compare { scene.remove(stranger, $0) }
            compare { failure(scene.engine.broker.snapshot(session: stranger, name: $0)) }
            compare { failure(scene.engine.broker.parties(session: stranger, name: $0, from: 0, count: 9)) }
        }
        #expect(scene.engine.broker.list(session: stranger, from: 0, count: 99).page.isEmpty)
    }

    @Test("25 shared spaces: granted by user, by group, to all; some only for channels that are there")
    func sharedSpaces() throws {
        let scene = scene(spaces: [
            Space(name: "pub", groups: [500, 501]), Space(name: "mine", users: [1000]),
            Space(name: "all", isOpenToAll: true), Space(name: "fixed", mayCreate: false, isOpenToAll: true),
        ])
        let member = scene.client(uid: 1000, gid: 100, groups: [501])
        let stranger = scene.client(uid: 1001, gid: 200)
        let root = scene.client(uid: 0, gid: 0, administrator: true)
        let port = try scene.open(member, "/pub/a")
        #expect(try scene.state(port).group == 500)
        #expect(try scene.state(port).mode == 0o660)
        #expect(try scene.state(scene.open(member, "/mine/a")).group == 100)
        #expect(failure(scene.tryOpen(stranger, "/pub/a"))?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(stranger, "/mine/a"))?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(stranger, "/nowhere/a"))?.kind == .notPermitted)
        #expect(try scene.tryOpen(stranger, "/all/a").get().created)
        #expect(failure(scene.tryOpen(member, "/fixed/a"))?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(member, "/fixed/a") { $0.mustExist = true })?.kind == .noSuchChannel)
        _ = try scene.open(root, "/fixed/a") { $0.mode = 0o666 }
        #expect(try scene.tryOpen(member, "/fixed/a").get().created == false)
    }

    /// Who asks, and which three bits count for him.
    struct Class: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var uid: UInt32
        var gid: UInt32
        var groups: [UInt32] = []
        var shift: UInt16
    }

    static let classes = [
        Class(testDescription: "owner", uid: 1000, gid: 999, shift: 6),
        Class(testDescription: "owner in the group", uid: 1000, gid: 50, shift: 6),
        Class(testDescription: "primary group", uid: 1001, gid: 50, shift: 3),
        Class(testDescription: "supplementary group", uid: 1001, gid: 9, groups: [8, 50], shift: 3),
        Class(testDescription: "others", uid: 1001, gid: 9, groups: [8], shift: 0),
    ]

    @Test("28 the class as for files, over all 512 modes", arguments: classes)
    func modes(who: Class) throws {
        let scene = scene()
        let creator = scene.client(uid: 1000, gid: 50)
        let caller = scene.client(uid: who.uid, gid: who.gid, groups: who.groups)
        let root = scene.client(uid: 0, gid: 0, administrator: true)
        for mode in 0...0o777 as ClosedRange<UInt16> {
            let port = try scene.open(creator, "c") { $0.mode = mode }
            for (role, needed) in [(Role.receive, 4), (.send, 2), (.both, 6)] as [(Role, UInt16)] {
                let bits = (mode >> who.shift) & needed
                let result = scene.tryOpen(caller, "/uid/1000/c", role: role)
                #expect(failure(result)?.kind == (bits == needed ? nil : .notPermitted))
                if case .success(let opened) = result {
                    scene.closeHandle(BrokerScene.Port(session: caller, handle: opened.handle))
                }
            }
            if mode % 64 == 0 { #expect(failure(scene.tryOpen(root, "/uid/1000/c")) == nil) }
            #expect(scene.remove(creator, "c") == nil)
            scene.closeHandle(port)
        }
    }

    @Test("28 what needs the owner or an administrator: remove, owner, keep")
    func manage() throws {
        let scene = scene()
        let owner = scene.client(uid: 1000)
        _ = try scene.open(owner, "c") { $0.mode = 0o666 }
        let other = scene.client(uid: 1001)
        _ = try scene.open(other, "/uid/1000/c")
        #expect(scene.remove(other, "/uid/1000/c")?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(other, "x") { $0.owner = 1000 })?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(other, "x") { $0.group = 77 })?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(other, "/uid/1000/x"))?.kind == .notPermitted)
        let root = scene.client(uid: 0, gid: 0, administrator: true)
        _ = try scene.open(root, "/uid/1000/x") { $0.owner = 1000 }
        #expect(scene.remove(root, "/uid/1000/c") == nil)
    }

    @Test("6 28 inspection: one's own, what one may read, and all for an administrator")
    func inspection() throws {
        let scene = scene()
        let owner = scene.client(uid: 1000, pid: 11)
        let port = try scene.open(owner, "open", capacity: 1) { $0.mode = 0o644 }
        _ = try scene.open(owner, "hidden")
        scene.send(port, 1)
        scene.send(port, 2)
        let other = scene.client(uid: 1001, pid: 12)
        let root = scene.client(uid: 0, gid: 0, administrator: true)
        func kind(_ session: UInt32, _ name: String) -> FailureKind? {
            failure(scene.engine.broker.snapshot(session: session, name: name))?.kind
        }
        #expect(kind(owner, "open") == nil && kind(owner, "hidden") == nil)
        #expect(kind(other, "/uid/1000/open") == nil)
        #expect(kind(other, "/uid/1000/hidden") == .notPermitted)
        #expect(kind(root, "/uid/1000/hidden") == nil && kind(root, "/uid/1000/no") == .noSuchChannel)
        #expect(scene.engine.broker.list(session: owner, from: 0, count: 9).page.count == 2)
        #expect(scene.engine.broker.list(session: other, from: 0, count: 9).page.isEmpty)
        #expect(scene.engine.broker.list(session: root, from: 0, count: 1).next == 1)
        let parties = try scene.engine.broker.parties(session: owner, name: "open", from: 0, count: 9).get()
        #expect(parties.page.map(\.kind) == [.handle, .sendWaiter])
        #expect(parties.page.allSatisfy { $0.pid == 11 && $0.uid == 1000 })
        let second = try scene.engine.broker.parties(session: owner, name: "open", from: 1, count: 9).get()
        #expect(second.page.map(\.kind) == [.sendWaiter] && second.next == 0)
        let first = try scene.engine.broker.parties(session: owner, name: "open", from: 0, count: 1).get()
        #expect(first.next == 1)
    }

    @Test(
        "25 what is left in a space that is configured no more is for administrators, who make nothing there")
    func formerSpace() throws {
        let scene = scene(spaces: [Space(name: "old", isOpenToAll: true)])
        let owner = scene.client(uid: 1000)
        let port = try scene.open(owner, "/old/c", capacity: 2) { $0.keep = true }
        scene.send(port, 1)
        scene.engine.broker.reconfigure(limits: BrokerLimits(), spaces: [])
        let root = scene.client(uid: 0, gid: 0, administrator: true)
        #expect(failure(scene.peek(owner, "/old/c"))?.kind == .notPermitted)
        #expect(scene.remove(owner, "/old/c")?.kind == .notPermitted)
        #expect(failure(scene.tryOpen(root, "/old/d"))?.kind == .notPermitted)
        #expect(scene.remove(root, "/old/d")?.kind == .notPermitted)
        #expect(try scene.peek(root, "/old/c").get().bodies == [1])
        #expect(scene.purge(root, "/old/c") == .success(PurgedPart(count: 1, next: 0)))
        #expect(try scene.tryOpen(root, "/old/c").get().created == false)
        #expect(scene.remove(root, "/old/c") == nil)
        #expect(failure(scene.tryOpen(root, "/old/c"))?.kind == .notPermitted)
    }
}
