// SPDX-License-Identifier: Apache-2.0

/// What an open states; nil is an option left unstated (rule 14).
public struct OpenOptions: Equatable, Sendable {
    /// The channel's name.
    public var name: String
    /// What the handle may do.
    public var role: Role
    /// 0 rendezvous, above 0 buffered, -1 unbounded.
    public var capacity: Int64?
    /// What messages mean.
    public var typeTag: String?
    /// Rule 16.
    public var closeWithLastSender: Bool?
    /// Rule 16.
    public var failWithLastReceiver: Bool?
    /// Bytes queued from which on sends wait for room; 0 for no bound but the quotas.
    public var maxBytes: UInt64?
    /// Permission bits.
    public var mode: UInt16?
    /// The owning user.
    public var owner: UInt32?
    /// The group.
    public var group: UInt32?
    /// Fail where the channel exists.
    public var mustCreate = false
    /// Fail where it does not.
    public var mustExist = false
    /// Keep the channel until it is removed.
    public var keep = false

    /// The name that makes an unnamed channel (rule 26).
    public static let unnamed = "$"

    /// Makes options with everything unstated.
    public init(name: String, role: Role) {
        self.name = name
        self.role = role
    }
}

/// A handle that was opened.
public struct OpenedChannel: Equatable, Sendable {
    /// The handle's number in its session.
    public var handle: UInt32
    /// The capacity in force.
    public var capacity: Int64
    /// Which life of the name.
    public var generation: UInt64
    /// Whether this open created it.
    public var created: Bool
    /// Whether it is closed already.
    public var closed: Bool
    /// The absolute name.
    public var name: String

    /// Makes the description of a handle.
    public init(
        handle: UInt32, capacity: Int64, generation: UInt64, created: Bool, closed: Bool, name: String
    ) {
        self.handle = handle
        self.capacity = capacity
        self.generation = generation
        self.created = created
        self.closed = closed
        self.name = name
    }
}

/// Opening and removing by name (rules 14, 15, 25 and 28).
extension Broker {
    /// Creates the channel or joins it, and gives the session a handle.
    ///
    /// Joining may decide what was undecided; senders that wait then move on.
    /// The name `$` makes an unnamed channel; `entropy` are the bits of its name, which nobody may be able to guess
    /// (rule 26).
    public mutating func open<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, _ options: OpenOptions, entropy: (UInt64, UInt64)? = nil, into sink: inout S
    ) -> Result<OpenedChannel, Failure> {
        if options.name == OpenOptions.unnamed, let entropy {
            return openUnnamed(session: session, options, entropy, into: &sink)
        }
        let identity = sessions[session].identity
        if let failure = fault(in: options, session: session) { return .failure(failure) }
        let name: ResolvedName
        switch resolve(options.name, for: identity) {
        case .success(let resolved): name = resolved
        case .failure(let failure): return .failure(failure)
        }
        let channel: UInt32
        let created: Bool
        if let existing = channelSlot(named: name.absolute) {
            if let failure = joinFailure(existing, options, name, identity) { return .failure(failure) }
            (channel, created) = (existing, false)
        } else {
            if let failure = createFailure(options, name, identity) { return .failure(failure) }
            (channel, created) = (create(options, name, identity), true)
        }
        let handle = addHandle(session: session, channel: channel, role: options.role)
        tell(.open, session: session, channel: channel, into: &sink)
        if !created { decide(channel, options, identity) }
        applyEnds(channel, into: &sink)
        // Only what stands in the handle's own record is used below: pumping may end the channel's others.
        let opened = OpenedChannel(
            handle: handles[handle].number, capacity: channels[channel].capacity,
            generation: channels[channel].generation, created: created,
            closed: channels[channel].flags.contains(.closed), name: name.absolute)
        pump(channel, into: &sink)
        return .success(opened)
    }

    func fault(in options: OpenOptions, session: UInt32) -> Failure? {
        if options.role.isEmpty {
            return Failure(.invalidArgument, text: "a handle sends, receives, or does both")
        }
        if let capacity = options.capacity, capacity < Capacity.unbounded {
            return Failure(
                .invalidArgument,
                text: "a capacity is 0 (rendezvous), above 0, or -1 (unbounded), not \(capacity)")
        }
        if let mode = options.mode, mode > 0o777 {
            return Failure(.invalidArgument, text: "a mode has permission bits only")
        }
        if let tag = options.typeTag, tag.utf8.count > ChannelName.maxBytes {
            return Failure(.invalidArgument, text: "a type tag has at most \(ChannelName.maxBytes) bytes")
        }
        if options.mustCreate, options.mustExist {
            return Failure(.invalidArgument, text: "must-create and must-exist exclude each other")
        }
        if options.closeWithLastSender == true || options.failWithLastReceiver == true,
            options.role == .both
        {
            return Self.oneRole
        }
        let used = sessions[session].handles.count - sessions[session].freeNumbers.count
        return refusal("handles_per_session", used: used, more: 1, allowed: limits.handlesPerSession)
            ?? refusal(
                "handles_per_user", used: accounts[sessions[session].account].used.handles, more: 1,
                allowed: limits.handlesPerUser)
            ?? memoryFailure
    }

    private static var oneRole: Failure {
        Failure(
            .invalidArgument,
            text:
                "a channel that ends with its last sender or receiver is opened to send or to receive, not both"
        )
    }

    // MARK: Joining

    private func joinFailure(
        _ channel: UInt32, _ options: OpenOptions, _ name: ResolvedName, _ identity: Identity
    ) -> Failure? {
        if name.place == .unnamed {
            if let failure = unnamedFault(in: options) { return failure }
        } else if !isPermitted(options.role, on: channel, identity) {
            return notPermitted(name, identity)
        }
        if options.mustCreate { return Failure(.exists, text: "\(name.absolute) exists") }
        let there = channels[channel]
        if let capacity = options.capacity, there.capacity != Capacity.undecided, capacity != there.capacity {
            return Failure(.mismatch, text: "capacity is \(there.capacity), not \(capacity)")
        }
        if let tag = options.typeTag, let actual = there.activity.typeTag, tag != actual {
            return Failure(.mismatch, text: "type tag is \"\(actual)\", not \"\(tag)\"")
        }
        if let stated = options.maxBytes, there.flags.contains(.statedMaxBytes), stated != there.maxBytes {
            return Failure(.mismatch, text: "max-bytes is \(there.maxBytes), not \(stated)")
        }
        if let failure = endsFailure(channel, options) { return failure }
        let mayChange = identity.isAdministrator || identity.uid == there.owner
        if options.keep, !mayChange {
            return Failure(.notPermitted, text: "only the owner or an administrator keeps \(name.absolute)")
        }
        if !mayChange {
            if let mode = options.mode, mode != there.mode {
                return Failure(
                    .mismatch,
                    text: "mode is 0\(String(there.mode, radix: 8)), not 0\(String(mode, radix: 8))")
            }
            if let group = options.group, group != there.group {
                return Failure(.mismatch, text: "group is \(there.group), not \(group)")
            }
        }
        if let owner = options.owner, owner != there.owner {
            guard identity.isAdministrator else {
                return Failure(.mismatch, text: "owner is \(there.owner), not \(owner)")
            }
            if let failure = channelQuota(of: owner) { return failure }
        }
        return groupFailure(options, identity, unless: there.group)
    }

    /// Rule 16's part of joining.
    private func endsFailure(_ channel: UInt32, _ options: OpenOptions) -> Failure? {
        let flags = channels[channel].flags
        let pairs: [(String, Bool?, ChannelFlags, ChannelFlags)] = [
            (
                "close-with-last-sender", options.closeWithLastSender, .statedCloseWithLastSender,
                .closeWithLastSender
            ),
            (
                "fail-with-last-receiver", options.failWithLastReceiver, .statedFailWithLastReceiver,
                .failWithLastReceiver
            ),
        ]
        for (name, stated, decided, value) in pairs {
            if let stated, flags.contains(decided), stated != flags.contains(value) {
                return Failure(.mismatch, text: "\(name) is \(!stated), not \(stated)")
            }
            if stated == true, !flags.contains(value), let process = holderOfBoth(channel) {
                return Failure(
                    .mismatch,
                    text: "\(process) holds the channel with both roles, which \(name) excludes")
            }
        }
        if options.role == .both, !flags.isDisjoint(with: [.closeWithLastSender, .failWithLastReceiver]) {
            return Self.oneRole
        }
        return nil
    }

    private func holderOfBoth(_ channel: UInt32) -> String? {
        var handle = channels[channel].firstHandle
        while handle != none {
            if handles[handle].role == .both { return holder(handle) }
            handle = handles[handle].next
        }
        return nil
    }

    private func holder(_ handle: UInt32) -> String {
        let session = handles[handle].session
        return session == none
            ? "a message on its way" : "process \(sessions[session].identity.pid)"
    }

    /// Makes what was undecided what this open states, and changes what its owner states anew.
    private mutating func decide(_ channel: UInt32, _ options: OpenOptions, _ identity: Identity) {
        if let capacity = options.capacity { channels[channel].capacity = capacity }
        if let tag = options.typeTag { channels[channel].activity.typeTag = tag }
        if let bytes = options.maxBytes { channels[channel].maxBytes = bytes }
        channels[channel].flags.formUnion(Self.flags(stated: options))
        if let mode = options.mode { channels[channel].mode = mode }
        if let group = options.group { channels[channel].group = group }
        if let owner = options.owner, owner != channels[channel].owner {
            accounts[channels[channel].account].used.channels -= 1
            let account = account(of: owner)
            accounts[account].used.channels += 1
            channels[channel].account = account
            channels[channel].owner = owner
        }
    }

    static func flags(stated options: OpenOptions) -> ChannelFlags {
        var flags: ChannelFlags = []
        if options.keep { flags.insert(.keep) }
        if options.maxBytes != nil { flags.insert(.statedMaxBytes) }
        if let stated = options.closeWithLastSender {
            flags.insert(.statedCloseWithLastSender)
            if stated { flags.insert(.closeWithLastSender) }
        }
        if let stated = options.failWithLastReceiver {
            flags.insert(.statedFailWithLastReceiver)
            if stated { flags.insert(.failWithLastReceiver) }
        }
        return flags
    }

    // MARK: Creating

    func createFailure(
        _ options: OpenOptions, _ name: ResolvedName, _ identity: Identity
    ) -> Failure? {
        switch name.place {
        case .unnamed:
            return Failure(.noSuchChannel, text: "there is no channel \(ChannelName.shown(name.absolute))")
        case .user where !identity.isAdministrator: return notPermitted(name, identity)
        case .formerSpace: return notPermitted(name, identity)
        case .shared(let space) where !spaces[space].mayCreate && !identity.isAdministrator:
            if !options.mustExist { return notPermitted(name, identity) }
        default: break
        }
        if options.mustExist { return Failure(.noSuchChannel, text: "there is no channel \(name.absolute)") }
        if let owner = options.owner, owner != identity.uid, !identity.isAdministrator {
            return Failure(.notPermitted, text: "only an administrator makes uid \(owner) the owner")
        }
        if let failure = groupFailure(options, identity, unless: nil) { return failure }
        return channelQuota(of: options.owner ?? identity.uid)
    }

    /// Whether a user may own one more channel; the failure otherwise.
    func channelQuota(of uid: UInt32) -> Failure? {
        let used = accountIndex[uid].map { accounts[$0].used.channels } ?? 0
        return refusal("channels_per_user", used: used, more: 1, allowed: limits.channelsPerUser)
    }

    private func groupFailure(_ options: OpenOptions, _ identity: Identity, unless current: UInt32?)
        -> Failure?
    {
        guard let group = options.group, group != current, !identity.isAdministrator,
            !identity.isMember(of: group)
        else { return nil }
        return Failure(.notPermitted, text: "only a member or an administrator sets group \(group)")
    }

    mutating func create(
        _ options: OpenOptions, _ name: ResolvedName, _ identity: Identity
    ) -> UInt32 {
        let owner = options.owner ?? identity.uid
        var group = options.group ?? identity.gid
        var mode = options.mode ?? 0o600
        if case .shared(let space) = name.place {
            group = options.group ?? spaces[space].groups.first ?? identity.gid
            mode = options.mode ?? 0o660
        }
        let account = account(of: owner)
        accounts[account].used.channels += 1
        let channel = channels.insert(
            Channel(
                name: name.absolute, typeTag: options.typeTag, generation: nextGeneration,
                capacity: options.capacity ?? Capacity.undecided, owner: owner, group: group, mode: mode,
                account: account, flags: Self.flags(stated: options)))
        if let bytes = options.maxBytes { channels[channel].maxBytes = bytes }
        nextGeneration += 1
        names.insert(channel, named: name.absolute)
        return channel
    }

    mutating func addHandle(session: UInt32, channel: UInt32, role: Role) -> UInt32 {
        let number = takeNumber(in: session)
        let handle = handles.insert(
            Handle(session: session, number: number, channel: channel, role: role, since: now))
        sessions[session].handles[Int(number)] = handle
        handles[handle].window = DeliveryWindow(first: sessions[session].firstDelivery)
        channels[channel].sessionHandles += 1
        link(handle: handle)
        return handle
    }

    /// A number for a handle of the session; it names none until it is given one.
    mutating func takeNumber(in session: UInt32) -> UInt32 {
        accounts[sessions[session].account].used.handles += 1
        if let free = sessions[session].freeNumbers.popLast() { return free }
        sessions[session].handles.append(none)
        return UInt32(sessions[session].handles.count - 1)
    }

    /// The number is free for the session's next handle.
    mutating func freeNumber(_ number: UInt32, of session: UInt32) {
        accounts[sessions[session].account].used.handles -= 1
        sessions[session].freeNumbers.append(number)
    }

    /// Puts a handle on its channel's list and counts what it may do.
    mutating func link(handle: UInt32) {
        let channel = handles[handle].channel
        let role = handles[handle].role
        let first = channels[channel].firstHandle
        handles[handle].next = first
        if first != none { handles[first].previous = handle }
        channels[channel].firstHandle = handle
        if role.contains(.send) {
            channels[channel].sendHandles += 1
            channels[channel].flags.insert(.hadSender)
        }
        if role.contains(.receive) {
            channels[channel].receiveHandles += 1
            channels[channel].flags.insert(.hadReceiver)
        }
    }

    // MARK: Rights and removal

    /// Whether the class that `identity` falls in may use the channel so (rule 28).
    func isPermitted(_ role: Role, on channel: UInt32, _ identity: Identity) -> Bool {
        if identity.isAdministrator { return true }
        let there = channels[channel]
        let shift: UInt16 =
            identity.uid == there.owner ? 6 : identity.isMember(of: there.group) ? 3 : 0
        let bits = (there.mode >> shift) & 0o7
        return (!role.contains(.receive) || bits & 4 != 0) && (!role.contains(.send) || bits & 2 != 0)
    }

    /// The same whether the channel exists or not, so that names of others do not leak.
    func notPermitted(_ name: ResolvedName, _ identity: Identity) -> Failure {
        Failure(.notPermitted, text: "uid \(identity.uid) may not open \(name.absolute) so")
    }

    /// Frees a name at once and closes its generation, which its handles drain (rule 15).
    public mutating func remove<S: BrokerSink<Body> & ~Copyable>(
        session: UInt32, name: String, into sink: inout S
    ) -> Failure? {
        switch manageable(name, session: session) {
        case .failure(let failure): return failure
        case .success(let channel):
            let name = channels[channel].name
            names.remove(channel, named: name)
            channels[channel].flags.insert(.removed)
            channels[channel].flags.remove(.keep)
            if !channels[channel].flags.contains(.closed) {
                shut(channel, .removed, by: session, into: &sink)
            }
            // Nobody can name it any more to resume it, and its handles are to drain it.
            channels[channel].flags.remove(.paused)
            pump(channel, into: &sink)
            recreateIfDeclared(name)
            return nil
        }
    }

    /// The channel that an absolute name is of; nil without one.
    func channelSlot(named name: String) -> UInt32? { names.channel(name, in: channels) }

    /// The channel of that name, if the session's user owns it or is an administrator.
    func manageable(_ name: String, session: UInt32) -> Result<UInt32, Failure> {
        let identity = sessions[session].identity
        return resolve(name, for: identity).flatMap { resolved in
            // In another user's space the same whether the channel exists or not, as for open.
            let refused = Failure(
                .notPermitted, text: "only the owner or an administrator may do this to \(resolved.absolute)")
            guard let channel = channelSlot(named: resolved.absolute) else {
                if case .user = resolved.place, !identity.isAdministrator { return .failure(refused) }
                return .failure(
                    Failure(.noSuchChannel, text: "there is no channel \(resolved.absolute)"))
            }
            guard identity.isAdministrator || channels[channel].owner == identity.uid else {
                return .failure(refused)
            }
            return .success(channel)
        }
    }
}
