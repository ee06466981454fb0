// SPDX-License-Identifier: Apache-2.0

/// All channels, waiters, sessions and accounts of one daemon, or of one process's own channels.
///
/// It knows nothing of sockets, clocks and threads: inputs are its methods, effects go to the caller's sink,
/// time is what `advance(to:)` was told, and randomness comes from a seed. `Body` is how the owner holds a
/// message's bytes; the broker only passes it on and says when it needs it no longer.
///
/// Invariants between two inputs, checked by `checkInvariants()`:
/// - Messages queued mean no receiver waits (G4), but for credits that rest; room in the buffer means no sender
///   waits.
/// - Senders and plain receivers wait together only where each pair of them belongs to one select (S9): on a channel
///   without buffer, or where what was sent ahead fills it. There credits wait beside senders too.
/// - A credit rests exactly while as many messages as it is for are ahead (rule 21).
/// - A closed channel has no waiting sender; a finished one (closed, nothing queued or unsettled) no waiter.
/// - Every parked operation is under its key, in its session's list, and, with a deadline, in the heap;
///   each of its waiters is in its channel's list.
/// - What was returned precedes what was never delivered: the heap's acceptance numbers are all lower than
///   the queue's, which ascend (rule 18).
/// - What a message lists is a handle without session; the number that a delivery offers for it names none yet.
/// - Every message is in one place, and the accounts and counters are the sums of what is there.
public struct Broker<Body: BitwiseCopyable>: ~Copyable {
    /// Has the broker passed by its address: what only reads it would otherwise be given a copy of its two kilobytes, which was
    /// measured to be a sixth of the daemon's instructions.
    @usableFromInline let byAddress: (any Sendable)? = nil
    @usableFromInline var sessions = SlotTable<Session>()
    @usableFromInline var channels = SlotTable<Channel>()
    @usableFromInline var handles = SlotTable<Handle>()
    @usableFromInline var operations = SlotTable<Operation>()
    @usableFromInline var waiters = SlotTable<Waiter>()
    @usableFromInline var messages = SlotTable<Message<Body>>()
    @usableFromInline var accounts = SlotTable<Account>()
    @usableFromInline var shares = SlotTable<Share>()
    @usableFromInline var connections = SlotTable<Connection>()
    /// Bytes of all messages.
    @usableFromInline var messageBytes = 0
    /// Bytes that all connections hold besides.
    public internal(set) var buffers = 0
    /// Users who have messages.
    @usableFromInline var senders = 0
    @usableFromInline var parked = OperationTable()
    @usableFromInline var deadlines = DeadlineHeap()
    @usableFromInline var leases = SlotTable<Lease>()
    @usableFromInline var leaseDeadlines = DeadlineHeap()
    @usableFromInline var confirmations = SlotTable<Confirmation>()
    /// Listings of messages that ended, until the end of the input.
    @usableFromInline var released: [UInt32] = []
    /// Channels that may be listed by each other only, until the next sweep.
    @usableFromInline var suspects: Set<UInt32> = []
    /// Listings of all messages.
    @usableFromInline var listingCount = 0
    @usableFromInline var watches = SlotTable<Watch>()
    @usableFromInline var credits = SlotTable<Credit>()
    @usableFromInline var random: RandomSource
    @usableFromInline var now: UInt64 = 0
    /// Until when timeouts have been reported.
    @usableFromInline var advanced: UInt64 = 0
    @usableFromInline var limits: BrokerLimits
    /// Messages that went without being settled: discarded with their channel (rule 15), or purged.
    public internal(set) var discarded: UInt64 = 0
    var names = NameTable()
    var declared: [String: DeclaredChannel] = [:]
    /// Messages accepted by channels that are gone.
    var acceptedByGone: UInt64 = 0
    var accountIndex: [UInt32: UInt32] = [:]
    var shareIndex: [Share.Key: UInt32] = [:]
    var incompleteConnections = 0
    var closeReasons: [UInt32: CloseReason] = [:]
    var spaces: [Space]
    var nextGeneration: UInt64 = 1
    var nextSession: UInt64 = 1

    /// Makes a broker without channels.
    ///
    /// - Parameters:
    ///   - seed: what all choices among ready cases follow from (rule X32).
    ///   - limits: what one session and one user may have.
    ///   - spaces: the shared name spaces.
    public init(seed: UInt64, limits: BrokerLimits = BrokerLimits(), spaces: [Space] = []) {
        random = RandomSource(seed: seed)
        // Its own, so that choices follow from the seed as ever.
        var secrets = RandomSource(seed: ~seed)
        parked.scatter(&secrets)
        self.limits = limits
        self.spaces = spaces
    }

    deinit {
        for slot in 0..<handles.highWater where handles.contains(slot) {
            handles[slot].window.ring?.deallocate()
        }
        for slot in 0..<channels.highWater where channels.contains(slot) { channels[slot].release() }
        for slot in 0..<accounts.highWater where accounts.contains(slot) { accounts[slot].delays.release() }
    }

    /// How many channels there are.
    public var channelCount: Int { channels.count }
    /// How many sessions there are.
    public var sessionCount: Int { sessions.count }
    /// How many messages there are, queued, offered or unsettled.
    public var messageCount: Int { messages.count }
    /// How many operations are parked.
    public var parkedCount: Int { operations.count }

    /// When `advance(to:)` has something to do next; nil without a deadline.
    @inlinable
    public var nextDeadline: UInt64? {
        switch (deadlines.first, leaseDeadlines.first) {
        case (let operation?, let lease?): min(operation.deadline, lease.deadline)
        case (let due?, nil), (nil, let due?): due.deadline
        case (nil, nil): nil
        }
    }
}

/// What one session and one user may have (rule 27); past a limit the operation fails and nothing else.
public struct BrokerLimits: Equatable, Sendable {
    /// Connections in all.
    public var sessions = 4096
    /// Connections of one user.
    public var sessionsPerUser = 1024
    /// Connections in all that have not finished their handshake.
    public var incompleteSessions = 1024
    /// The same of one user.
    public var incompleteSessionsPerUser = 256
    /// Channels that one user owns.
    public var channelsPerUser = 65_536
    /// Handles of one session.
    public var handlesPerSession = 65_536
    /// Handles of one user's sessions.
    public var handlesPerUser = 131_072
    /// Parked operations of one session; each case of a select counts.
    public var waitersPerSession = 4096
    /// Parked operations of one user's sessions, counted so.
    public var waitersPerUser = 131_072
    /// Cases of one select (S17).
    public var selectCases = 1024
    /// Messages that one user sent and nobody settled yet; as many may others have in his channels.
    public var messagesPerUser = 1 << 20
    /// Bytes of those messages, in the same way.
    public var bytesPerUser = 64 << 20
    /// Channels that the messages pass that one user sent and nobody settled yet.
    public var listingsPerUser = 65_536
    /// Operations of one user that wait for a channel's state: each is looked at once a turn.
    public var waitsPerUser = 1024
    /// What all messages and buffers together may take in bytes, an eighth of it kept from messages.
    public var memoryBytes = Int.max
    /// Bytes after which a receive of several takes no further message.
    public var receiveBatchBytes = 256 << 10
    /// Bytes that count for each message there besides its own: what the owner's answer says of it.
    public var receiveBatchPrefixBytes = 0

    /// Makes the default limits.
    public init() {}
}

/// What a close said (rule 4).
public struct CloseReason: Equatable, Sendable {
    /// A number for programs.
    public var code: UInt32
    /// A text for people.
    public var text: String

    /// Makes a reason.
    public init(code: UInt32 = 0, text: String = "") {
        self.code = code
        self.text = text
    }

    /// The channel closed with its last sender (rule 16); the highest codes are the broker's.
    public static let lastSenderGone = CloseReason(code: .max, text: "last sender gone")
    /// The channel was removed (rule 15).
    public static let removed = CloseReason(code: .max - 1, text: "removed")
}

extension Broker {
    /// The slot of a session's handle; nil where the session has no such open handle.
    @inlinable
    func openHandle(_ session: UInt32, _ number: UInt32) -> UInt32? {
        guard let slot = anyHandle(session, number), !handles[slot].isClosed else { return nil }
        return slot
    }

    /// The slot of a session's handle, closed with deliveries left or not.
    @inlinable
    func anyHandle(_ session: UInt32, _ number: UInt32) -> UInt32? {
        guard Int(number) < sessions[session].handles.count else { return nil }
        let slot = sessions[session].handles[Int(number)]
        return slot == none ? nil : slot
    }

    /// Whether the session has an operation of that request id under way.
    @inlinable
    public func isUnderWay(session: UInt32, request: UInt64) -> Bool {
        sessions[session].firstOperation != none
            && parked[OperationKey(session: session, request: request)] != none
    }

    /// How a closed channel's operations end.
    @usableFromInline
    func closedFailure(_ channel: UInt32, caseIndex: UInt16? = nil, accepted: UInt32 = 0) -> Failure {
        let reason = closeReasons[channel] ?? CloseReason()
        return Failure(
            .closed, caseIndex: caseIndex, accepted: accepted, reason: reason.code, text: reason.text)
    }

    /// How sends on a channel end that is closed or has no receivers (rules 4 and 16).
    @usableFromInline
    func sendFailure(_ channel: UInt32, caseIndex: UInt16? = nil, accepted: UInt32 = 0) -> Failure {
        channels[channel].flags.contains(.closed)
            ? closedFailure(channel, caseIndex: caseIndex, accepted: accepted)
            : Failure(.noReceivers, caseIndex: caseIndex, accepted: accepted)
    }
}
