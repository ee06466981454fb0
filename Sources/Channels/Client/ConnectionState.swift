// SPDX-License-Identifier: Apache-2.0

/// Where a client's connection stands.
public enum ConnectionState: Sendable {
    /// The first connection is there.
    case connected(DaemonInfo)
    /// The connection was lost, and the daemon is sought; what was under way has failed with this error.
    case disconnected(ChandError)
    /// The daemon is back.
    case reconnected(Reconnection)
    /// Nothing more will come: the client was closed, or the daemon does not want it; the last state.
    case closed(ChandError)
}

/// What a client has found when it was connected again.
public struct Reconnection: Sendable {
    /// What the daemon announces now.
    public let daemon: DaemonInfo
    /// Whether it is the same run of the daemon; another one has none of the old messages, unless it kept them.
    public let isSameDaemon: Bool
    /// The channels that had asked to be opened again, in the order in which they were opened first.
    public let channels: [RejoinedChannel]
}

/// What became of a channel that had asked to be opened again.
public struct RejoinedChannel: Sendable {
    /// Its absolute name.
    public let name: String
    /// Which life of the name it was.
    public let previousGeneration: UInt64
    /// Which life of the name it is now; nil where it could not be opened.
    public let generation: UInt64?
    /// Whether opening it again created it.
    public let wasCreated: Bool
    /// Why it could not be opened, ``ChandError/Code/channelGone``: later uses fail with this.
    public let error: ChandError?
}

extension ChandClient {
    /// The client's connection from its present state on: one element for each change.
    ///
    /// Any number of tasks may iterate over it; it does not keep the client.
    public var states: ConnectionStates { ConnectionStates(log: loop.session.states) }
}

/// The states of a client's connection; see ``ChandClient/states``.
public struct ConnectionStates: AsyncSequence, Sendable {
    /// What changes.
    public typealias Element = ConnectionState
    /// It does not fail.
    public typealias Failure = Never
    let log: StateLog

    /// Waits for one change after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        /// What changes.
        public typealias Element = ConnectionState
        /// It does not fail.
        public typealias Failure = Never
        private let log: StateLog
        private var position: UInt64

        init(_ log: StateLog) {
            self.log = log
            position = log.present
        }

        /// The next state, at first the present one; nil after ``ConnectionState/closed(_:)``, and where the task is
        /// cancelled.
        ///
        /// Who lags behind by more than 64 changes misses the oldest.
        public mutating func next(
            isolation actor: (any Actor)? = #isolation
        ) async -> ConnectionState? {
            while true {
                if let state = log.state(at: &position) { return state }
                if log.isOver(at: position) || Task.isCancelled { return nil }
                await log.wait(past: position)
            }
        }
    }

    /// Begins with the present state.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(log) }
}
