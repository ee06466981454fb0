// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// What a daemon has announced about itself and about one session with it.
public struct DaemonInfo: Hashable, Sendable {
    /// The daemon's name and version.
    public let name: String
    /// The version of the protocol in use.
    public let protocolVersion: Int
    /// A random number drawn at each start of the daemon: another one means that all state is gone.
    public let instance: UInt64
    /// The session's number, unique for this instance.
    public let session: UInt64
    /// The user that the kernel says this client is; relative names live in this user's space.
    public let user: UInt32
    /// The limits that concern this client.
    public let limits: DaemonLimits

    init(_ welcome: Welcome) {
        name = welcome.daemonName
        protocolVersion = Int(welcome.version)
        instance = welcome.instance
        session = welcome.session
        user = welcome.uid
        limits = DaemonLimits(welcome)
    }
}

/// A daemon's limits.
public struct DaemonLimits: Hashable, Sendable {
    /// The largest message, in bytes.
    public let maxMessageBytes: Int
    /// The largest frame's body, in bytes: what a select's messages together must fit.
    public let maxBodyBytes: Int
    /// The most cases of a select.
    public let maxSelectCases: Int
    /// The most operations of one session that may wait at a time.
    public let maxWaitingOperations: Int
    /// The most channels that one session may have open.
    public let maxHandles: Int

    init(_ welcome: Welcome) {
        maxMessageBytes = Int(welcome.maxMessageBytes)
        maxBodyBytes = Int(welcome.maxBodyBytes)
        maxSelectCases = Int(welcome.maxSelectCases)
        maxWaitingOperations = Int(welcome.maxWaiters)
        maxHandles = Int(welcome.maxHandles)
    }
}
