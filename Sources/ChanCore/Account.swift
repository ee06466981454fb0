// SPDX-License-Identifier: Apache-2.0

/// What one user takes of the daemon (rule 27).
///
/// Each number is charged where the thing is made and refunded where it ends, which is one place each; invariants
/// compare them all with what is there.
@usableFromInline
struct Usage: Equatable {
    @usableFromInline var sessions = 0
    /// Of those, connections that have not finished their handshake.
    @usableFromInline var incompleteSessions = 0
    /// Numbers of handles that are taken, those of closed ones with deliveries and those on offer included.
    @usableFromInline var handles = 0
    @usableFromInline var channels = 0
    @usableFromInline var waiters = 0
    @usableFromInline var messages = 0
    @usableFromInline var bytes = 0
    /// Channels that those messages pass.
    @usableFromInline var listings = 0
    /// Parked operations that wait for a channel's state.
    @usableFromInline var waits = 0
    /// What the connections hold that is not a message yet, or not read yet, in bytes.
    @usableFromInline var buffers = 0
    /// What others put into the user's channels, beside all of the above.
    @usableFromInline var held = Holding()

    @inlinable init() {}
}

/// Messages and their bytes.
@usableFromInline
struct Holding: Equatable {
    @usableFromInline var messages = 0
    @usableFromInline var bytes = 0

    @inlinable init() {}
}

/// One user's account.
@usableFromInline
struct Account {
    @usableFromInline var uid: UInt32
    @usableFromInline var used = Usage()
    /// Users who have a share of what is held.
    @usableFromInline var shares = 0
    /// Of the channels that the user owns or owned.
    @usableFromInline var delays = DelayHistogram()

    init(uid: UInt32) { self.uid = uid }
}

/// What one user's messages take in the channels of another; it lives while there are any.
@usableFromInline
struct Share {
    /// Two accounts.
    @usableFromInline
    struct Key: Hashable {
        @usableFromInline var owner: UInt32
        @usableFromInline var sender: UInt32
    }
    @usableFromInline var key: Key
    @usableFromInline var held = Holding()

    /// The rule of dbus-broker: of what is left, one of so many users gets no more than all others could get as well.
    ///
    /// With `users` who have a share, the one who asks included, each keeps between 1/n and 1/n² of the whole. Anything
    /// that does not fit a number is refused.
    static func admits(_ charge: Int, share: Int, users: Int, remaining: Int) -> Bool {
        guard charge > 0 else { return charge == 0 }
        let (sum, isTooMuch) = charge.addingReportingOverflow(share)
        let (product, isTooMany) = sum.multipliedReportingOverflow(by: users + 1)
        return !isTooMuch && !isTooMany && product - share <= remaining
    }
}
