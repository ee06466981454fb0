// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire
import ChandConfig

/// Letting clients in, within the limits.
extension Server {
    /// Connections that one door lets in during one turn: letting one in takes as long as a dozen messages do.
    private static let acceptsPerTurn = 8

    func acceptAll(doorToken: UInt64, now: UInt64) {
        guard let door = doors.descriptor(of: doorToken) else { return }
        for _ in 0..<Self.acceptsPerTurn {
            switch UnixSocket.accept(door) {
            case .connection(let descriptor): admit(descriptor, now: now)
            case .wouldBlock: return
            case .aborted: continue
            case .exhausted(let errno):
                systemFailed(SystemError(errno: errno, call: .accept, detail: "trying again soon"))
                doors.withSpareDescriptor {
                    guard case .connection(let descriptor) = UnixSocket.accept(door) else { return }
                    Self.refuse(
                        descriptor,
                        Goodbye(.tooManySessions, "the daemon has no descriptor left, or no memory"))
                }
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
        if let goodbye = refusal(of: credentials, now: now) {
            log.limited(
                .warning, user: credentials.uid, reason: "refused: \(goodbye.rawCode)", now: now,
                "refused pid \(credentials.pid), uid \(credentials.uid): \(goodbye.text)",
                event: .sessionRefused,
                fields: [.peerUid(credentials.uid), .peerPid(credentials.pid), .reason(goodbye.rawCode)])
            Self.refuse(descriptor, goodbye)
            return
        }
        let charge = hub.broker.beginConnection(uid: credentials.uid)
        let connection = Connection(
            descriptor: descriptor, credentials: credentials, assembler: hub.makeAssembler(), charge: charge,
            account: hub.broker.account(ofConnection: charge))
        connection.deadline = now &+ configuration.limits.handshakeTimeout.nanoseconds
        connections.insert(connection)
        do throws(SystemError) {
            try poll.add(connection.descriptor.raw, token: connection.token, interest: .read)
        } catch {
            systemFailed(error)
            connection.state = .ended
            remove(connection)
            return
        }
        // Where it can be had later, one that never says HELLO has no second descriptor of ours.
        if !PeerCredentials.processIsKept { watchProcess(of: connection) }
    }

    private static func refuse(_ descriptor: consuming OwnedDescriptor, _ goodbye: Goodbye) {
        // One try: a new socket's buffer takes it, and nothing waits on who is refused.
        _ = goodbye.encoded().withUnsafeBytes { Transfer.send(descriptor.raw, $0) }
    }

    private func refusal(of credentials: PeerCredentials, now: UInt64) -> Goodbye? {
        // Every user that the kernel can't name here would be the same one (reliability.md, section 2).
        if credentials.uid == Self.overflowUser {
            return Goodbye(.refused, "uid \(credentials.uid) stands for users of another user namespace")
        }
        let rate = configuration.limits.connectsPerSecond
        if credentials.uid != 0, credentials.uid != ThisProcess.effectiveUid {
            guard connectRate.debt(of: credentials.uid, now: now) == 0 else {
                let text = "limit connects_per_second: uid \(credentials.uid) used more than \(rate)"
                return Goodbye(.tooManySessions, text)
            }
            connectRate.take(credentials.uid, perSecond: rate, now: now)
        }
        return hub.broker.admitConnection(uid: credentials.uid).map { Goodbye(.tooManySessions, $0.text) }
    }

    /// What the kernel says of a user who has no number in this user namespace.
    private static let overflowUser: UInt32 = {
        guard let bytes = try? Files.read("/proc/sys/kernel/overflowuid", limit: 32),
            let number = UInt32(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber })
        else { return 65_534 }
        return number
    }()
}
