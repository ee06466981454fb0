// SPDX-License-Identifier: Apache-2.0

/// A message from its arrival until it is settled or discarded.
///
/// It is in exactly one place: a chain under way, a waiter's chain, a channel's queue, a channel's returned
/// heap, or a handle's delivery window. `next` (and `child` in the heap) link it there.
@usableFromInline
struct Message<Body: BitwiseCopyable> {
    @usableFromInline var body: Body
    /// The place in the channel's order (rule 23), set at the commit.
    @usableFromInline var acceptance: UInt64 = 0
    /// When it arrived.
    @usableFromInline var since: UInt64
    @usableFromInline var byteCount: UInt32
    /// The sender's.
    @usableFromInline var account: UInt32
    /// What it takes of another user's account, in whose channel it is; `none` for nothing.
    @usableFromInline var share: UInt32 = none
    @usableFromInline var next: UInt32 = none
    @usableFromInline var child: UInt32 = none
    @usableFromInline var attempts: UInt16 = 0
    @usableFromInline var redelivered = false
    /// The lease that its delivery is under, `none` for automatic settlement.
    @usableFromInline var lease: UInt32 = none
    /// The send that waits until it is received or settled, `none` for nobody.
    @usableFromInline var confirmation: UInt32 = none
    /// The first of the channels that it passes, `none` for none.
    @usableFromInline var firstPassed: UInt32 = none
    /// The credit by which it was sent ahead, until it is handed over; `none` for a delivery that answered a receive.
    @usableFromInline var credit: UInt32 = none

    @inlinable
    init(body: Body, byteCount: UInt32, account: UInt32, since: UInt64) {
        self.body = body
        self.since = since
        self.byteCount = byteCount
        self.account = account
    }
}

/// Messages in order that are in no channel: a batch that arrives, or deliveries about to be written.
public struct MessageChain {
    @usableFromInline var head: UInt32 = none
    @usableFromInline var tail: UInt32 = none
    @usableFromInline var length: UInt32 = 0
    @usableFromInline var bytes = 0
    /// The account besides the sender's that the messages appended are on, `none` for none.
    @usableFromInline var owner: UInt32 = none

    /// Makes an empty chain.
    public init() {}

    /// How many.
    @inlinable public var count: UInt32 { length }
    /// Bytes of all.
    @inlinable public var byteCount: Int { bytes }
    /// Whether there is no message.
    @inlinable public var isEmpty: Bool { head == none }
}

/// A FIFO of waiters, linked through the waiters themselves.
@usableFromInline
struct WaiterList {
    @usableFromInline var head: UInt32 = none
    @usableFromInline var tail: UInt32 = none
    @usableFromInline var count: UInt32 = 0
    @usableFromInline init() {}

    /// Makes `slot` the last; returns who was.
    @inlinable
    mutating func append(_ slot: UInt32) -> UInt32 {
        let last = tail
        if last == none { head = slot }
        tail = slot
        count += 1
        return last
    }

    /// Forgets a waiter that stands here.
    @inlinable
    mutating func forget(_ waiter: Waiter) {
        if waiter.previous == none { head = waiter.next }
        if waiter.next == none { tail = waiter.previous }
        count -= 1
    }
}

/// One parked case, on one channel; a plain send or receive is one case.
@usableFromInline
struct Waiter {
    @usableFromInline var operation: UInt32
    @usableFromInline var channel: UInt32
    @usableFromInline var handle: UInt32
    @usableFromInline var previous: UInt32 = none
    @usableFromInline var next: UInt32 = none
    @usableFromInline var nextCase: UInt32 = none
    @usableFromInline var caseIndex: UInt16
    @usableFromInline var isSend: Bool
    @usableFromInline var untilDrained: Bool
    /// A receive that holds a credit (rule 21).
    @usableFromInline var isCredit = false
    /// A credit of which all messages are ahead: it waits for none.
    @usableFromInline var isResting = false
    /// What a send still has to commit.
    @usableFromInline var chain: MessageChain

    @inlinable
    init(
        operation: UInt32, channel: UInt32, handle: UInt32, caseIndex: UInt16, isSend: Bool,
        untilDrained: Bool, chain: MessageChain
    ) {
        self.operation = operation
        self.channel = channel
        self.handle = handle
        self.caseIndex = caseIndex
        self.isSend = isSend
        self.untilDrained = untilDrained
        self.chain = chain
    }
}

/// A parked operation: a send, a receive or a select, with its waiters.
@usableFromInline
struct Operation {
    @usableFromInline var session: UInt32
    @usableFromInline var request: UInt64
    /// When it times out, in the owner's nanoseconds; `.max` for never.
    @usableFromInline var deadline: UInt64
    /// When it was parked.
    @usableFromInline var since: UInt64
    @usableFromInline var firstWaiter: UInt32 = none
    @usableFromInline var waiterCount: UInt32 = 0
    @usableFromInline var previous: UInt32 = none
    @usableFromInline var next: UInt32 = none
    /// The most messages that a receive takes.
    @usableFromInline var limit: UInt32
    /// Messages of a batch that are committed.
    @usableFromInline var accepted: UInt32
    @usableFromInline var isSelect: Bool
    /// What a receive wants its deliveries to be leased under.
    @usableFromInline var terms: LeaseTerms?
    /// The credit that a receive holds, `none` for a plain one.
    @usableFromInline var credit: UInt32 = none
    /// What a send waits for beyond its commit, `none` for nothing.
    @usableFromInline var confirmation: UInt32 = none
    /// What it waits for if that is a channel's state, `none` otherwise.
    @usableFromInline var watch: UInt32 = none

    @inlinable
    init(
        session: UInt32, request: UInt64, deadline: UInt64, since: UInt64, limit: UInt32,
        accepted: UInt32, isSelect: Bool
    ) {
        self.session = session
        self.request = request
        self.deadline = deadline
        self.since = since
        self.limit = limit
        self.accepted = accepted
        self.isSelect = isSelect
    }
}

/// How a receive wants to hold its deliveries until its caller settles them (rule 19).
public struct LeaseTerms: Equatable, Sendable {
    /// After how many nanoseconds a delivery goes back by itself; 0 for never.
    public var nanoseconds: UInt64
    /// After how many attempts a message that comes back goes to the dead-letter channel; 0 for no limit.
    public var attemptLimit: UInt16
    /// The dead-letter channel's name; empty for setting aside in the channel itself.
    public var deadLetter: String

    /// Makes terms.
    public init(nanoseconds: UInt64 = 0, attemptLimit: UInt16 = 0, deadLetter: String = "") {
        self.nanoseconds = nanoseconds
        self.attemptLimit = attemptLimit
        self.deadLetter = deadLetter
    }
}

/// A delivery that its receiver's application settles.
@usableFromInline
struct Lease {
    @usableFromInline var handle: UInt32
    @usableFromInline var number: UInt64
    @usableFromInline var deadline: UInt64
    @usableFromInline var terms: LeaseTerms
    /// Who receives, and so owns a dead-letter channel that has to be made.
    @usableFromInline var identity: Identity
}

/// What a sender may wait for beyond the commit (rule 20).
public enum Confirm: UInt8, Sendable {
    /// A receiving process has the message.
    case receipt = 1
    /// A receiver is done with it.
    case settlement = 2
}

/// A send that waits beyond its commit; it lives until none of its messages refers to it.
@usableFromInline
struct Confirmation {
    @usableFromInline var kind: Confirm
    /// Where it was sent; the generation says whether that is still there.
    @usableFromInline var channel: UInt32
    @usableFromInline var generation: UInt64
    /// The parked send, `none` once that is over.
    @usableFromInline var operation: UInt32
    /// Messages that are neither confirmed nor lost.
    @usableFromInline var outstanding: UInt32
    /// Why a message can't be confirmed any more.
    @usableFromInline var lost: String?
}

/// How many messages a receive may have ahead; it lives until its receive is over and none is ahead (rule 21).
@usableFromInline
struct Credit {
    /// The parked receive, `none` once that is over.
    @usableFromInline var operation: UInt32
    /// The most messages ahead at a time.
    @usableFromInline var limit: UInt32
    /// Messages that were sent and not handed over.
    @usableFromInline var ahead: UInt32 = 0

    @inlinable
    init(operation: UInt32, limit: UInt32) {
        self.operation = operation
        self.limit = limit
    }
}

/// A session's reference to one generation of a channel, or a message's that passes the channel.
@usableFromInline
struct Handle {
    /// `none` for one that a message lists.
    @usableFromInline var session: UInt32
    /// Its number in the session; of a listing the one that is offered, else `none`.
    @usableFromInline var number: UInt32
    @usableFromInline var channel: UInt32
    /// What it may still do: `stop` takes the receive role away.
    @usableFromInline var role: Role
    /// Closed by its session; it stays only until its last delivery is over.
    @usableFromInline var isClosed = false
    /// A delivery of it was leased: its number's next handle numbers its deliveries on.
    @usableFromInline var wasLeased = false
    /// The message that lists it.
    @usableFromInline var message: UInt32 = none
    /// That message's next listing.
    @usableFromInline var nextPassed: UInt32 = none
    /// The session to which that message is delivered, `none` where it is not.
    @usableFromInline var offeredTo: UInt32 = none
    /// The channel that holds that message, `none` while it waits in a send or is delivered.
    @usableFromInline var holder: UInt32 = none
    @usableFromInline var previous: UInt32 = none
    @usableFromInline var next: UInt32 = none
    @usableFromInline var window = DeliveryWindow()
    /// When it was opened, or listed.
    @usableFromInline var since: UInt64

    @inlinable
    init(session: UInt32, number: UInt32, channel: UInt32, role: Role, since: UInt64) {
        self.since = since
        self.session = session
        self.number = number
        self.channel = channel
        self.role = role
    }
}

/// The directions in which a handle may be used.
public struct Role: OptionSet, Hashable, Sendable {
    /// Bit 0 is send, bit 1 receive.
    public let rawValue: UInt8
    /// Makes a role from its bits.
    @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// May send and close.
    @inlinable public static var send: Role { Role(rawValue: 1) }
    /// May receive.
    @inlinable public static var receive: Role { Role(rawValue: 2) }
    /// Both directions.
    @inlinable public static var both: Role { Role(rawValue: 3) }
}

/// Capacities with a meaning of their own (rules 14 and G1).
public enum Capacity {
    /// As many messages as the quotas allow.
    @inlinable public static var unbounded: Int64 { -1 }
    /// No handle has stated a capacity yet; it acts as a rendezvous.
    @inlinable public static var undecided: Int64 { -2 }
}

/// Yes-or-no state of a channel.
@usableFromInline
struct ChannelFlags: OptionSet {
    @usableFromInline let rawValue: UInt16
    @inlinable init(rawValue: UInt16) { self.rawValue = rawValue }
    @inlinable static var closed: ChannelFlags { ChannelFlags(rawValue: 1) }
    @inlinable static var keep: ChannelFlags { ChannelFlags(rawValue: 2) }
    @inlinable static var removed: ChannelFlags { ChannelFlags(rawValue: 4) }
    @inlinable static var statedCloseWithLastSender: ChannelFlags { ChannelFlags(rawValue: 8) }
    @inlinable static var closeWithLastSender: ChannelFlags { ChannelFlags(rawValue: 16) }
    @inlinable static var statedFailWithLastReceiver: ChannelFlags { ChannelFlags(rawValue: 32) }
    @inlinable static var failWithLastReceiver: ChannelFlags { ChannelFlags(rawValue: 64) }
    @inlinable static var hadSender: ChannelFlags { ChannelFlags(rawValue: 128) }
    @inlinable static var hadReceiver: ChannelFlags { ChannelFlags(rawValue: 256) }
    /// Every commit of a receive is held (rule 29).
    @inlinable static var paused: ChannelFlags { ChannelFlags(rawValue: 1024) }
    /// Sends fail now: it fails with its last receiver, had one, and has none (rule 16).
    @inlinable static var noReceivers: ChannelFlags { ChannelFlags(rawValue: 512) }
    /// The configuration wants a channel of this name (rule 15).
    @inlinable static var declared: ChannelFlags { ChannelFlags(rawValue: 2048) }
    /// Its name was generated and is the right to use it (rule 26).
    @inlinable static var unnamed: ChannelFlags { ChannelFlags(rawValue: 8192) }
    /// Its activity is its own.
    @inlinable static var active: ChannelFlags { ChannelFlags(rawValue: 16384) }
    /// Some open stated a bound of bytes (rule 14).
    @inlinable static var statedMaxBytes: ChannelFlags { ChannelFlags(rawValue: 4096) }
    @inlinable static var stopsSends: ChannelFlags { [.closed, .noReceivers] }
}

/// What a channel has that somebody waits on, that was received from, or that has what few channels have.
///
/// Most channels of a daemon that has many are there for the messages they hold: those have none.
@usableFromInline
struct ChannelActivity {
    /// The root of the heap of messages that came back, by acceptance number.
    @usableFromInline var returned: UInt32 = none
    @usableFromInline var unsettled = 0
    /// Of those, messages sent ahead and not handed over: they keep their slots (rule 21).
    @usableFromInline var ahead = 0
    /// Of those, deliveries under a lease.
    @usableFromInline var leased = 0
    /// Messages whose dead-letter channel refused them: not receivable, never dropped (rule 19).
    @usableFromInline var aside = MessageChain()
    @usableFromInline var senders = WaiterList()
    @usableFromInline var receivers = WaiterList()
    /// Credits among the receivers.
    @usableFromInline var openCredits: UInt32 = 0
    /// Credits that rest.
    @usableFromInline var resting = WaiterList()
    @usableFromInline var settled: UInt64 = 0
    @usableFromInline var delays = DelayHistogram()
    /// Operations that wait for a state of it.
    @usableFromInline var watches: UInt32 = 0
    @usableFromInline var typeTag: String?
    /// Bytes queued from which on there is no room.
    @usableFromInline var byteLimit = Int.max

    /// What all channels without activity have, which nobody writes to.
    @usableFromInline nonisolated(unsafe) static let idle = made()

    @usableFromInline
    static func made() -> UnsafeMutablePointer<ChannelActivity> {
        let activity = UnsafeMutablePointer<ChannelActivity>.allocate(capacity: 1)
        activity.initialize(to: ChannelActivity())
        return activity
    }
}

/// One generation of a channel.
@usableFromInline
struct Channel {
    @usableFromInline let heldName: HeldName
    @usableFromInline var mode: UInt16
    @usableFromInline var flags: ChannelFlags
    @usableFromInline var generation: UInt64
    @usableFromInline var capacity: Int64
    @usableFromInline var heldActivity = ChannelActivity.idle
    @usableFromInline var queueHead: UInt32 = none
    @usableFromInline var queueTail: UInt32 = none
    @usableFromInline var queuedBytes = 0
    @usableFromInline var accepted: UInt64 = 0
    @usableFromInline var queuedCount: UInt32 = 0
    @usableFromInline var firstHandle: UInt32 = none
    /// Handles that a session has, as opposed to those that messages list.
    @usableFromInline var sessionHandles: UInt32 = 0
    @usableFromInline var sendHandles: UInt32 = 0
    @usableFromInline var receiveHandles: UInt32 = 0
    @usableFromInline var owner: UInt32
    @usableFromInline var group: UInt32
    @usableFromInline var account: UInt32

    init(
        name: String, typeTag: String?, generation: UInt64, capacity: Int64, owner: UInt32, group: UInt32,
        mode: UInt16, account: UInt32, flags: ChannelFlags
    ) {
        heldName = HeldName(name)
        self.generation = generation
        self.capacity = capacity
        self.owner = owner
        self.group = group
        self.mode = mode
        self.account = account
        self.flags = flags
        if let typeTag { activity.typeTag = typeTag }
    }

    /// What it has while it is used; whoever writes to it makes it the channel's own.
    @inlinable var activity: ChannelActivity {
        unsafeAddress { UnsafePointer(heldActivity) }
        unsafeMutableAddress {
            if !flags.contains(.active) {
                heldActivity = ChannelActivity.made()
                flags.insert(.active)
            }
            return heldActivity
        }
    }

    /// Lets go what it has in memory of its own; the channel is no more.
    func release() {
        heldName.release()
        guard flags.contains(.active) else { return }
        heldActivity.pointee.delays.release()
        heldActivity.deinitialize(count: 1)
        heldActivity.deallocate()
    }

    var name: String { heldName.text }

    /// Messages in queue and heap together.
    @inlinable var queued: Int {
        get { Int(queuedCount) }
        set { queuedCount = UInt32(truncatingIfNeeded: newValue) }
    }
    /// A message could go into the buffer now.
    @inlinable var hasRoom: Bool {
        (capacity == -1 || Int64(queued + activity.ahead) < capacity) && queuedBytes < activity.byteLimit
    }
    /// How many messages could go into the buffer now, given that it has room.
    @inlinable var room: UInt32 {
        capacity == -1 ? .max : UInt32(clamping: capacity - Int64(queued + activity.ahead))
    }
    /// A send meets a receive (rule 3); undecided acts the same (rule 14).
    @inlinable var isRendezvous: Bool { capacity == 0 || capacity == Capacity.undecided }
    /// The bound of bytes as an open states it: 0 for none.
    var maxBytes: UInt64 {
        get { activity.byteLimit == .max ? 0 : UInt64(activity.byteLimit) }
        set {
            if newValue != maxBytes { activity.byteLimit = newValue == 0 ? .max : Int(clamping: newValue) }
        }
    }
    /// Nothing can come any more (rule 4).
    @inlinable var isFinished: Bool { flags.contains(.closed) && queued == 0 && activity.unsettled == 0 }
    /// Nobody can open it by a name any more, or ever could without having had it: its messages don't hold it.
    @inlinable var isReachedByHandlesOnly: Bool { !flags.isDisjoint(with: [.removed, .unnamed]) }
    /// Neither handle, message nor wish holds the generation alive (rules 15 and 26).
    @inlinable var isUnused: Bool {
        guard firstHandle == none, activity.unsettled == 0 else { return false }
        if isReachedByHandlesOnly { return true }
        guard queued == 0, activity.aside.head == none else { return false }
        // A declared channel is made anew, which replaces keeping it.
        return flags.contains(.declared) ? flags.contains(.closed) : !flags.contains(.keep)
    }
    /// The name as others may see it: that of an unnamed channel is the right to use it.
    var shownName: String { flags.contains(.unnamed) ? ChannelName.shown(name) : name }
}

/// One client's connection, as the broker knows it.
@usableFromInline
struct Session {
    @usableFromInline var id: UInt64
    @usableFromInline var identity: Identity
    @usableFromInline var account: UInt32
    /// Handle slots by number.
    @usableFromInline var handles: [UInt32] = []
    @usableFromInline var freeNumbers: [UInt32] = []
    /// Where the deliveries of new handles begin: above all that a lease of a handle that is gone may name.
    @usableFromInline var firstDelivery: UInt64 = 1
    @usableFromInline var firstOperation: UInt32 = none
    /// Waiters of all parked operations; an operation without a case counts as one.
    @usableFromInline var waiterCount = 0
    /// When it began.
    @usableFromInline var since: UInt64
    /// Where its last look at a channel's messages ended.
    @usableFromInline var peeked: PeekPlace?

    init(id: UInt64, identity: Identity, account: UInt32, since: UInt64) {
        self.since = since
        self.id = id
        self.identity = identity
        self.account = account
    }
}
