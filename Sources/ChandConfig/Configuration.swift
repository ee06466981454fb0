// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Everything an operator can set, with the defaults in force where nothing is.
///
/// What each key means, its unit and its range stand once, in `ConfigurationSchema.keys`; the properties
/// here are only where the values live.
public struct Configuration: Sendable, Equatable {
    /// Section `[daemon]`.
    public var daemon = Daemon()
    /// Section `[limits]`.
    public var limits = Limits()
    /// Section `[loop]`.
    public var loop = Loop()
    /// Section `[shutdown]`.
    public var shutdown = Shutdown()
    /// The shared spaces, one per `[[space]]`, in the order of the file.
    public var spaces: [SharedSpace] = []
    /// The declared channels, one per `[[channel]]`, in the order of the files.
    public var channels: [ChannelDeclaration] = []
    /// The user to whom every shared space is granted, as in the private daemon of `chanctl run`; no key
    /// sets it.
    public var everySpaceUserID: UInt32?
    /// What loading left out or found odd without refusing to start: the daemon logs each at its start.
    public var warnings: [ConfigurationProblem] = []

    /// The defaults.
    public init() {}

    /// The configuration of a private daemon: the defaults on a socket of its own, all shared spaces
    /// granted to the user whose process this is.
    public static func privateDefaults(socket: String) -> Configuration {
        var configuration = Configuration()
        configuration.daemon.socketPath = socket
        configuration.everySpaceUserID = geteuid()
        return configuration
    }
}

extension Configuration {
    /// Where the daemon listens, who administers it, how much it says.
    public struct Daemon: Sendable, Equatable {
        /// The key `daemon.socket`.
        public var socketPath = "/run/chand/chand.sock"
        /// The key `daemon.socket_mode`.
        public var socketMode: UInt32 = 0o600
        /// The key `daemon.admin_group`.
        public var adminGroup: NamedID?
        /// The key `daemon.log_level`.
        public var logLevel = LogLevel.info
        /// The key `daemon.idle_exit`; zero for never.
        public var idleExit = Duration.zero
    }

    /// What one user, one session and the whole daemon may hold.
    public struct Limits: Sendable, Equatable {
        /// The key `limits.sessions`.
        public var sessions = 4096
        /// The key `limits.sessions_per_user`.
        public var sessionsPerUser = 1024
        /// The key `limits.incomplete_sessions`.
        public var incompleteSessions = 1024
        /// The key `limits.incomplete_sessions_per_user`.
        public var incompleteSessionsPerUser = 256
        /// The key `limits.handshake_timeout`.
        public var handshakeTimeout = Duration.seconds(5)
        /// The key `limits.message_bytes`.
        public var messageBytes = 1 << 20
        /// The key `limits.channels_per_user`.
        public var channelsPerUser = 65536
        /// The key `limits.handles_per_session`.
        public var handlesPerSession = 65536
        /// The key `limits.handles_per_user`: twice as many as one session may have, some 30 MiB.
        public var handlesPerUser = 131_072
        /// The key `limits.waiters_per_session`.
        public var waitersPerSession = 4096
        /// The key `limits.waiters_per_user`: those of 32 sessions that wait for all they may, some 40 MiB.
        public var waitersPerUser = 131_072
        /// The key `limits.select_cases`.
        public var selectCases = 1024
        /// The key `limits.messages_per_user`.
        public var messagesPerUser = 1 << 20
        /// The key `limits.bytes_per_user`.
        public var bytesPerUser = 64 << 20
        /// The key `limits.memory_bytes`: what seven users take who send all they may; `MemoryMax=` of the unit is above.
        public var memoryBytes = 448 << 20
        /// The key `limits.connects_per_second`.
        ///
        /// Four loops of `chanctl send` in a shell connect 170 times a second on two processors. A session that only greets
        /// costs the daemon 70 to 130 microseconds, so this is at most a quarter of a processor; one that is refused costs
        /// little less, which no rate saves (Tests/Soak/rates).
        public var connectsPerSecond = 2000
        /// The key `limits.inspections_per_second`.
        ///
        /// `chanctl list` of 100 000 channels asks for 391 full pages, and those of two seconds come at once. A full page
        /// takes 310 microseconds, so this is a quarter of a processor (Tests/Soak/rates).
        public var inspectionsPerSecond = 800
        /// The key `limits.output_high_watermark`.
        public var outputHighWatermark = 1 << 20
        /// The key `limits.output_low_watermark`.
        public var outputLowWatermark = 256 << 10
        /// The key `limits.output_hard_limit`.
        public var outputHardLimit = 4 << 20
        /// The key `limits.write_deadline`.
        public var writeDeadline = Duration.seconds(10)

        /// The largest `message_bytes` that may be configured: 16 MiB.
        public static let messageBytesMax = 16 << 20
        /// The largest `select_cases` that may be configured.
        public static let selectCasesMax = 1024
    }

    /// How the event loop shares its time.
    public struct Loop: Sendable, Equatable {
        /// The key `loop.spin`.
        public var spin = Duration.microseconds(100)
        /// The key `loop.turn_frames`.
        public var turnFrames = 256
        /// The key `loop.turn_bytes`.
        public var turnBytes = 256 << 10
    }

    /// How the daemon ends.
    public struct Shutdown: Sendable, Equatable {
        /// The key `shutdown.drain_timeout`.
        public var drainTimeout = Duration.seconds(5)
    }
}

/// A shared space: the first segment of the absolute names it holds, and who may use it.
public struct SharedSpace: Sendable, Equatable {
    /// `jobs` here makes `/jobs/...` a shared space.
    public var name: String
    /// The groups whose members may use it; the first is the group of channels created there.
    public var groups: [NamedID]
    /// The users who may use it besides.
    public var users: [NamedID]
    /// Whether those may create channels there, or only open what others created.
    public var mayCreate: Bool

    /// A space as the configuration would grant it.
    public init(name: String, groups: [NamedID] = [], users: [NamedID] = [], mayCreate: Bool = true) {
        self.name = name
        self.groups = groups
        self.users = users
        self.mayCreate = mayCreate
    }
}

/// A channel that is there as long as the daemon is (rule 15).
public struct ChannelDeclaration: Sendable, Equatable {
    /// Its absolute name.
    public var name: String
    /// 0 rendezvous, above 0 buffered, -1 unbounded.
    public var capacity = 0
    /// What its messages mean; empty for whatever an open states.
    public var typeTag = ""
    /// Who owns it; none for the daemon's own user, or, below `/uid/NUMBER`, for that user.
    public var owner: NamedID?
    /// Its group; none for what a channel of its space gets.
    public var group: NamedID?
    /// Its permission bits; none for what a channel of its space gets.
    public var mode: UInt32?
    /// It closes when its last sender goes (rule 16).
    public var closeWithLastSender = false
    /// Its sends fail while no receiver is there (rule 16).
    public var failWithLastReceiver = false
    /// Bytes from which on its sends wait for room; 0 for no bound but the quotas.
    public var maxBytes = 0

    /// A rendezvous channel.
    public init(name: String) { self.name = name }
}

/// A user or group as it was written, with the id it had when the configuration was loaded.
public struct NamedID: Sendable, Equatable {
    /// As written: a name, or the id in digits.
    public var name: String
    /// What the kernel knows it by.
    public var id: UInt32

    /// A user or group of known id.
    public init(name: String, id: UInt32) {
        self.name = name
        self.id = id
    }
}
