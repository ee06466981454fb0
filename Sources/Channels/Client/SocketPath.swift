// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Where the daemon listens: the one rule that the library and `chanctl` share.
///
/// A path that is given counts; else the environment's `CHAND_SOCKET`; else the user's own daemon, where
/// `$XDG_RUNTIME_DIR/chand/chand.sock` exists; else the system's.
public struct SocketPath: Hashable, Sendable, CustomStringConvertible {
    /// Where a path came from.
    public enum Origin: Hashable, Sendable {
        /// The program gave it.
        case given
        /// The environment variable `CHAND_SOCKET`.
        case environment
        /// The user's own daemon.
        case user
        /// The system's daemon.
        case system
    }

    /// The system's socket.
    public static let systemPath = "/run/chand/chand.sock"
    /// The environment variable that overrides the default.
    public static let environmentVariable = "CHAND_SOCKET"

    /// The path.
    public let path: String
    /// Where it came from.
    public let origin: Origin

    /// The path itself.
    public var description: String { path }

    /// Finds the socket; looks at the environment and the file system of this moment, and blocks for neither.
    public init(_ given: String? = nil) {
        if let given {
            self.init(path: given, origin: .given)
        } else if let value = ThisProcess.environment(Self.environmentVariable), !value.isEmpty {
            self.init(path: value, origin: .environment)
        } else if let path = Self.userPath, Files.exists(path) {
            self.init(path: path, origin: .user)
        } else {
            self.init(path: Self.systemPath, origin: .system)
        }
    }

    private init(path: String, origin: Origin) {
        self.path = path
        self.origin = origin
    }

    private static var userPath: String? {
        guard let directory = ThisProcess.environment("XDG_RUNTIME_DIR"), !directory.isEmpty else {
            return nil
        }
        return directory + "/chand/chand.sock"
    }
}
