// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// Who is at the other end of a Unix socket, as of when the connection was made.
public struct PeerCredentials: Sendable, Hashable {
    /// The effective user.
    public let uid: UInt32
    /// The effective group.
    public let gid: UInt32
    /// The process; 0 if it is not visible from our pid namespace.
    public let pid: Int32
    /// The supplementary groups.
    public let groups: [UInt32]

    /// Describes a peer.
    public init(uid: UInt32, gid: UInt32, pid: Int32, groups: [UInt32]) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.groups = groups
    }

    /// Asks the kernel about a connection's peer.
    public static func of(_ fd: Int32) throws(SystemError) -> PeerCredentials {
        var uid: UInt32 = 0
        var gid: UInt32 = 0
        var pid: Int32 = 0
        try checked(.getsockopt) { chan_peer_credentials(fd, &uid, &gid, &pid) }
        return PeerCredentials(uid: uid, gid: gid, pid: pid, groups: try groups(of: fd))
    }

    /// A descriptor of the peer's process, readable once that has exited.
    ///
    /// Exact from Linux 6.5 on. Before, it is made from the number of the process, which is right only if it still
    /// lives: call it soon after accept.
    /// - Throws: `ESRCH` if the process has exited and has been waited for; anything else where the kernel can't say, or
    ///   no descriptor is left.
    public static func processDescriptor(of fd: Int32, pid: Int32) throws(SystemError) -> OwnedDescriptor {
        let exact = once(.getsockopt) { chan_peer_pidfd(fd) }
        if exact >= 0 { return OwnedDescriptor(taking: exact) }
        switch chan_errno() {
        // Kernels say it either way of one that is gone; its number may be another's by now.
        case SystemError.noSuchProcess, SystemError.invalidArgument:
            throw SystemError(errno: SystemError.noSuchProcess, call: .getsockopt)
        case SystemError.noSuchOption where pid > 0:
            return OwnedDescriptor(taking: try checked(.pidfdOpen) { chan_pidfd_open(pid) })
        case let number: throw SystemError(errno: number, call: .getsockopt)
        }
    }

    /// Whether the kernel knows the peer's process at any later time (Linux 6.5).
    ///
    /// Not counted among the calls that tests let fail: it is asked once, whoever comes first.
    public static let processIsKept: Bool = {
        var pair: [Int32] = [-1, -1]
        guard chan_unix_pair(&pair, 1) == 0 else { return false }
        let process = chan_peer_pidfd(pair[0])
        for fd in pair + [process] where fd >= 0 { _ = close(fd) }
        return process >= 0
    }()

    private static func groups(of fd: Int32) throws(SystemError) -> [UInt32] {
        // A user may be in 65536 groups; the kernel says how many bytes it wants when ours are too few.
        var groups = [UInt32](repeating: 0, count: 32)
        while true {
            var bytes = UInt32(groups.count * 4)
            let result = retrying(.getsockopt) { chan_peer_groups(fd, &groups, &bytes) }
            if result == 0 { return Array(groups.prefix(Int(bytes) / 4)) }
            let number = chan_errno()
            guard number == ERANGE, Int(bytes) > groups.count * 4 else {
                throw SystemError(errno: number, call: .getsockopt)
            }
            groups = [UInt32](repeating: 0, count: Int(bytes) / 4)
        }
    }
}
