// SPDX-License-Identifier: Apache-2.0

import CSystemd
import Glibc

/// The sockets that systemd passes to a service it starts.
public enum ListenDescriptors {
    /// What systemd passed that the daemon can't serve: a fault in the socket unit.
    public struct Mismatch: Error, Sendable, Equatable, CustomStringConvertible {
        /// Its `FileDescriptorName=`.
        public let name: String
        /// Its number in this process.
        public let fd: Int32

        /// One line, with what to change.
        public var description: String {
            "systemd passed \"\(name)\", no listening Unix stream socket: its unit needs ListenStream="
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
        guard count > 0, let names else { return [] }
        var descriptors: [(name: String, fd: Int32)] = []
        for index in 0..<count {
            guard let name = names[index] else { break }
            descriptors.append((String(cString: name), SD_LISTEN_FDS_START + Int32(index)))
            free(name)
        }
        for (name, fd) in descriptors where sd_is_socket_unix(fd, Int32(SOCK_STREAM.rawValue), 1, nil, 0) <= 0
        {
            throw Mismatch(name: name, fd: fd)
        }
        return descriptors
    }
}
