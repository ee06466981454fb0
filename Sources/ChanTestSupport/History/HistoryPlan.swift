// SPDX-License-Identifier: Apache-2.0

/// What a process does for its part of a history: one JSON object a line.
public struct HistoryPlan: Codable, Sendable {
    /// A channel of the history.
    public struct Channel: Codable, Hashable, Sendable {
        /// Its name.
        public var name: String
        /// Its capacity.
        public var capacity: Int

        /// Makes a channel.
        public init(_ name: String, capacity: Int) {
            self.name = name
            self.capacity = capacity
        }
    }

    /// Which process this is.
    public var process: Int
    /// From which all of its choices follow.
    public var seed: UInt64
    /// Tasks that do operations at once.
    public var lanes: Int
    /// Operations of each task.
    public var operations: Int
    /// The channels, which its operations name by number.
    public var channels: [Channel]
    /// Whether it selects over several channels.
    public var selects: Bool
    /// Whether it closes channels now and then.
    public var closes: Bool
    /// Whether it receives; one that is to be killed does not, since what it had would come back.
    public var receives: Bool
    /// Takes what is left instead, until nothing is.
    public var drains = false

    /// Makes a plan.
    public init(
        process: Int, seed: UInt64, lanes: Int, operations: Int, channels: [Channel], selects: Bool,
        closes: Bool, receives: Bool
    ) {
        self.process = process
        self.seed = seed
        self.lanes = lanes
        self.operations = operations
        self.channels = channels
        self.selects = selects
        self.closes = closes
        self.receives = receives
    }
}

/// What a process says of its operations while it does them, so that what it said is known when it is killed.
public enum HistoryEvent: Codable, Sendable {
    /// It is about to begin an operation.
    case began(id: Int, HistoryOperation)
    /// The operation has ended, at that time.
    case ended(id: Int, HistoryOperation.Outcome, at: UInt64)
    /// The plan is carried out.
    case finished
    /// It could not be carried out.
    case failed(String)
}
