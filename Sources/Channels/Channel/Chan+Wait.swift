// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire

/// A state of a channel that can be waited for.
public enum ChannelCondition: Hashable, Sendable {
    /// Nothing can be sent any more.
    case closed
    /// Closed, and nothing is queued or waits to be settled.
    case drained
    /// Nothing is queued or waits to be settled.
    case empty
    /// At least so many handles may receive, that of the channel value that waits not counted.
    case receivers(Int)
    /// At least so many handles may send, that of the channel value that waits not counted.
    case senders(Int)
    /// At least so many messages are queued.
    case queued(Int)

    /// The broker's words for it; less than nothing is always there.
    var core: WaitCondition {
        switch self {
        case .closed: .closed
        case .drained: .drained
        case .empty: .empty
        case .receivers(let count): .receivers(UInt64(max(count, 0)))
        case .senders(let count): .senders(UInt64(max(count, 0)))
        case .queued(let count): .queued(UInt64(max(count, 0)))
        }
    }

    /// The wire's words for it; less than nothing is always there.
    var onWire: (kind: WaitRequest.Condition, count: UInt64) {
        switch self {
        case .closed: (.closed, 0)
        case .drained: (.drained, 0)
        case .empty: (.empty, 0)
        case .receivers(let count): (.receivers, UInt64(max(count, 0)))
        case .senders(let count): (.senders, UInt64(max(count, 0)))
        case .queued(let count): (.queued, UInt64(max(count, 0)))
        }
    }
}

extension Chan {
    /// Waits until the channel is closed, without receiving from it; any role will do.
    ///
    /// - Returns: what the close said.
    /// - Throws: as ``wait(until:timeout:)``.
    @discardableResult
    public func waitUntilClosed(timeout: Duration? = nil) async throws -> CloseReason {
        try await wait(.closed, timeout)
    }

    /// Waits until the channel is in a state; any role will do.
    ///
    /// Suspends until the daemon has seen it so, at the end of a turn, or the process itself inside it: a state that
    /// lasts for less may go unseen, and may be over again when this returns.
    ///
    /// - Parameters:
    ///   - condition: the state.
    ///   - timeout: how long to wait; for ever where it is nil, not at all where it is 0 or less.
    /// - Throws: ``ChannelClosed`` where more messages are waited for than the closed channel can have;
    ///   ``ChandError`` with `timeout`, `handleClosed`, `quotaExceeded` or a code about the connection;
    ///   `CancellationError`.
    public func wait(until condition: ChannelCondition, timeout: Duration? = nil) async throws {
        _ = try await wait(condition, timeout)
    }

    private func wait(_ condition: ChannelCondition, _ timeout: Duration?) async throws -> CloseReason {
        let time = WireTime.nanoseconds(timeout)
        switch backend {
        case .near(let channel): return try await channel.wait(until: condition, timeout: time)
        case .far(let channel):
            return try await WaitOperation(channel, until: condition, timeout: time).result()
        }
    }
}

extension ChandClient {
    /// Waits until the channel of that name is in a state, without a handle that others would count.
    ///
    /// A channel that goes meanwhile is empty, and drained if it was closed.
    ///
    /// - Returns: what a close said, where the channel is closed.
    /// - Throws: as ``Chan/wait(until:timeout:)``, and ``ChandError`` with `noSuchChannel` where there is no such
    ///   channel, or none any more, and `notPermitted` where the user may not inspect it.
    @discardableResult
    public func wait(
        for name: String, until condition: ChannelCondition, timeout: Duration? = nil
    ) async throws -> CloseReason {
        try await WaitOperation(loop, name: name, until: condition, timeout: WireTime.nanoseconds(timeout))
            .result()
    }
}
