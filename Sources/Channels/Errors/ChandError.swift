// SPDX-License-Identifier: Apache-2.0

/// An operation of the library that did not succeed: what happened, where, and what to do.
///
/// A closed channel is not one of these: see ``ChannelClosed``. Neither is a cancelled task: that is a
/// `CancellationError`, unless a part of a batch had been accepted (``Code/cancelled``).
public struct ChandError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    ///
    /// Later versions may add codes, so a `switch` over them needs a `default`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private let name: String

        private init(_ name: String) { self.name = name }

        /// The code's name as it is written in Swift.
        public var description: String { name }

        // Connecting.

        /// Nobody listens on the socket.
        public static let daemonNotRunning = Code("daemonNotRunning")
        /// The socket, a channel or a name space is not open to this user (rule 28).
        public static let notPermitted = Code("notPermitted")
        /// The socket's path is longer than a Unix socket allows, 107 bytes.
        public static let pathTooLong = Code("pathTooLong")
        /// Library and daemon share no version of the protocol.
        public static let versionMismatch = Code("versionMismatch")
        /// The connection could not be made for another reason of the operating system; see ``ChandError/errno``.
        public static let cannotConnect = Code("cannotConnect")

        // The connection.

        /// The connection ended while the operation was under way, or before it began.
        ///
        /// Whether an operation that was under way took effect is unknown; nothing is tried again.
        public static let connectionLost = Code("connectionLost")
        /// The connection was lost since the channel was opened, and it was not opened again (``ChannelOptions/rejoin``),
        /// or could not be.
        public static let channelGone = Code("channelGone")
        /// The client was closed by ``ChandClient/close()``.
        public static let clientClosed = Code("clientClosed")
        /// The process was forked, and the connection, or the channels inside the process, belong to the parent (rule X4).
        public static let forked = Code("forked")
        /// The daemon did not answer in time; whether the operation took effect is unknown (rule 10).
        public static let outcomeUnknown = Code("outcomeUnknown")
        /// The daemon broke the protocol; the connection is over.
        public static let protocolViolation = Code("protocolViolation")

        // Operations.

        /// The time given ran out, and nothing happened beyond what ``ChandError/accepted`` says.
        public static let timeout = Code("timeout")
        /// The task was cancelled after a part of its batch had been accepted; see ``ChandError/accepted``.
        public static let cancelled = Code("cancelled")
        /// The channel fails with its last receiver, and has none (rule 16).
        public static let noReceivers = Code("noReceivers")
        /// There is no channel of that name.
        public static let noSuchChannel = Code("noSuchChannel")
        /// The channel was to be created and exists.
        public static let exists = Code("exists")
        /// A stated option differs from what is there; the message names the real value (rule 14).
        public static let mismatch = Code("mismatch")
        /// A limit of the user or of the daemon is reached; the message says which (rule 27).
        public static let quotaExceeded = Code("quotaExceeded")
        /// The name breaks the rules for names (rule 25).
        public static let invalidName = Code("invalidName")
        /// The daemon found its configuration wrong and keeps the one it has; a line for each fault.
        public static let invalidConfiguration = Code("invalidConfiguration")
        /// A descriptor, a child process or a signal can't be watched; see ``ChandError/errno``.
        public static let cannotWatch = Code("cannotWatch")
        /// A value is not allowed.
        public static let invalidArgument = Code("invalidArgument")
        /// The channel was opened without the role that the operation needs.
        public static let wrongRole = Code("wrongRole")
        /// The channel value was released, or stopped, before or while the operation waited.
        public static let handleClosed = Code("handleClosed")
        /// A message, or a select's messages together, are larger than the daemon allows.
        public static let messageTooLarge = Code("messageTooLarge")
        /// The element could not be turned into a message; see ``ChandError/underlying``.
        public static let encoding = Code("encoding")
        /// A message could not be turned into an element; what became of it says ``ChannelOptions/undecodable``.
        public static let decoding = Code("decoding")
        /// The lease is over: its time ran out, or it was finished before (rule 19).
        public static let leaseExpired = Code("leaseExpired")
        /// The elements were sent, and nobody confirmed them; the message says why (rule 20).
        public static let notConfirmed = Code("notConfirmed")
        /// Whoever had received a request is gone, or let it go without an answer; see ``Chan/call(_:timeout:)``.
        public static let noReply = Code("noReply")
        /// The daemon reported a failure that this version of the library does not know.
        public static let unknown = Code("unknown")
    }

    /// What kind of failure it is.
    public let code: Code
    /// What happened and what to do, without the channel's name.
    public let message: String
    /// The channel concerned, if one is.
    public let channel: String?
    /// The socket of the daemon, where the failure is about the connection.
    public let socket: String?
    /// The operating system's error number, where one was the cause.
    public let errno: Int32?
    /// How many messages of a batch were accepted before it failed; 0 for all other operations.
    public let accepted: Int
    /// The error of a codec that caused this one, in its own words.
    public let underlying: String?

    /// Makes an error; for codecs, tests and programs that wrap the library.
    public init(
        _ code: Code, _ message: String, channel: String? = nil, socket: String? = nil, errno: Int32? = nil,
        accepted: Int = 0, underlying: String? = nil
    ) {
        self.code = code
        self.message = message
        self.channel = channel
        self.socket = socket
        self.errno = errno
        self.accepted = accepted
        self.underlying = underlying
    }

    /// What a forked child is told.
    static let forked = ChandError(
        .forked,
        "this process was forked from one that used it; fork before that, or start a program in the child")

    /// The failure in one line.
    public var description: String {
        var line = channel.map { "channel \($0): \(message)" } ?? message
        if accepted > 0 { line += " (\(accepted) messages were accepted before)" }
        return line
    }

    /// The same failure, known to concern a channel.
    func about(channel name: String, accepted count: Int = 0) -> ChandError {
        ChandError(
            code, message, channel: name, socket: socket, errno: errno, accepted: accepted + count,
            underlying: underlying)
    }
}
