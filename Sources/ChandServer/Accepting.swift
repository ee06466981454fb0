// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire
import ChandConfig

/// Letting clients in, within the limits.
extension Server {
    /// Connections that one door lets in during one turn: a storm of connects starves nobody.
    private static let acceptsPerTurn = 64

    func acceptAll(doorToken: UInt64, now: UInt64) {
        guard let door = doors.descriptor(of: doorToken) else { return }
        for _ in 0..<Self.acceptsPerTurn {
            switch UnixSocket.accept(door) {
            case .connection(let descriptor): admit(descriptor, now: now)
            case .wouldBlock: return
            case .aborted: continue
            case .exhausted(let errno):
                systemFailed(SystemError(errno: errno, call: .accept, detail: "trying again soon"))
                doors.pause(poll, now: now)
                return
            case .failed(let errno):
                systemFailed(SystemError(errno: errno, call: .accept))
                doors.pause(poll, now: now)
                return
            }
        }
    }

    private func admit(_ descriptor: consuming OwnedDescriptor, now: UInt64) {
        let credentials: PeerCredentials
        do throws(SystemError) {
            credentials = try PeerCredentials.of(descriptor.raw)
        } catch {
            systemFailed(error)
            return
        }
        if let goodbye = refusal(of: credentials) {
            log.limited(
                .warning, user: credentials.uid, reason: "refused: \(goodbye.rawCode)", now: now,
                "refused pid \(credentials.pid), uid \(credentials.uid): \(goodbye.text)",
                event: .sessionRefused,
                fields: [.peerUid(credentials.uid), .peerPid(credentials.pid), .reason(goodbye.rawCode)])
            // One try: a new socket's buffer takes it, and nothing waits on who is refused.
            _ = goodbye.encoded().withUnsafeBytes { Transfer.send(descriptor.raw, $0) }
            return
        }
        let connection = Connection(
            descriptor: descriptor, credentials: credentials, assembler: hub.makeAssembler())
        connection.deadline = now &+ configuration.limits.handshakeTimeout.nanoseconds
        connections.insert(connection)
        do throws(SystemError) {
            try poll.add(connection.descriptor.raw, token: connection.token, interest: .read)
        } catch {
            systemFailed(error)
            connection.state = .ended
            connections.remove(connection)
            return
        }
        watchProcess(of: connection)
    }

    private func refusal(of credentials: PeerCredentials) -> Goodbye? {
        let limits = configuration.limits
        // Every user that the kernel can't name here would be the same one (reliability.md, section 2).
        if credentials.uid == Self.overflowUser {
            return Goodbye(.refused, "uid \(credentials.uid) stands for users of another user namespace")
        }
        let user = connections.perUser[credentials.uid] ?? (0, 0)
        let checks: [(Bool, String)] = [
            (connections.count >= limits.sessions, "limit sessions: \(limits.sessions) in use"),
            (
                user.all >= limits.sessionsPerUser,
                "limit sessions_per_user: \(limits.sessionsPerUser) in use by uid \(credentials.uid)"
            ),
            (
                connections.incomplete >= limits.incompleteSessions,
                "limit incomplete_sessions: \(limits.incompleteSessions) in use"
            ),
            (
                user.incomplete >= limits.incompleteSessionsPerUser,
                "limit incomplete_sessions_per_user: \(limits.incompleteSessionsPerUser) in use by uid "
                    + "\(credentials.uid)"
            ),
        ]
        return checks.first { $0.0 }.map { Goodbye(.tooManySessions, $0.1) }
    }

    /// What the kernel says of a user who has no number in this user namespace.
    private static let overflowUser: UInt32 = {
        guard let bytes = try? Files.read("/proc/sys/kernel/overflowuid", limit: 32),
            let number = UInt32(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber })
        else { return 65_534 }
        return number
    }()
}
