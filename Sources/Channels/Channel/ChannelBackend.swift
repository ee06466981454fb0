// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// Where the messages of a channel value are: inside this process, or with a daemon.
///
/// An enumeration and not a protocol, since a call through a protocol costs as much as a message inside the
/// process. Timeouts are nanoseconds as on the wire: 0 is a try, below 0 is for ever.
@usableFromInline
enum ChannelBackend<Element: Sendable>: Sendable {
    /// Inside the process.
    case near(LocalChannel<Element>)
    /// With a daemon.
    case far(RemoteChannel<Element>)

    /// The channel of a daemon, if it is one.
    var remote: RemoteChannel<Element>? {
        guard case .far(let channel) = self else { return nil }
        return channel
    }

    /// What keeps the steps of one iteration in one session; nil inside the process.
    var newPin: SessionPin? { remote == nil ? nil : SessionPin() }

    /// The channel's absolute name.
    var name: String {
        switch self {
        case .near(let channel): channel.name
        case .far(let channel): channel.name
        }
    }

    /// What the value may do.
    var role: ChannelRole {
        switch self {
        case .near(let channel): channel.role
        case .far(let channel): channel.role
        }
    }

    /// Which life of the name this is.
    var generation: UInt64 {
        switch self {
        case .near(let channel): channel.opened.generation
        case .far(let channel): channel.generation
        }
    }

    /// Whether opening it created it.
    var wasCreated: Bool {
        switch self {
        case .near(let channel): channel.opened.created
        case .far(let channel): channel.wasCreated
        }
    }

    /// What is equal for two values of the same life of the same channel.
    var identity: ChannelIdentity {
        switch self {
        case .near(let channel): channel.identity
        case .far(let channel): channel.identity
        }
    }
}

/// Which life of which channel of which daemon.
struct ChannelIdentity: Hashable, Sendable {
    /// The daemon's own number, new at each start; 0 for this process.
    let instance: UInt64
    /// The absolute name.
    let name: String
    /// Which life of the name.
    let generation: UInt64
}
