// SPDX-License-Identifier: Apache-2.0

/// The one table of keys: what is read, checked, documented and tested all follows from it.
public enum ConfigurationSchema {
    /// Every key, in the order of the shipped file; those of `[[space]]` and `[[channel]]` last.
    public static var keys: [ConfigurationKey] {
        bindings.map(\.key) + spaceBindings.map(\.key) + channelBindings.map(\.key)
    }

    /// Keys that a running daemon keeps as they were when it started; a reload says so where they differ.
    public static let fixedAtStart = ["daemon.socket", "daemon.socket_mode", "loop.turn_bytes", "loop.spin"]

    private static func key<Value: Sendable>(
        _ section: String, _ name: String, _ path: any WritableKeyPath<Configuration, Value> & Sendable,
        _ type: ValueType<Value>, _ unit: String, _ first: String, _ second: String? = nil
    ) -> KeyBinding<Configuration> {
        let lines = [first] + (second.map { [$0] } ?? [])
        return KeyBinding(section, name, path, type, unit: unit, default: Configuration(), lines)
    }

    static let bindings: [KeyBinding<Configuration>] = [
        key(
            "daemon", "socket", \.daemon.socketPath, .socketPath, "path",
            "Where the daemon listens. Not used where systemd passes the socket."),
        key(
            "daemon", "socket_mode", \.daemon.socketMode, .socketMode, "octal mode",
            "Permissions of that socket: who may write to it may connect."),
        key(
            "daemon", "admin_group", \.daemon.adminGroup, .optionalGroup, "group, by name or id",
            "Members may do all, as root and the daemon's own user may. Empty: nobody else."),
        key(
            "daemon", "log_level", \.daemon.logLevel, .level, "\"error\", \"warning\", \"info\" or \"debug\"",
            "What is logged: this and everything more important."),
        key(
            "daemon", "idle_exit", \.daemon.idleExit, .duration(.zero...(.seconds(86_400))), "seconds",
            "How long nothing must be connected and nothing stored before the daemon ends, to be started again",
            "by systemd's socket at the next connect. 0 for never."),

        key(
            "limits", "sessions", \.limits.sessions, .count(1...1_000_000), "sessions",
            "Sessions at the same time, of all users."),
        key(
            "limits", "sessions_per_user", \.limits.sessionsPerUser, .count(1...1_000_000), "sessions",
            "Sessions at the same time, of one user."),
        key(
            "limits", "incomplete_sessions", \.limits.incompleteSessions, .count(1...1_000_000), "sessions",
            "Connections that have not finished their handshake, of all users."),
        key(
            "limits", "incomplete_sessions_per_user", \.limits.incompleteSessionsPerUser,
            .count(1...1_000_000),
            "sessions",
            "Connections that have not finished their handshake, of one user."),
        key(
            "limits", "handshake_timeout", \.limits.handshakeTimeout,
            .duration(.milliseconds(10)...(.seconds(600))),
            "seconds",
            "How long a connection may take for its handshake before it is closed."),
        key(
            "limits", "message_bytes", \.limits.messageBytes,
            .bytes(1024...Configuration.Limits.messageBytesMax), "bytes",
            "The largest message."),
        key(
            "limits", "channels_per_user", \.limits.channelsPerUser, .count(1...16_777_216), "channels",
            "Channels owned by one user."),
        key(
            "limits", "handles_per_session", \.limits.handlesPerSession, .count(1...1_048_576), "handles",
            "Handles that one session has open."),
        key(
            "limits", "handles_per_user", \.limits.handlesPerUser, .count(1...16_777_216), "handles",
            "Handles that the sessions of one user have open. Each takes some 250 bytes."),
        key(
            "limits", "waiters_per_session", \.limits.waitersPerSession, .count(1...1_048_576), "waiters",
            "Parked operations of one session; each case of a select counts."),
        key(
            "limits", "waiters_per_user", \.limits.waitersPerUser, .count(1...16_777_216), "waiters",
            "Parked operations of the sessions of one user, counted so. Each takes some 300 bytes."),
        key(
            "limits", "select_cases", \.limits.selectCases, .count(1...Configuration.Limits.selectCasesMax),
            "cases",
            "Cases of one select."),
        key(
            "limits", "messages_per_user", \.limits.messagesPerUser, .count(1...1_073_741_824), "messages",
            "Messages held for one user, queued, parked and unsettled. As many of others may be in his channels,",
            "of which no user gets more than his share."),
        key(
            "limits", "bytes_per_user", \.limits.bytesPerUser, .bytes(64 << 10...1 << 40), "bytes",
            "Bytes of those messages, in the same way.",
            "With many users memory_bytes has to grow with it."),
        key(
            "limits", "memory_bytes", \.limits.memoryBytes, .bytes(64 << 20...1 << 42), "bytes",
            "What the messages and buffers of all users may take, an eighth of it kept from messages, of whose part no",
            "user gets more than his share, at most half. The unit's MemoryMax= is to be a third above it."),
        key(
            "limits", "connects_per_second", \.limits.connectsPerSecond, .count(1...1_000_000), "connects",
            "How often one user may connect, for more than 2 seconds; the others are refused.",
            "Not for root and the daemon's own user."),
        key(
            "limits", "inspections_per_second", \.limits.inspectionsPerSecond, .count(1...1_000_000),
            "requests",
            "How many pages of lists, messages and measures one user may ask for, for more than 2 seconds; then they",
            "wait. Not for administrators."),
        key(
            "limits", "output_high_watermark", \.limits.outputHighWatermark, .bytes(4096...1 << 30), "bytes",
            "Unread output from which on a session's requests wait until its process has read."),
        key(
            "limits", "output_low_watermark", \.limits.outputLowWatermark, .bytes(0...1 << 30), "bytes",
            "Unread output at which they go on. Below the high watermark."),
        key(
            "limits", "output_hard_limit", \.limits.outputHardLimit, .bytes(64 << 10...2 << 30), "bytes",
            "Unread output at which the session is ended as too slow.",
            "At least the high watermark and one message of message_bytes."),
        key(
            "limits", "write_deadline", \.limits.writeDeadline,
            .duration(.milliseconds(100)...(.seconds(600))),
            "seconds",
            "How long a session may stay above the high watermark before it is ended as too slow."),

        key(
            "loop", "spin", \.loop.spin, .duration(.zero...(.microseconds(200))), "seconds",
            "How long the daemon looks for more work before it sleeps, where that mostly finds some: costs processor",
            "time, saves a wake-up per round trip. 0 turns it off; on a single processor it is off anyway."),
        key(
            "loop", "turn_frames", \.loop.turnFrames, .count(1...65536), "frames",
            "Frames taken from one session before the others get their turn."),
        key(
            "loop", "turn_bytes", \.loop.turnBytes, .bytes(4096...16 << 20), "bytes",
            "Bytes read from one session before the others get their turn."),

        key(
            "shutdown", "drain_timeout", \.shutdown.drainTimeout, .duration(.zero...(.seconds(3600))),
            "seconds",
            "How long clients may finish at a stop. systemd kills the daemon after its own TimeoutStopSec=."),
    ]

    static let spaceBindings: [KeyBinding<SpaceDraft>] = [
        KeyBinding(
            "space", "name", \.name, .spaceName, unit: "one segment of a name", default: nil,
            ["The space's name: \"pub\" makes /pub/... shared."]),
        KeyBinding(
            "space", "groups", \.groups, .names, unit: "groups, by name or id", default: SpaceDraft(),
            ["Whose members may use it. New channels there belong to the first of these groups."]),
        KeyBinding(
            "space", "users", \.users, .names, unit: "users, by name or id", default: SpaceDraft(),
            ["Who may use it besides."]),
        KeyBinding(
            "space", "create", \.mayCreate, .boolean, unit: "true or false", default: SpaceDraft(),
            ["Whether they may create channels there, or only open what is there."]),
        KeyBinding(
            "space", "optional", \.optional, .boolean, unit: "true or false", default: SpaceDraft(),
            ["With true, a group or user that this machine does not have is left out with a warning."]),
    ]

    static let channelBindings: [KeyBinding<ChannelDraft>] = [
        KeyBinding(
            "channel", "name", \.name, .channelName, unit: "absolute name of a channel", default: nil,
            ["Where it lies: in a shared space, or, as /uid/NUMBER/NAME, in a user's own."]),
        KeyBinding(
            "channel", "capacity", \.capacity, .count(-1...1 << 31), unit: "messages",
            default: ChannelDraft(),
            [
                "How many messages it holds before sends wait: 0 for a rendezvous, -1 for no bound but the quotas."
            ]),
        KeyBinding(
            "channel", "type", \.typeTag, .typeTag, unit: "text", default: ChannelDraft(),
            ["What its messages mean: an open that states another type is refused. Empty: as an open states."]
        ),
        KeyBinding(
            "channel", "owner", \.owner, .name, unit: "user, by name or id", default: ChannelDraft(),
            ["Who owns it, and may remove it. Empty: chand's own user, or the one of /uid/NUMBER."]),
        KeyBinding(
            "channel", "group", \.group, .name, unit: "group, by name or id", default: ChannelDraft(),
            ["Its group. Empty: the first group of its space."]),
        KeyBinding(
            "channel", "mode", \.mode, .channelMode, unit: "octal mode", default: ChannelDraft(),
            [
                "Who may use it, as for files: read is receive, write is send and close. Empty: \"0660\" in a shared",
                "space, \"0600\" in a user's own.",
            ]),
        KeyBinding(
            "channel", "close_with_last_sender", \.closeWithLastSender, .boolean, unit: "true or false",
            default: ChannelDraft(),
            ["Whether it closes when its last sender goes. It is then made anew when it is empty."]),
        KeyBinding(
            "channel", "fail_with_last_receiver", \.failWithLastReceiver, .boolean, unit: "true or false",
            default: ChannelDraft(),
            ["Whether sends fail when the last receiver has gone, until the next one comes."]),
        KeyBinding(
            "channel", "max_bytes", \.maxBytes, .bytes(0...1 << 40), unit: "bytes", default: ChannelDraft(),
            ["Bytes of messages from which on sends wait for room. 0: no bound but the quotas."]),
    ]

    /// What one value demands of another: checked when all of them are known.
    ///
    /// Only what cannot work: a limit per user above the limit of all is merely never reached, and whoever
    /// lowers one should not have to lower both.
    struct Relation: Sendable {
        /// The keys at work; the problem is reported at the last of them that somebody set.
        let keys: [String]
        let rule: String
        let holds: @Sendable (Configuration) -> Bool
    }

    static let relations: [Relation] = [
        Relation(
            keys: ["limits.message_bytes", "limits.bytes_per_user"],
            rule: "bytes_per_user must be at least message_bytes",
            holds: { $0.limits.messageBytes <= $0.limits.bytesPerUser }),
        Relation(
            keys: ["limits.output_high_watermark", "limits.output_low_watermark"],
            rule: "output_low_watermark must be below output_high_watermark",
            holds: { $0.limits.outputLowWatermark < $0.limits.outputHighWatermark }),
        Relation(
            keys: ["limits.message_bytes", "limits.output_high_watermark", "limits.output_hard_limit"],
            rule: "output_hard_limit must be at least output_high_watermark and message_bytes together",
            holds: { $0.limits.outputHighWatermark + $0.limits.messageBytes <= $0.limits.outputHardLimit }),
    ]
}
