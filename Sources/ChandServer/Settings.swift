// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire
import ChandConfig

/// The configuration in the words of those whom it concerns.
extension BrokerLimits {
    init(_ limits: Configuration.Limits) {
        self.init()
        sessions = limits.sessions
        sessionsPerUser = limits.sessionsPerUser
        incompleteSessions = limits.incompleteSessions
        incompleteSessionsPerUser = limits.incompleteSessionsPerUser
        channelsPerUser = limits.channelsPerUser
        handlesPerSession = limits.handlesPerSession
        handlesPerUser = limits.handlesPerUser
        waitersPerSession = limits.waitersPerSession
        waitersPerUser = limits.waitersPerUser
        selectCases = limits.selectCases
        messagesPerUser = limits.messagesPerUser
        bytesPerUser = limits.bytesPerUser
        memoryBytes = limits.memoryBytes
        receiveBatchPrefixBytes = Received.messagePrefixByteCount
    }
}

extension Configuration {
    /// The shared spaces with the rights that the broker checks.
    var brokerSpaces: [Space] {
        let granted = spaces.map { space in
            Space(
                name: space.name, users: space.users.map(\.id) + (everySpaceUserID.map { [$0] } ?? []),
                groups: space.groups.map(\.id), mayCreate: space.mayCreate)
        }
        return granted + (everySpaceUserID.map { [Space(name: Space.anyName, users: [$0])] } ?? [])
    }
}

extension Identity {
    /// Who a peer is, and whether that is an administrator (rule 28).
    init(_ credentials: PeerCredentials, _ configuration: Configuration) {
        self.init(
            uid: credentials.uid, gid: credentials.gid, groups: credentials.groups,
            pid: UInt32(clamping: credentials.pid))
        let isInAdminGroup = configuration.daemon.adminGroup.map { isMember(of: $0.id) } ?? false
        isAdministrator = uid == 0 || uid == ThisProcess.effectiveUid || isInAdminGroup
    }
}

extension Duration {
    /// Whole nanoseconds, at most what 64 bits hold, never negative.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .max }
        return whole.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000)).partialValue
    }
}

extension SystemRandomNumberGenerator {
    /// 64 bits that nobody can guess.
    static func seed() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
