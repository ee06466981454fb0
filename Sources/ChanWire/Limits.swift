// SPDX-License-Identifier: Apache-2.0

/// Sizes that the protocol itself fixes; what a daemon's configuration sets is announced in WELCOME.
public enum WireLimits {
    /// The first four bytes of a HELLO's body: `CHND`.
    public static let magic: UInt32 = 0x444E_4843
    /// The only version so far.
    public static let version: UInt16 = 1
    /// Bytes of a body before the handshake is done: no client needs more, and no stranger gets more.
    public static let maxHandshakeBodyBytes = 256
    /// Bytes of the largest message that any configuration may allow.
    public static let hardMaxMessageBytes = 16 << 20
    /// Bytes that a frame's body may have beyond one message of the largest size.
    public static let bodyOverheadBytes = 4096
    /// Cases of one select (rule S17).
    public static let maxSelectCases = 1024
    /// Bytes of a channel's name without its space (rule 25).
    public static let maxNameBytes = 200
    /// Bytes of a type tag, a close reason or a client's name.
    public static let maxTextBytes = 200
    /// Messages of one SEND frame, and of one RECEIVED frame.
    public static let maxBatchMessages = 65_536
    /// Body bytes of a RECEIVED frame after which a receive of several takes no further message.
    public static let receiveBatchBytes = 256 << 10
}
