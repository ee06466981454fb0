// SPDX-License-Identifier: Apache-2.0

/// What a client does when its connection is lost without having been ended by either side for a reason.
///
/// Lost is a connection whose daemon stopped, crashed or was restarted. A daemon that refuses the client, and one that
/// ends the session because of what the client did, is never asked again.
public struct ReconnectPolicy: Hashable, Sendable {
    /// Nanoseconds that an operation waits for the daemon; nil where it is not sought.
    let waiting: UInt64?

    /// The connection's end is the client's end: every later use fails with its error.
    public static let never = ReconnectPolicy(waiting: nil)

    /// Seek the daemon again, after 10 ms and then at growing intervals of up to a second, until it is back or the
    /// client is closed.
    ///
    /// - Parameter waiting: how long an operation that is begun meanwhile waits for the daemon, before it fails with
    ///   ``ChandError/Code/connectionLost`` and without effect. Tries wait as well; but a select that also has cases
    ///   inside the process goes on with those meanwhile, and keeps its time.
    public static func automatic(waiting: Duration = .seconds(5)) -> ReconnectPolicy {
        ReconnectPolicy(waiting: WireTime.positive(waiting))
    }
}

/// How long to wait before each attempt to connect: twice as long as before the last one, up to a second, less a random
/// part of up to a half, so that not all clients of a daemon come at once.
struct Backoff {
    private static let first: UInt64 = 10_000_000
    private static let longest: UInt64 = 1_000_000_000
    private var delay = Backoff.first

    /// The nanoseconds before the next attempt.
    mutating func next() -> UInt64 {
        defer { delay = min(delay * 2, Self.longest) }
        return UInt64.random(in: delay / 2...delay)
    }

    /// An attempt has succeeded.
    mutating func reset() { delay = Self.first }
}
