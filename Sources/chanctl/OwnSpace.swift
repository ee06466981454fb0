// SPDX-License-Identifier: Apache-2.0

import Channels

/// The user's own space of names: what lies in it is called by its relative name.
package struct OwnSpace: Sendable {
    private let prefix: String

    /// The space of a user.
    package init(user: UInt32) { prefix = "/uid/\(user)/" }

    /// The name as its user would type it.
    package func relative(_ name: String) -> String {
        // By bytes, as lists are long: names are ASCII.
        name.utf8.starts(with: prefix.utf8) ? String(Substring(name.utf8.dropFirst(prefix.utf8.count))) : name
    }
}

/// Which channels a pattern of the command line means: relative ones in one's own space, or absolute ones.
struct ChannelFilter: Sendable {
    /// The user's own space.
    let space: OwnSpace
    private let glob: Glob?
    private let isAbsolute: Bool

    /// Reads a pattern that was checked; without one all channels are meant.
    init(_ pattern: String?, _ client: ChandClient) {
        space = OwnSpace(user: client.daemon.user)
        glob = pattern.flatMap { Glob($0) }
        isAbsolute = pattern?.hasPrefix("/") == true
    }

    /// - Parameter name: the absolute name; nil for what has none, which only no pattern means.
    func matches(_ name: String?) -> Bool {
        guard let glob else { return true }
        return name.map { glob.matches(isAbsolute ? $0 : space.relative($0)) } ?? false
    }

    /// All channels that are meant.
    func channels(_ client: ChandClient) async throws -> [ChannelStatus] {
        var channels: [ChannelStatus] = []
        for try await channel in client.list() where matches(channel.name) { channels.append(channel) }
        return channels
    }
}
