// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Rules 14 to 16, 25 and 28: opening, with everything stated or not.
extension ModelBroker {
    mutating func open(
        _ session: UInt32, _ options: OpenOptions, _ hint: Hint
    ) throws(NotAllowed) -> Result<OpenedChannel, Failure> {
        guard let identity = sessions[session]?.identity else { return .failure(Failure(.noSuchHandle)) }
        let faults = faults(session, options, identity)
        guard faults.isEmpty, let name = modelName(options.name, identity)?.absolute else {
            if let failure = hint.failure, !faults.contains(failure) {
                throw NotAllowed(description: "open failed with \(failure), right is one of \(faults)")
            }
            return .failure(Failure(hint.failure ?? faults.first ?? .invalidName))
        }
        let channel: UInt64
        let created: Bool
        if let existing = names[name] {
            (channel, created) = (existing, false)
            decide(existing, options)
        } else {
            (channel, created) = (hint.opened?.generation ?? lastGeneration + 1, true)
            guard channel > lastGeneration else {
                throw NotAllowed(description: "generation \(channel) is not above \(lastGeneration)")
            }
            lastGeneration = channel
            create(channel, name, options, identity)
        }
        var number = hint.opened?.handle
        if number == nil { number = (0...).first { sessions[session]?.handles[$0] == nil } }
        guard let number, sessions[session]?.handles[number] == nil else {
            throw NotAllowed(description: "handle number \(number ?? 0) is taken")
        }
        sessions[session]?.handles[number] = ModelHandle(channel: channel, role: options.role)
        if options.role.contains(.send) { channels[channel]?.hadSender = true }
        if options.role.contains(.receive) { channels[channel]?.hadReceiver = true }
        applyEnds(channel)
        guard let there = channels[channel] else { return .failure(Failure(.noSuchChannel)) }
        let opened = OpenedChannel(
            handle: number, capacity: there.capacity ?? Capacity.undecided, generation: channel,
            created: created, closed: there.isClosed, name: name)
        run(channel)
        return .success(opened)
    }

    private mutating func create(
        _ channel: UInt64, _ name: String, _ options: OpenOptions, _ identity: Identity
    ) {
        let space = modelName(options.name, identity)?.space
        channels[channel] = ModelChannel(
            name: name, capacity: options.capacity, typeTag: options.typeTag, maxBytes: options.maxBytes,
            closesWithLastSender: options.closeWithLastSender,
            failsWithLastReceiver: options.failWithLastReceiver, owner: options.owner ?? identity.uid,
            group: options.group ?? space?.groups.first ?? identity.gid,
            mode: options.mode ?? (space == nil ? 0o600 : 0o660), keep: options.keep)
        names[name] = channel
    }

    /// Rule 14: what is stated decides what was undecided; owner, group and mode are the owner's to change.
    private mutating func decide(_ channel: UInt64, _ options: OpenOptions) {
        guard var there = channels[channel] else { return }
        there.capacity = there.capacity ?? options.capacity
        there.typeTag = there.typeTag ?? options.typeTag
        there.maxBytes = there.maxBytes ?? options.maxBytes
        there.closesWithLastSender = there.closesWithLastSender ?? options.closeWithLastSender
        there.failsWithLastReceiver = there.failsWithLastReceiver ?? options.failWithLastReceiver
        there.owner = options.owner ?? there.owner
        there.group = options.group ?? there.group
        there.mode = options.mode ?? there.mode
        there.keep = there.keep || options.keep
        channels[channel] = there
    }

    // MARK: What may be wrong

    /// Every rule that the open breaks; which of several is reported is free, as long as nothing leaks.
    private func faults(_ session: UInt32, _ options: OpenOptions, _ identity: Identity) -> [FailureKind] {
        var faults = Set(faultsInThemselves(session, options))
        guard let name = modelName(options.name, identity) else {
            faults.insert(.invalidName)
            return sorted(faults)
        }
        guard name.isGranted else { return sorted(faults.union([.notPermitted])) }
        guard let channel = names[name.absolute], let there = channels[channel] else {
            return sorted(faults.union(creationFaults(name, options, identity)))
        }
        guard permits(there, options.role, identity) else { return sorted(faults.union([.notPermitted])) }
        return sorted(faults.union(joinFaults(channel, there, options, identity)))
    }

    private func sorted(_ faults: Set<FailureKind>) -> [FailureKind] {
        faults.sorted { $0.rawValue < $1.rawValue }
    }

    private func faultsInThemselves(_ session: UInt32, _ options: OpenOptions) -> [FailureKind] {
        var faults: [FailureKind] = []
        if let capacity = options.capacity, capacity < -1 { faults.append(.invalidArgument) }
        if let mode = options.mode, mode > 0o777 { faults.append(.invalidArgument) }
        if let tag = options.typeTag, tag.utf8.count > 200 { faults.append(.invalidArgument) }
        if options.mustCreate, options.mustExist { faults.append(.invalidArgument) }
        if options.role.isEmpty { faults.append(.invalidArgument) }
        let ends = options.closeWithLastSender == true || options.failWithLastReceiver == true
        if ends, options.role == .both { faults.append(.invalidArgument) }
        if sessions[session]?.handles.count ?? 0 >= limits.handlesPerSession { faults.append(.quotaExceeded) }
        let uid = sessions[session]?.identity.uid
        let handles = sessions.values.filter { $0.identity.uid == uid }.reduce(0) { $0 + $1.handles.count }
        if handles >= limits.handlesPerUser { faults.append(.quotaExceeded) }
        return faults
    }

    private func creationFaults(
        _ name: ModelName, _ options: OpenOptions, _ identity: Identity
    ) -> [FailureKind] {
        var faults: [FailureKind] = []
        if name.user != nil, name.user != identity.uid, !identity.isAdministrator { return [.notPermitted] }
        if options.mustExist { return [.noSuchChannel] }
        if let space = name.space, !space.mayCreate, !identity.isAdministrator {
            faults.append(.notPermitted)
        }
        if let owner = options.owner, owner != identity.uid, !identity.isAdministrator {
            faults.append(.notPermitted)
        }
        if let group = options.group, !identity.isAdministrator, !identity.isMember(of: group) {
            faults.append(.notPermitted)
        }
        if channelCount(options.owner ?? identity.uid) >= limits.channelsPerUser {
            faults.append(.quotaExceeded)
        }
        return faults
    }

    func channelCount(_ uid: UInt32) -> Int { channels.values.count { $0.owner == uid } }

    private func joinFaults(
        _ channel: UInt64, _ there: ModelChannel, _ options: OpenOptions, _ identity: Identity
    ) -> [FailureKind] {
        if options.mustCreate { return [.exists] }
        var faults: [FailureKind] = []
        func compare<Value: Equatable>(_ stated: Value?, _ actual: Value?) {
            if let stated, let actual, stated != actual { faults.append(.mismatch) }
        }
        compare(options.capacity, there.capacity)
        compare(options.typeTag, there.typeTag)
        compare(options.maxBytes, there.maxBytes)
        compare(options.closeWithLastSender, there.closesWithLastSender)
        compare(options.failWithLastReceiver, there.failsWithLastReceiver)
        let someoneHasBoth = openHandles(channel).contains { $0.role == .both }
        if options.closeWithLastSender == true, there.closesWithLastSender == nil, someoneHasBoth {
            faults.append(.mismatch)
        }
        if options.failWithLastReceiver == true, there.failsWithLastReceiver == nil, someoneHasBoth {
            faults.append(.mismatch)
        }
        let ends = there.closesWithLastSender == true || there.failsWithLastReceiver == true
        if options.role == .both, ends { faults.append(.invalidArgument) }
        let owns = identity.isAdministrator || identity.uid == there.owner
        if options.keep, !owns { faults.append(.notPermitted) }
        if !owns {
            compare(options.mode, there.mode)
            compare(options.group, there.group)
        }
        if let owner = options.owner, owner != there.owner {
            if !identity.isAdministrator { faults.append(.mismatch) }
            if channelCount(owner) >= limits.channelsPerUser { faults.append(.quotaExceeded) }
        }
        if owns, let group = options.group, group != there.group, !identity.isAdministrator,
            !identity.isMember(of: group)
        {
            faults.append(.notPermitted)
        }
        return faults
    }

    /// Rule 28: the class as for files.
    private func permits(_ there: ModelChannel, _ role: Role, _ identity: Identity) -> Bool {
        if identity.isAdministrator { return true }
        let bits: UInt16
        if identity.uid == there.owner {
            bits = there.mode / 64
        } else if identity.isMember(of: there.group) {
            bits = there.mode / 8
        } else {
            bits = there.mode
        }
        if role.contains(.receive), bits & 4 == 0 { return false }
        if role.contains(.send), bits & 2 == 0 { return false }
        return true
    }

    mutating func remove(_ session: UInt32, _ name: String) -> Failure? {
        manage(session, name) { model, channel in
            if let there = model.channels[channel] { model.names[there.name] = nil }
            model.channels[channel]?.isRemoved = true
            model.channels[channel]?.keep = false
            if model.channels[channel]?.isClosed == false {
                model.shut(channel, .removed)
            }
            // Nobody can name it any more to resume it.
            model.channels[channel]?.isPaused = false
        }
    }

    /// Rule 29: nothing moves when receives are held; everything that can when they are not any more.
    mutating func pause(_ session: UInt32, _ name: String, _ isPaused: Bool) -> Failure? {
        manage(session, name) { model, channel in model.channels[channel]?.isPaused = isPaused }
    }

    /// Changes a channel for its owner or an administrator, and lets go on what can.
    private mutating func manage(
        _ session: UInt32, _ name: String, _ change: (inout ModelBroker, UInt64) -> Void
    ) -> Failure? {
        guard let identity = sessions[session]?.identity else { return nil }
        guard let resolved = modelName(name, identity) else { return Failure(.invalidName) }
        guard resolved.isGranted else { return Failure(.notPermitted) }
        let isForeign = resolved.user != nil && resolved.user != identity.uid && !identity.isAdministrator
        guard let channel = names[resolved.absolute] else {
            return Failure(isForeign ? .notPermitted : .noSuchChannel)
        }
        guard identity.isAdministrator || channels[channel]?.owner == identity.uid else {
            return Failure(.notPermitted)
        }
        change(&self, channel)
        run(channel)
        return nil
    }
}
