// SPDX-License-Identifier: Apache-2.0

/// What a test asks of an agent, a process with a client of the library: one JSON object a line.
public struct AgentCommand: Codable, Sendable {
    /// What to do.
    public enum Verb: Codable, Sendable {
        /// Opens a channel.
        case open(AgentOpen)
        /// Sends elements, a batch where there is more than one.
        case send(channel: Int, elements: [UInt64], wait: AgentWait)
        /// Receives 1 to `count` elements.
        case receive(channel: Int, count: Int, wait: AgentWait)
        /// Selects.
        case select(cases: [AgentCase], wait: AgentWait)
        /// Closes a channel.
        case close(channel: Int)
        /// Closes a handle.
        case release(channel: Int)
        /// Looks at a channel.
        case state(channel: Int)
        /// Cancels the task of a command; it has no reply of its own.
        case cancel(command: UInt64)
        /// Closes the client.
        case leave
    }

    /// The command's number, which its reply repeats.
    public var id: UInt64
    /// What to do.
    public var verb: Verb

    /// Makes a command.
    public init(id: UInt64, _ verb: Verb) {
        self.id = id
        self.verb = verb
    }
}

/// How a channel is opened.
public struct AgentOpen: Codable, Sendable {
    /// The channel's name.
    public var name: String
    /// The capacity, if stated.
    public var capacity: Int?
    /// Whether the handle sends.
    public var sends = true
    /// Whether the handle receives.
    public var receives = true
    /// Stated if true.
    public var closeWithLastSender = false
    /// Stated if true.
    public var failWithLastReceiver = false

    /// Both roles, and nothing stated but a capacity.
    public init(_ name: String, capacity: Int? = nil) {
        self.name = name
        self.capacity = capacity
    }
}

/// How long an operation may wait.
public enum AgentWait: Codable, Hashable, Sendable {
    /// Until it can proceed.
    case forever
    /// Not at all.
    case never
    /// So many nanoseconds.
    case nanoseconds(Int64)
}

/// One case of a select.
public enum AgentCase: Codable, Hashable, Sendable {
    /// It never proceeds.
    case never
    /// Receive from a channel.
    case receive(Int)
    /// Send an element to a channel.
    case send(UInt64, Int)
}

/// How a command ended.
public struct AgentReply: Codable, Sendable {
    /// What came of it.
    public enum Result: Codable, Hashable, Sendable {
        /// The agent's number for the channel.
        case opened(Int)
        /// So many elements were accepted; not all of them where there is a failure.
        case sent(Int, AgentFailure?)
        /// The elements.
        case received([UInt64])
        /// The winner of a select.
        case selected(AgentWinner)
        /// Whether a close was the one that closed; true for what just succeeded.
        case done(Bool)
        /// What is to be seen of a channel.
        case state(AgentState)
        /// No success.
        case failed(AgentFailure)
    }

    /// The command's number.
    public var id: UInt64
    /// What came of it.
    public var result: Result

    /// Makes a reply.
    public init(id: UInt64, _ result: Result) {
        self.id = id
        self.result = result
    }
}

/// How a select ended.
public enum AgentWinner: Codable, Hashable, Sendable {
    /// The case of this index received an element; nil is closed.
    case received(UInt64?, by: Int)
    /// The send case of this index is committed.
    case sent(by: Int)
    /// The send case of this index found its channel closed.
    case sendFailed(by: Int)
    /// Nothing could proceed in time, or at all.
    case none
}

/// What is to be seen of a channel.
public struct AgentState: Codable, Hashable, Sendable {
    /// Messages in the buffer.
    public var length: Int
    /// The capacity, -1 unbounded, -2 undecided.
    public var capacity: Int
    /// Sends that wait.
    public var waitingSends: Int
    /// Receives that wait.
    public var waitingReceives: Int

    /// Makes a state.
    public init(length: Int, capacity: Int, waitingSends: Int, waitingReceives: Int) {
        self.length = length
        self.capacity = capacity
        self.waitingSends = waitingSends
        self.waitingReceives = waitingReceives
    }
}

/// Why a command had no success.
public enum AgentFailure: Codable, Hashable, Error, Sendable {
    /// The channel is closed.
    case closed
    /// A try could not proceed.
    case wouldBlock
    /// The time ran out.
    case timeout
    /// The task was cancelled.
    case cancelled
    /// The channel has no receivers.
    case noReceivers
    /// Anything else, in the library's words.
    case other(String)
}
