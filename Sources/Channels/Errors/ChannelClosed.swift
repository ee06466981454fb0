// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Why a channel was closed, as told by whoever closed it; both sides get it.
public struct CloseReason: Hashable, Sendable {
    /// A number whose meaning the program's processes agree on; 0 where none was given.
    public var code: UInt32
    /// A text of up to 200 bytes; empty where none was given.
    public var text: String

    /// Makes a reason.
    public init(code: UInt32 = 0, _ text: String = "") {
        self.code = code
        self.text = text
    }

    /// The code of a channel that closed with its last sender (rule 16); those from 4294967040 on are the daemon's.
    public static let lastSenderGone = CloseCode.lastSenderGone.rawValue
    /// The code of a channel that was removed (rule 15).
    public static let removed = CloseCode.removed.rawValue
}

/// The channel is closed: nothing can be sent any more, and for a receive nothing is left (rule 4).
///
/// Iteration never throws it: it ends instead.
public struct ChannelClosed: Error, Hashable, Sendable, CustomStringConvertible {
    /// The channel's absolute name.
    public let channel: String
    /// The reason given with the close.
    public let reason: CloseReason
    /// How many messages of a batch were accepted before the close; 0 for all other operations.
    public let accepted: Int

    /// Makes the error; for tests and programs that wrap the library.
    public init(channel: String, reason: CloseReason = CloseReason(), accepted: Int = 0) {
        self.channel = channel
        self.reason = reason
        self.accepted = accepted
    }

    /// The fact in one line.
    public var description: String {
        var line = "channel \(channel) is closed"
        if !reason.text.isEmpty { line += ": \(reason.text)" }
        if reason.code != 0, reason.code < CloseCode.first { line += " (reason \(reason.code))" }
        if accepted > 0 { line += "; \(accepted) messages were accepted before" }
        return line
    }
}
