// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Testing

/// A daemon of a user of its own, with shared spaces and an administrators' group, and a process of every kind of user.
final class AccessScene {
    /// A kind of user; the kernel tells the daemon these numbers.
    struct User {
        var name: String
        var uid: UInt32
        var gid: UInt32
        var groups: [UInt32] = []
    }

    static let users = [
        User(name: "owner", uid: 5000, gid: 5000, groups: [50]),
        User(name: "group", uid: 5001, gid: 50),
        User(name: "member", uid: 5002, gid: 5002, groups: [51, 50]),
        User(name: "other", uid: 5003, gid: 5003, groups: [51]),
        User(name: "root", uid: 0, gid: 0),
        User(name: "daemon", uid: 4000, gid: 4000),
        User(name: "admin", uid: 5004, gid: 5004, groups: [60]),
    ]
    /// The channel that most is tried on.
    static let name = "/uid/5000/c"

    private static let configuration = """
        [daemon]
        admin_group = 60
        [limits]
        sessions_per_user = 100
        [[space]]
        name = "pub"
        groups = [50]
        [[space]]
        name = "fixed"
        groups = [50]
        create = false
        [[space]]
        name = "secret"
        """

    let daemon: DaemonUnderTest
    private let root: WireClient
    private var processes: [String: ClientProcess] = [:]

    private init(_ daemon: DaemonUnderTest) throws {
        self.daemon = daemon
        root = try WireClient(daemon.socketPath)
    }

    /// Runs a body with a scene; the daemon stops in order afterwards, unless the body had it stopped.
    static func run(stops: Bool = true, _ body: (AccessScene) throws -> Void) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "chand-access")
        defer { try? Files.removeTree(directory) }
        try Files.setPermissions(directory, 0o755)
        let file = "\(directory)/chand.toml"
        try Files.write(Array(configuration.utf8), to: file)
        try Files.setPermissions(file, 0o644)
        var options = DaemonUnderTest.Options()
        options.isPrivate = false
        options.configuration = file
        options.letsEverybodyIn = true
        options.user = 4000
        let daemon = try DaemonUnderTest(options)
        defer { daemon.kill() }
        try body(AccessScene(daemon))
        if stops { try daemon.stop() } else { try daemon.finish() }
    }

    /// The session of a kind of user.
    func client(_ user: String) throws -> WireClient {
        if let process = processes[user] { return process.client }
        let there = try #require(Self.users.first { $0.name == user })
        let process = try ClientProcess(
            daemon.socketPath, user: there.uid, group: there.gid, groups: there.groups)
        processes[user] = process
        return process.client
    }

    /// Makes the channel anew, with one message.
    @discardableResult
    func makeChannel(_ name: String = AccessScene.name, mode: UInt16) throws -> String {
        let made = try root.opened(name, capacity: 4) {
            if name != "$" {
                $0.keep = true
                $0.mode = mode
                $0.owner = 5000
                $0.group = 50
            }
        }
        #expect(made.created)
        #expect(try root.send(made.handle, "one") == .sent)
        if name != "$" { try root.closeHandle(made.handle) }
        return made.name
    }

    /// Removes a channel if there is one.
    private func remove(_ name: String) throws {
        let request = root.request()
        try root.write(SimpleFrame.name(.remove, request: request, name: name))
        _ = try root.outcome(of: request)
    }

    // MARK: One operation

    /// What came of a request, in the table's words.
    func answer(by user: String, _ frame: (UInt64) -> [UInt8]) throws -> String {
        let client = try client(user)
        let request = client.request()
        try client.write(frame(request))
        return Self.word(try client.outcome(of: request))
    }

    private static func word(_ outcome: Outcome) -> String {
        switch outcome.failure {
        // A try that was let try.
        case nil, .wouldBlock: "yes"
        case .notPermitted: "no"
        case .noSuchChannel: "none"
        case .invalidArgument: "invalid"
        case let other?: "\(other)"
        }
    }

    /// Opens, and closes what that gave.
    func open(
        _ name: String, _ role: Role = .both, by user: String,
        _ state: (inout OpenRequest) -> Void = { _ in }
    ) throws -> String {
        var open = OpenRequest(name: name, role: role)
        state(&open)
        let client = try client(user)
        let request = client.request()
        try client.write(open.encoded(request: request))
        let outcome = try client.outcome(of: request)
        if case .answer(let frame) = outcome {
            let opened = try frame.reading(as: .opened) { header, body throws(WireFault) in
                try Opened(header, reading: body)
            }
            try client.closeHandle(opened.handle)
        }
        return Self.word(outcome)
    }

    private func byName(_ type: FrameType, _ name: String, by user: String) throws -> String {
        try answer(by: user) { request in
            switch type {
            case .inspect: InspectRequest.name(name).encoded(request: request)
            case .describe: DescribeRequest(name: name).encoded(request: request)
            case .peek: PeekRequest(name: name, count: 9).encoded(request: request)
            case .purge: PurgeRequest(name: name).encoded(request: request)
            case .wait:
                WaitRequest(.queued, count: 1, on: .name(name), timeout: WireTimeout.never)
                    .encoded(request: request)
            default: SimpleFrame.name(type, request: request, name: name)
            }
        }
    }

    // MARK: A row of the table

    /// Tries a row on a channel made for it.
    func attempt(_ row: String, by user: String) throws -> String {
        let mode = row.hasPrefix("0") ? UInt16(row.prefix(4), radix: 8) : nil
        let what = mode == nil ? row : String(row.dropFirst(5))
        try makeChannel(mode: mode ?? 0o666)
        defer {
            for name in [Self.name] + Self.places.map({ "\($0.value)/new" }) { try? remove(name) }
        }
        if what.hasPrefix("unnamed ") { return try unnamed(String(what.dropFirst(8)), by: user) }
        if let place = Self.places.first(where: { what.hasSuffix($0.key) })?.value {
            if what.hasPrefix("create ") {
                return try open("\(place)/new", by: user) { $0.mustCreate = true }
            }
            if what.hasPrefix("find none ") {
                return try open("\(place)/new", by: user) { $0.mustExist = true }
            }
            try makeChannel("\(place)/new", mode: 0o660)
            return try open("\(place)/new", by: user) { $0.mustExist = true }
        }
        let names: [String: FrameType] = [
            "inspect": .inspect, "describe": .describe, "measure": .measure, "wait by name": .wait,
            "peek": .peek, "purge": .purge, "pause": .pause, "resume": .resume, "restore": .restore,
            "remove": .remove,
        ]
        if let type = names[what] { return try byName(type, Self.name, by: user) }
        if what.hasSuffix(" what is not there"), let type = names[String(what.split(separator: " ")[0])] {
            return try byName(type, "/uid/5000/new", by: user)
        }
        switch what {
        case "create in one's own space": return try open("new", by: user) { $0.mustCreate = true }
        case "create for the owner": return try open("new", by: user) { $0.owner = 5000 }
        case "create for the group": return try open("new", by: user) { $0.group = 50 }
        case "open to receive": return try open(Self.name, .receive, by: user)
        case "open to send": return try open(Self.name, .send, by: user)
        case "open for both": return try open(Self.name, by: user)
        case "open with its mode stated": return try open(Self.name, by: user) { $0.mode = 0o666 }
        case "open with another mode": return try open(Self.name, by: user) { $0.mode = 0o660 }
        case "open with the owner's own group": return try open(Self.name, by: user) { $0.group = 5000 }
        case "open with nobody's group": return try open(Self.name, by: user) { $0.group = 77 }
        case "open with another owner": return try open(Self.name, by: user) { $0.owner = 5009 }
        case "open to keep": return try open(Self.name, by: user) { $0.keep = true }
        case "bury by a receive's terms": return try bury(in: Self.name, byTerms: true, by: user)
        case "bury in a new one of the owner's": return try bury(in: "/uid/5000/new", byTerms: true, by: user)
        case "bury by DEAD_LETTER": return try bury(in: Self.name, byTerms: false, by: user)
        case "ask for the daemon's status":
            return try answer(by: user) { SimpleFrame.daemonStatus(request: $0) }
        case "set the level of the log":
            return try answer(by: user) { ControlRequest.logLevel("info").encoded(request: $0) }
        case "have the configuration read anew":
            return try answer(by: user) { ControlRequest.reload.encoded(request: $0) }
        default: return try isShown(what, to: user) ? "yes" : "hidden"
        }
    }

    private static let places = [
        "in the owner's space": "/uid/5000", "in a granted space": "/pub",
        "in a space without create": "/fixed", "in a space nobody has": "/secret",
        "in a space there is not": "/nowhere",
    ]

    private func unnamed(_ what: String, by user: String) throws -> String {
        let owner = try client("owner")
        let made = try owner.opened("$")
        defer { try? owner.closeHandle(made.handle) }
        switch what {
        case "open": return try open(made.name, by: user)
        case "open with a mode": return try open(made.name, by: user) { $0.mode = 0o600 }
        case "inspect": return try byName(.inspect, made.name, by: user)
        case "peek": return try byName(.peek, made.name, by: user)
        case "purge": return try byName(.purge, made.name, by: user)
        case "remove": return try byName(.remove, made.name, by: user)
        default: throw LiveFailure("no such row: unnamed \(what)")
        }
    }

    /// Whether a message of the user's own gets into a dead-letter channel.
    private func bury(in target: String, byTerms: Bool, by user: String) throws -> String {
        let client = try client(user)
        let handle = try client.open("own", capacity: 1)
        defer { try? client.closeHandle(handle) }
        #expect(try client.send(handle, "mine") == .sent)
        let request = client.request()
        var receive = ReceiveRequest(handle: handle, timeout: WireTimeout.never)
        receive.lease = WireLease(attemptLimit: 1, deadLetter: byTerms ? target : "")
        try client.write(receive.encodedLeased(request: request))
        let outcome = try client.outcome(of: request)
        if byTerms {
            guard outcome.failure == nil else {
                let rest = try #require(try client.receive(handle).delivered)
                try client.settle(rest.range)
                return Self.word(outcome)
            }
            let range = try #require(outcome.delivered).range
            let back = try answer(by: user) {
                LeaseRequest(.giveBack, handle: handle, delivery: range.first).encoded(request: $0)
            }
            #expect(back == "yes")
        } else {
            let range = try #require(outcome.delivered).range
            try client.write(
                DeadLetter(handle: handle, delivery: range.first, target: target).encoded())
        }
        try client.ping()
        let isThere = try root.inspect(target).queued == (target == Self.name ? 2 : 1)
        // What may not go there is set aside, and would keep the channel.
        if !isThere {
            #expect(try client.inspect("own").setAside == 1)
            _ = try byName(.purge, "own", by: user)
        }
        return isThere ? "yes" : "no"
    }

    /// Whether a page, or an event, shows the owner's doing.
    private func isShown(_ what: String, to user: String) throws -> Bool {
        let (owner, client) = (try client("owner"), try client(user))
        let number = try #require(owner.welcome).session
        let handle = try owner.open("shown", capacity: 1)
        defer { try? owner.closeHandle(handle) }
        let request = client.request()
        switch what {
        case "list the channel":
            try client.write(ListRequest().encoded(request: request))
            return try client.answer(to: request).reading(as: .listed) { _, body throws(WireFault) in
                try Listed(reading: body).channels.contains { $0.name == Self.name }
            }
        case "list the owner's session":
            try client.write(ListRequest().encoded(.sessions, request: request))
            return try client.answer(to: request).reading(as: .sessionsListed) { _, body throws(WireFault) in
                try SessionsListed(reading: body).sessions.contains { $0.session == number }
            }
        case "list what the owner waits for":
            let waits = try owner.startReceive(handle)
            try owner.ping()
            try client.write(ListRequest().encoded(.waiting, request: request))
            let answer = try client.answer(to: request)
            try owner.cancel(waits)
            _ = try owner.outcome(of: waits)
            return try answer.reading(as: .waitingListed) { _, body throws(WireFault) in
                try WaitingListed(reading: body).waiting.contains { $0.session == number }
            }
        case "be told of what the owner sends":
            try client.write(SimpleFrame.name(.monitor, request: request, name: ""))
            _ = try client.frame()
            #expect(try owner.send(handle, "news") == .sent)
            try owner.settle(#require(try owner.receive(handle).delivered).range)
            try client.cancel(request)
            var isTold = false
            while case let frame = try client.frame(), frame.type == .events {
                let events = try frame.reading(as: .events) { _, body throws(WireFault) in
                    try Events(reading: body).events
                }
                isTold = isTold || events.contains { $0.kind == .send && $0.session == number }
            }
            return isTold
        default: throw LiveFailure("no such row: \(what)")
        }
    }

    // MARK: A cell of the roles

    /// Uses a handle of a channel of the user's own.
    func use(_ role: String, to what: String, by user: String) throws -> String {
        let roles: [String: Role] = ["receive": .receive, "send": .send, "both": .both]
        let client = try client(user)
        let handle = try client.open("$", #require(roles[role]), capacity: 1)
        defer { try? client.closeHandle(handle) }
        let now = WireTimeout.none
        switch what {
        case "SEND": return Self.word(try client.send(handle, "x", timeout: now))
        case "RECEIVE": return Self.word(try client.receive(handle, timeout: now))
        case "SELECT to send": return Self.word(try client.select(.send(handle, "x"), timeout: now))
        case "SELECT to receive": return Self.word(try client.select(.receive(handle), timeout: now))
        case "INSPECT":
            return try answer(by: user) { InspectRequest.handle(handle).encoded(request: $0) }
        case "WAIT":
            return try answer(by: user) {
                WaitRequest(.empty, on: .handle(handle), timeout: now).encoded(request: $0)
            }
        case "pass it to send": return try pass(handle, .send, client)
        case "pass it to receive": return try pass(handle, .receive, client)
        case "pass it for both": return try pass(handle, .both, client)
        case "CLOSE":
            return try answer(by: user) {
                SimpleFrame.close(request: $0, handle: handle, reason: 0, text: "")
            }
        case "STOP": return try answer(by: user) { SimpleFrame.handle(.stop, request: $0, handle: handle) }
        case "CLOSE_HANDLE":
            return try answer(by: user) { SimpleFrame.handle(.closeHandle, request: $0, handle: handle) }
        default: throw LiveFailure("no such row: \(what)")
        }
    }

    private func pass(_ handle: UInt32, _ role: Role, _ client: WireClient) throws -> String {
        let carrier = try client.open("$", capacity: 1)
        defer { try? client.closeHandle(carrier) }
        let listed = ListedChannel(handle: handle, role: role)
        return Self.word(try client.send(carrier, "look", passing: [listed]))
    }
}
