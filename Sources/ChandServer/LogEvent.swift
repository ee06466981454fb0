// SPDX-License-Identifier: Apache-2.0

/// What an operator may want to find in the journal, or be told more about: `config/chand.catalog` explains
/// each by its id, which never changes.
public struct LogEvent: Sendable, Hashable {
    /// The journal's `MESSAGE_ID`.
    public let id: String

    private init(_ id: String) { self.id = id }

    /// The daemon serves.
    public static let serving = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b701")
    /// The daemon has been asked to stop.
    public static let stopping = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b702")
    /// Messages of a channel went with the daemon.
    public static let messagesLost = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b703")
    /// The configuration was read anew and is in force.
    public static let reloaded = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b704")
    /// The configuration is wrong; the old one stays in force.
    public static let reloadFailed = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b705")
    /// Something in the configuration was left out.
    public static let configurationWarning = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b706")
    /// A client was not let in.
    public static let sessionRefused = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b707")
    /// A client broke the protocol.
    public static let sessionFault = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b708")
    /// A client does not read what it asked for.
    public static let slowReceiver = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b709")
    /// The kernel refused something for want of descriptors or memory.
    public static let systemFailed = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b70a")
    /// Nothing was connected and nothing stored for as long as configured.
    public static let idleExit = LogEvent("5b1f8e0c2d7e4a36a1c04f6d9e83b70b")

    /// All, for the test that each is explained.
    public static let all = [
        serving, stopping, messagesLost, reloaded, reloadFailed, configurationWarning, sessionRefused,
        sessionFault, slowReceiver, systemFailed, idleExit,
    ]
}

/// A field of a journal entry besides its text.
public struct LogField: Sendable, Hashable {
    /// Its name as the journal has it.
    public let name: String
    /// Its value.
    public let value: String

    private init(_ name: String, _ value: some CustomStringConvertible) {
        self.name = name
        self.value = value.description
    }

    /// The channel concerned, by its absolute name.
    public static func channel(_ name: String) -> LogField { LogField("CHAND_CHANNEL", name) }
    /// The client's user.
    public static func peerUid(_ uid: UInt32) -> LogField { LogField("CHAND_PEER_UID", uid) }
    /// The client's process.
    public static func peerPid(_ pid: Int32) -> LogField { LogField("CHAND_PEER_PID", pid) }
    /// Why, in a word that never changes: the name of a code.
    public static func reason(_ reason: some Any) -> LogField { LogField("CHAND_REASON", "\(reason)") }
    /// How many messages.
    public static func messages(_ count: Int) -> LogField { LogField("CHAND_MESSAGES", count) }
    /// How many bytes.
    public static func bytes(_ count: Int) -> LogField { LogField("CHAND_BYTES", count) }
    /// The system's error number.
    public static func errno(_ errno: Int32) -> LogField { LogField("ERRNO", errno) }
}
