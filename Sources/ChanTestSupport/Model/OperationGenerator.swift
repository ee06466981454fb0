// SPDX-License-Identifier: Apache-2.0

public import ChanCore

/// Random inputs of several sessions that mostly make sense in the state that the driver is in.
public struct OperationGenerator: Sendable {
    /// What a run looks for.
    public enum Profile: UInt64, CaseIterable, Sendable {
        /// One user's processes on two or three channels: messages, selects, deliveries.
        case traffic
        /// The same with channels that end with their senders or receivers.
        case ends
        /// Several users, all options, names and modes.
        case opening
        /// As traffic, with limits that are reached all the time.
        case quotas
        /// The same of several users, who fill each other's channels.
        case shares
    }

    /// A handle label from which on no handle has it.
    static let unknownHandle: UInt32 = 1 << 20

    var random: SeededRandom
    let profile: Profile
    private var nextRequest: UInt64 = 1
    private var nextBody: UInt64 = 1
    private var nextLabel: UInt32 = 1
    private var nextSession: UInt32 = 1
    private var time = ManualTime()

    /// Makes a generator whose sequence follows from the seed and the state that it meets.
    public init(seed: UInt64, profile: Profile) {
        random = SeededRandom(seed: seed ^ 0xC0FF_EE00_C0FF_EE00)
        self.profile = profile
    }

    /// The limits of a run of this profile.
    public static func limits(_ profile: Profile) -> BrokerLimits {
        var limits = BrokerLimits()
        limits.receiveBatchBytes = 40
        guard profile == .quotas || profile == .shares else { return limits }
        limits.channelsPerUser = 2
        limits.handlesPerSession = 4
        limits.handlesPerUser = 7
        limits.waitersPerSession = 3
        limits.waitersPerUser = 5
        limits.selectCases = 3
        limits.messagesPerUser = 9
        limits.bytesPerUser = 80
        return limits
    }

    /// The shared spaces of a run.
    public static var spaces: [Space] {
        [
            Space(name: "pub", groups: [500]), Space(name: "fixed", users: [1001], mayCreate: false),
            Space(name: "all", isOpenToAll: true),
        ]
    }

    /// An open handle as the generator sees it.
    struct Target {
        var session: UInt32
        var label: UInt32
        var handle: ModelHandle
    }

    /// The next input; labels are the driver's.
    public mutating func next(_ driver: borrowing ModelDriver) -> BrokerInput {
        let sessions = driver.sessions.keys.sorted()
        guard let session = random.pick(sessions) else { return begin() }
        if sessions.count < 2 { return begin() }
        let model = driver.model
        let targets = driver.handles.keys.sorted().compactMap { label -> Target? in
            guard let place = driver.handles[label],
                let owner = sessions.first(where: { driver.sessions[$0] == place.session }),
                let handle = model.sessions[place.session]?.handles[place.number]
            else { return nil }
            return Target(session: owner, label: label, handle: handle)
        }
        let open = targets.filter(\.handle.isOpen)
        if open.count < 3, random.chance(70) { return self.open(session) }
        let opens = profile == .opening ? 20 : 4
        let ends = profile == .traffic ? 1 : 3
        let waits = model.waiting.count
        let holders = targets.filter { !$0.handle.deliveries.isEmpty }
        let kind = random.pick(weighted: [
            (sessions.count < 4 ? 3 : 0, 0), (ends, 1), (open.count < 10 ? opens : 1, 2), (1, 3), (26, 4),
            (26, 5), (16, 6), (waits > 0 ? 6 : 1, 7), (ends, 8), (ends + 1, 9), (ends, 10),
            (holders.isEmpty ? 1 : 18, 11), (holders.isEmpty ? 1 : 9, 12), (5, 13),
            (6, 14), (8, 15), (holders.isEmpty ? 1 : 8, 16), (5, 17),
        ])
        switch kind {
        case 0: return begin()
        case 1: return .end(session: session)
        case 2: return self.open(session)
        case 3: return .remove(session: session, name: name())
        case 4: return send(pick(open, .send, session))
        case 5: return receive(pick(open, .receive, session))
        case 6: return select(open, session)
        case 7: return cancel(driver, session)
        case 8: return close(pick(open, .send, session))
        case 9:
            let target = pick(open, [], session)
            return .closeHandle(session: target.session, handle: target.label)
        case 10:
            let target = pick(open, .receive, session)
            return .stop(session: target.session, handle: target.label)
        case 11: return settle(random.pick(holders) ?? pick(targets, [], session))
        case 12: return giveBack(random.pick(holders) ?? pick(targets, [], session))
        case 15: return readAhead(pick(open, .receive, session))
        case 16: return receipt(random.pick(holders) ?? pick(targets, [], session))
        case 17: return selectSeveral(open, session)
        case 14: return .pause(session: session, name: name(), random.chance(35))
        default: return .advance(to: time.advance(by: UInt64(random.below(12))))
        }
    }

    /// A handle that mostly has the role; now and then one that is not there.
    private mutating func pick(_ targets: [Target], _ role: Role, _ session: UInt32) -> Target {
        let fitting = targets.filter { $0.handle.role.isSuperset(of: role) }
        let chosen = random.chance(96) ? random.pick(fitting) : random.pick(targets)
        if let chosen, !random.chance(1) { return chosen }
        return Target(
            session: session, label: Self.unknownHandle, handle: ModelHandle(channel: 0, role: .both))
    }

    // MARK: Sessions and channels

    private mutating func begin() -> BrokerInput {
        defer { nextSession += 1 }
        guard profile == .opening || profile == .shares else {
            return .begin(label: nextSession, Identity(uid: 1000, gid: 100, pid: nextSession))
        }
        let identity =
            random.pick([
                Identity(uid: 1000, gid: 100, pid: nextSession),
                Identity(uid: 1001, gid: 100, groups: [500], pid: nextSession),
                Identity(uid: 1002, gid: 200, groups: [500], pid: nextSession),
                Identity(uid: 0, gid: 0, pid: nextSession, isAdministrator: true),
            ]) ?? Identity(uid: 1000, gid: 100)
        return .begin(label: nextSession, identity)
    }

    private mutating func name() -> String {
        if profile == .shares, random.chance(90) { return random.pick(["/all/a", "/all/b"]) ?? "/all/a" }
        guard profile == .opening, random.chance(70) else { return random.pick(["a", "b", "c"]) ?? "a" }
        return random.pick([
            "/uid/1000/a", "/uid/1000/a", "/uid/1001/a", "/pub/p", "/pub/p", "/fixed/f", "/all/q",
            "/nowhere/x",
            "/uid/01000/a", "bad/", ".hidden", "x/y",
        ]) ?? "a"
    }

    private mutating func open(_ session: UInt32) -> BrokerInput {
        var options = OpenOptions(name: name(), role: random.pick([.both, .both, .send, .receive]) ?? .both)
        let ends = profile == .ends || profile == .opening
        if ends, random.chance(70) { options.role = random.chance(50) ? .send : .receive }
        if random.chance(75) { options.capacity = random.pick([0, 0, 1, 1, 2, 3, -1]) }
        if ends, random.chance(50) { options.closeWithLastSender = random.chance(75) }
        if ends, random.chance(50) { options.failWithLastReceiver = random.chance(75) }
        if ends, random.chance(20) { options.maxBytes = UInt64(random.pick([0, 1, 20, 40]) ?? 0) }
        if profile == .opening { state(&options) }
        if profile == .shares, random.chance(80) { options.mode = 0o666 }
        defer { nextLabel += 1 }
        return .open(session: session, label: nextLabel, options)
    }

    private mutating func state(_ options: inout OpenOptions) {
        if random.chance(3) { options.capacity = -2 - Int64(random.below(3)) }
        if random.chance(2) { options.role = [] }
        if random.chance(20) { options.typeTag = random.pick(["t", "u"]) }
        if random.chance(40) {
            options.mode = random.pick([0o600, 0o660, 0o666, 0o640, 0o622, 0o060, 0o006, 0o1777])
        }
        if random.chance(10) { options.group = random.pick([100, 200, 500]) }
        if random.chance(10) { options.owner = random.pick([1000, 1001, 1002]) }
        if random.chance(6) { options.mustCreate = true }
        if random.chance(6) { options.mustExist = true }
        if random.chance(8) { options.keep = true }
    }

    private mutating func close(_ target: Target) -> BrokerInput {
        let reason = random.chance(50) ? CloseReason() : CloseReason(code: 7, text: "done")
        return .close(session: target.session, handle: target.label, reason)
    }

    // MARK: Messages

    private mutating func message() -> SentMessage {
        defer { nextBody += 1 }
        return SentMessage(nextBody, byteCount: random.pick([0, 1, 8, 20]) ?? 8)
    }

    private mutating func request() -> UInt64 {
        defer { nextRequest += 1 }
        return nextRequest
    }

    private mutating func timeout() -> Int64 {
        random.pick(weighted: [(55, -1), (25, 0), (20, Int64(1 + random.below(20)))]) ?? -1
    }

    private mutating func send(_ target: Target) -> BrokerInput {
        let count = random.pick([1, 1, 1, 1, 2, 3, 5]) ?? 1
        let messages = (0..<count).map { _ in message() }
        return .send(
            session: target.session, request: request(), handle: target.label, messages, timeout: timeout())
    }

    private mutating func receive(_ target: Target) -> BrokerInput {
        .receive(
            session: target.session, request: request(), handle: target.label,
            count: random.pick([1, 1, 1, 2, 3, 10]) ?? 1, timeout: timeout(), untilDrained: random.chance(15))
    }

    private mutating func readAhead(_ target: Target) -> BrokerInput {
        .readAhead(
            session: target.session, request: request(), handle: target.label,
            limit: random.pick([1, 1, 2, 2, 3, 8]) ?? 1, timeout: random.chance(2) ? timeout() : -1,
            untilDrained: random.chance(20), nil)
    }

    private mutating func selectSeveral(_ open: [Target], _ session: UInt32) -> BrokerInput {
        let mine = open.filter { $0.session == session }
        let cases = (0..<random.below(4)).map { _ -> CaseInput in
            if random.chance(3) { return .send(pick(mine, .send, session).label, message().body) }
            return .receive(pick(mine, .receive, session).label, untilDrained: random.chance(10))
        }
        return .selectSeveral(
            session: session, request: request(), cases, ordered: random.chance(20), timeout: timeout(),
            limit: random.pick([1, 2, 2, 3, 5, 0]) ?? 2)
    }

    private mutating func select(_ open: [Target], _ session: UInt32) -> BrokerInput {
        let mine = open.filter { $0.session == session }
        var cases: [CaseInput] = []
        for _ in 0..<random.below(5) {
            let sends = random.chance(45)
            let target = pick(mine, sends ? .send : .receive, session)
            if random.chance(8) {
                cases.append(.never)
            } else if sends {
                cases.append(
                    CaseInput(kind: .send, handle: target.label, untilDrained: false, message: message()))
            } else {
                cases.append(.receive(target.label, untilDrained: random.chance(10)))
            }
        }
        return .select(
            session: session, request: request(), cases, ordered: random.chance(20), timeout: timeout())
    }

    private mutating func cancel(_ driver: borrowing ModelDriver, _ session: UInt32) -> BrokerInput {
        let waiting = driver.model.waiting
        guard let operation = random.pick(waiting), random.chance(90),
            let label = driver.sessions.first(where: { $0.value == operation.key.session })?.key
        else { return .cancel(session: session, request: UInt64(random.below(Int(nextRequest)))) }
        return .cancel(session: label, request: operation.key.request)
    }

    // MARK: Deliveries

    /// Mostly what is unsettled; also ranges over what is over, and numbers that were never given out.
    private mutating func range(_ handle: ModelHandle) -> (first: UInt64, count: UInt32) {
        let first: UInt64
        if random.chance(85) {
            first = random.pick(handle.deliveries.keys.sorted()) ?? 1
        } else {
            first = UInt64(random.below(Int(handle.next) + 1))
        }
        return (first, random.pick([1, 1, 1, 2, 4]) ?? 1)
    }

    private mutating func settle(_ target: Target) -> BrokerInput {
        var (first, count) = range(target.handle)
        if random.chance(15) { (first, count) = (1, UInt32(target.handle.next - 1)) }
        if random.chance(70) { count = clamp(first, count, target.handle) }
        return .settle(session: target.session, handle: target.label, first: first, count: count)
    }

    private mutating func receipt(_ target: Target) -> BrokerInput {
        var (first, count) = range(target.handle)
        if random.chance(90) { count = clamp(first, count, target.handle) }
        return .receipt(session: target.session, handle: target.label, first: first, count: count)
    }

    private mutating func giveBack(_ target: Target) -> BrokerInput {
        var (first, count) = range(target.handle)
        if random.chance(90) { count = clamp(first, count, target.handle) }
        return .giveBack(
            session: target.session, handle: target.label, first: first, count: count,
            seen: random.chance(50))
    }

    private func clamp(_ first: UInt64, _ count: UInt32, _ handle: ModelHandle) -> UInt32 {
        first < handle.next ? UInt32(min(UInt64(count), handle.next - first)) : count
    }
}
