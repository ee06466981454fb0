// SPDX-License-Identifier: Apache-2.0

/// Why an operation did not succeed; the `field` of a FAILED frame.
///
/// Numbers are never reused. A peer treats one that it does not know as a failure with that number.
public enum FailureCode: UInt16, Sendable, CaseIterable {
    /// The channel is closed (rule 4); for a receive also drained.
    case closed = 1
    /// A try could not proceed at once.
    case wouldBlock = 2
    /// The operation's time ran out and it had no effect beyond what `accepted` says.
    case timeout = 3
    /// The operation was withdrawn on request.
    case cancelled = 4
    /// The channel fails with its last receiver and has none (rule 16).
    case noReceivers = 5
    /// There is no channel of that name.
    case noSuchChannel = 6
    /// The open said must-create, and the channel exists.
    case exists = 7
    /// A stated option differs from what is there (rule 14).
    case mismatch = 8
    /// The caller has no right to do this (rule 28).
    case notPermitted = 9
    /// A limit of the user or of the daemon is reached (rule 27).
    case quotaExceeded = 10
    /// The channel name breaks rule 25.
    case invalidName = 11
    /// A value of the request is not allowed.
    case invalidArgument = 12
    /// The handle was opened without the role that this operation needs.
    case wrongRole = 13
    /// The handle was closed or stopped while the operation waited.
    case handleClosed = 14
    /// The session has no such handle.
    case noSuchHandle = 15
    /// A message is larger than the daemon allows.
    case messageTooLarge = 16
    /// The lease is over: it expired, or was finished before (rule 19).
    case leaseExpired = 17
    /// The messages are committed, and nobody will confirm them (rule 20).
    case notConfirmed = 18
    /// The configuration is wrong; the daemon keeps the one it has.
    case invalidConfiguration = 19
}

/// What the daemon itself gives as the reason of a close; it keeps the numbers from `first` on for itself.
public enum CloseCode: UInt32, Sendable, CaseIterable {
    /// The channel was removed (rule 15).
    case removed = 0xffff_fffe
    /// The channel closed with its last sender (rule 16).
    case lastSenderGone = 0xffff_ffff

    /// The first number that is the daemon's.
    public static let first: UInt32 = 0xffff_ff00
}

/// Why a session ends; the `field` of a GOODBYE frame.
public enum GoodbyeCode: UInt16, Sendable, CaseIterable {
    /// An orderly end.
    case done = 0
    /// A frame's body contradicts its type.
    case malformed = 100
    /// A frame is larger than the limits announced in WELCOME allow.
    case frameTooLarge = 101
    /// The peers share no version of the protocol.
    case version = 102
    /// A frame that is not allowed now, such as an operation before HELLO.
    case outOfState = 103
    /// A frame type that the peer does not know, without the optional flag.
    case unknownFrame = 104
    /// A request id that belongs to an operation still under way.
    case requestInUse = 105
    /// The daemon stops.
    case shuttingDown = 106
    /// A limit on sessions is reached.
    case tooManySessions = 107
    /// No HELLO came in time.
    case handshakeTimeout = 108
    /// The peer does not read what it asked for.
    case slowReceiver = 109
    /// The peer may not use this daemon.
    case refused = 110
}

/// A peer's violation of the protocol: it ends that peer's session and nothing else.
public struct WireFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The code that the GOODBYE frame carries.
    public var code: GoodbyeCode
    /// What was wrong, for a person.
    public var text: String

    /// Makes a fault.
    public init(_ code: GoodbyeCode, _ text: String) {
        self.code = code
        self.text = text
    }

    /// The fault in one line.
    public var description: String { "\(code): \(text)" }
}
