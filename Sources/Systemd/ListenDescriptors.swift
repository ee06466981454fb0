// SPDX-License-Identifier: Apache-2.0

import CSystemd
import Glibc

/// The sockets that systemd passes to a service it starts.
public enum ListenDescriptors {
    /// What was passed that the daemon can't serve: a fault of the socket unit, or of who plays systemd.
    public enum Mismatch: Error, Sendable, Equatable, CustomStringConvertible {
        /// A descriptor by its `FileDescriptorName=` and its number in this process.
        case noListeningStream(name: String, fd: Int32)
        /// The variables say nothing that can be understood, or name descriptors that are not open.
        case unreadable(errno: Int32)

        /// Which of them it is about.
        public var subject: String {
            switch self {
            case .noListeningStream(let name, _): name
            case .unreadable: "LISTEN_FDS"
            }
        }

        /// One line, with what to change.
        public var description: String {
            switch self {
            case .noListeningStream(let name, _):
                "systemd passed \"\(name)\", no listening Unix stream socket: its unit needs ListenStream="
            case .unreadable(let code):
                "LISTEN_FDS and LISTEN_PID promise sockets that can't be taken (\(String(cString: strerror(code)))): "
                    + "unset both, or pass listening sockets from descriptor 3 on"
            }
        }
    }

    /// The listening sockets by `FileDescriptorName=`, in the order of their numbers, which varies.
    ///
    /// Empty where the process was not started by systemd or `systemd-socket-activate`. All are closed at
    /// exec, and the variables are taken out of the environment, so that no child believes they are its
    /// own: a second call returns none. A unit without a name passes its own, `systemd-socket-activate`
    /// without one passes "unknown".
    /// - Throws: What was passed is not what the daemon serves; going on would leave clients hanging.
    public static func named() throws(Mismatch) -> [(name: String, fd: Int32)] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = Int(sd_listen_fds_with_names(1, &names))
        defer { free(names) }
        guard count >= 0 else { throw .unreadable(errno: Int32(-count)) }
        guard let names else { return [] }
        var descriptors: [(name: String, fd: Int32)] = []
        for index in 0..<count {
            guard let name = names[index] else { break }
            descriptors.append((String(cString: name), SD_LISTEN_FDS_START + Int32(index)))
            free(name)
        }
        for (name, fd) in descriptors where sd_is_socket_unix(fd, Int32(SOCK_STREAM.rawValue), 1, nil, 0) <= 0
        {
            throw .noListeningStream(name: name, fd: fd)
        }
        return descriptors
    }
}
