// SPDX-License-Identifier: Apache-2.0

/// A channel that a message is to pass, by a handle of the sending session (rule 26).
public struct Listing: Hashable, Sendable {
    /// The handle's number.
    public var handle: UInt32
    /// What the receiver may do with it, at most what the handle may.
    public var role: Role

    /// Makes a listing.
    public init(handle: UInt32, role: Role) {
        self.handle = handle
        self.role = role
    }
}

/// A channel that a delivery passes: a handle of the receiving session once the delivery is settled (rule 26).
public struct PassedChannel: Equatable, Sendable {
    /// The handle's number; it can be used from the settlement on.
    public var handle: UInt32
    /// What it may do.
    public var role: Role
    /// The capacity in force.
    public var capacity: Int64
    /// Which life of the name.
    public var generation: UInt64
    /// The absolute name; of an unnamed channel what is shown of it.
    public var name: String
    /// The type tag; nil where none was stated.
    public var typeTag: String?
}

/// What the channels that the deliveries of a group pass take to write.
public struct PassedSize: Equatable, Sendable {
    /// Messages that pass any.
    public var messages = 0
    /// Channels that they pass.
    public var channels = 0
    /// Bytes of those channels' names and type tags.
    public var textBytes = 0

    /// Makes the size of nothing.
    public init() {}
}

/// Channels passed over channels.
///
/// A listing is a `Handle` without a session, in the list of its message. So it holds its channel and counts among
/// its senders and receivers as any handle does. A delivery offers it a number in the receiving session; settling
/// makes it a handle there, anything else takes the number away again. What a message that ends otherwise lists
/// waits in `released` until `conclude`, since it may end channels, whose messages list channels, and so on.
extension Broker {
    /// The most channels that one message passes.
    public static var maxListings: Int { 16 }

    /// Has the last message of `chain` pass channels.
    ///
    /// Returns why the send fails that lists them; the chain is the caller's to discard then.
    public mutating func pass(
        _ listings: [Listing], with chain: MessageChain, session: UInt32
    ) -> Failure? {
        guard listings.count <= Self.maxListings else {
            return quota("passed_channels", listings.count, Self.maxListings)
        }
        let slot = chain.tail
        let account = messages[slot].account
        if let failure = refusal(
            "passed_channels_per_user", used: accounts[account].used.listings, more: listings.count,
            allowed: limits.listingsPerUser)
        {
            return failure
        }
        // Linked from the last on, so that the list is in the order in which they were given.
        for listing in listings.reversed() {
            guard let handle = openHandle(session, listing.handle) else {
                return Failure(.noSuchHandle, text: "no open handle \(listing.handle) to pass")
            }
            let channel = handles[handle].channel
            guard handles[handle].role.isSuperset(of: listing.role), !listing.role.isEmpty else {
                return Failure(
                    .wrongRole,
                    text: "the handle on \(channels[channel].shownName) passes no more than it may do itself")
            }
            let passed = handles.insert(
                Handle(session: none, number: none, channel: channel, role: listing.role, since: now))
            handles[passed].message = slot
            handles[passed].nextPassed = messages[slot].firstPassed
            messages[slot].firstPassed = passed
            link(handle: passed)
            accounts[account].used.listings += 1
            listingCount += 1
        }
        return nil
    }

    /// What a chain that is about to be delivered passes.
    @inlinable
    func passedSize(of chain: MessageChain) -> PassedSize {
        listingCount == 0 ? PassedSize() : countPassed(by: chain)
    }

    @usableFromInline
    func countPassed(by chain: MessageChain) -> PassedSize {
        var size = PassedSize()
        var slot = chain.head
        while slot != none {
            if messages[slot].firstPassed != none { size.messages += 1 }
            forEachListing(of: slot) { listing in
                let channel = handles[listing].channel
                size.channels += 1
                size.textBytes += channels[channel].shownName.utf8.count
                size.textBytes += channels[channel].activity.typeTag?.utf8.count ?? 0
            }
            slot = messages[slot].next
        }
        return size
    }

    func forEachListing(of slot: UInt32, _ body: (UInt32) -> Void) {
        var listing = messages[slot].firstPassed
        while listing != none {
            body(listing)
            listing = handles[listing].nextPassed
        }
    }

    // MARK: From delivery to settlement

    /// Offers what a message passes to the session that it is delivered to.
    ///
    /// The numbers are taken and name no handle yet. They may exceed the session's limit: who receives asked for it,
    /// and its next opens fail.
    @usableFromInline
    mutating func offerPassed(by slot: UInt32, to session: UInt32) -> [PassedChannel] {
        var passed: [PassedChannel] = []
        var listing = messages[slot].firstPassed
        while listing != none {
            let number = takeNumber(in: session)
            handles[listing].number = number
            handles[listing].offeredTo = session
            let channel = channels[handles[listing].channel]
            passed.append(
                PassedChannel(
                    handle: number, role: handles[listing].role, capacity: channel.capacity,
                    generation: channel.generation, name: channel.shownName, typeTag: channel.activity.typeTag
                ))
            listing = handles[listing].nextPassed
        }
        return passed
    }

    /// A delivery is settled: what it passes are handles of its session from here on.
    @usableFromInline
    mutating func adoptPassed(by slot: UInt32) {
        var listing = messages[slot].firstPassed
        messages[slot].firstPassed = none
        while listing != none {
            let following = handles[listing].nextPassed
            let session = handles[listing].offeredTo
            handles[listing].session = session
            handles[listing].offeredTo = none
            handles[listing].message = none
            handles[listing].nextPassed = none
            handles[listing].window = DeliveryWindow(first: sessions[session].firstDelivery)
            sessions[session].handles[Int(handles[listing].number)] = listing
            channels[handles[listing].channel].sessionHandles += 1
            accounts[messages[slot].account].used.listings -= 1
            listingCount -= 1
            listing = following
        }
    }

    /// A delivery is over without being settled: the numbers that it offered are free again.
    mutating func withdrawPassed(by slot: UInt32) {
        var listing = messages[slot].firstPassed
        while listing != none {
            freeNumber(handles[listing].number, of: handles[listing].offeredTo)
            handles[listing].offeredTo = none
            handles[listing].number = none
            listing = handles[listing].nextPassed
        }
    }

    /// A message with listings came into a channel, or with `none` out of it.
    @usableFromInline
    mutating func holdPassed(by slot: UInt32, in channel: UInt32) {
        var listing = messages[slot].firstPassed
        while listing != none {
            handles[listing].holder = channel
            listing = handles[listing].nextPassed
        }
    }

    // MARK: Letting go

    /// A message with listings ends: `conclude` lets them go.
    @usableFromInline
    mutating func releasePassed(from first: UInt32, account: UInt32) {
        var listing = first
        while listing != none {
            released.append(listing)
            handles[listing].message = none
            accounts[account].used.listings -= 1
            listingCount -= 1
            listing = handles[listing].nextPassed
        }
    }

    /// Ends an input: lets go what its ended messages had listed, which may close and end channels.
    ///
    /// To be called after every input.
    @inlinable
    public mutating func conclude<S: BrokerSink<Body> & ~Copyable>(into sink: inout S) {
        if !released.isEmpty { letGo(into: &sink) }
    }

    @usableFromInline
    mutating func letGo<S: BrokerSink<Body> & ~Copyable>(into sink: inout S) {
        // A channel that ends here adds what its messages listed: a row of them is as deep as its sender wants, so
        // this is a loop and no recursion.
        while let listing = released.popLast() {
            let channel = handles[listing].channel
            detach(listing, into: &sink)
            handles.remove(listing)
            pump(channel, into: &sink)
        }
    }
}
