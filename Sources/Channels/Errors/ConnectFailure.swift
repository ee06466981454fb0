// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Why there is no connection, in words that say what to do.
enum ConnectFailure {
    /// The error for a failed system call.
    static func error(_ error: SystemError, path: String, origin: SocketPath.Origin) -> ChandError {
        let socket = path + source(origin)
        switch error.errno {
        case SystemError.notFound, SystemError.connectionRefused, SystemError.notASocket:
            return ChandError(
                .daemonNotRunning,
                "no chand listens on \(socket): \(reason(error)); start one with `systemctl start chand.socket`, "
                    + "or run the program under `chanctl run -- COMMAND`",
                socket: path, errno: error.errno)
        case SystemError.permissionDenied, SystemError.notPermitted:
            return ChandError(
                .notPermitted,
                "no permission for the socket \(socket): \(reason(error)); ask for membership in its group, "
                    + "or use a daemon of your own with `chanctl run -- COMMAND`",
                socket: path, errno: error.errno)
        case SystemError.nameTooLong:
            return ChandError(
                .pathTooLong,
                "the socket's path has \(path.utf8.count) bytes, and Unix sockets allow "
                    + "\(UnixSocket.maxPathBytes): \(socket); use a shorter one",
                socket: path, errno: error.errno)
        case SystemError.timedOut:
            return ChandError(
                .timeout, "the daemon at \(socket) did not accept the connection in time", socket: path,
                errno: error.errno)
        default:
            return ChandError(
                .cannotConnect, "cannot connect to \(socket): \(reason(error))", socket: path,
                errno: error.errno)
        }
    }

    /// The daemon took the connection and said nothing.
    static func silent(path: String) -> ChandError {
        ChandError(
            .timeout,
            "the daemon at \(path) did not answer in time; it may be starting, stopped or overloaded",
            socket: path)
    }

    private static func source(_ origin: SocketPath.Origin) -> String {
        origin == .environment ? " (from \(SocketPath.environmentVariable))" : ""
    }

    private static func reason(_ error: SystemError) -> String {
        error.detail ?? SystemError.text(error.errno)
    }
}
