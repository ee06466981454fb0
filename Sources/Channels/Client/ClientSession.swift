// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Synchronization

/// What any thread may know of a client's present session; only the loop changes it.
///
/// Sessions are numbered from 1 by the client itself, since a daemon's numbers may repeat after its restart.
final class ClientSession: Sendable {
    /// The limits that count now.
    let limits = PresentLimits()
    /// What the client's users are told.
    let states = StateLog()
    #if Logging || Metrics
        /// Who else is told what happens.
        let observers = ClientObservers()
    #endif
    private let present = Atomic<UInt64>(1)
    private let info = Lock<DaemonInfo?>(nil)

    /// The present session's number; while there is none, the next one's.
    var number: UInt64 { present.load(ordering: .acquiring) }

    /// What the daemon has announced last; nil before the first time.
    var daemon: DaemonInfo? { info.withLock { $0 } }

    /// The daemon has accepted a session.
    func announced(_ daemon: DaemonInfo) {
        limits.set(daemon.limits)
        info.withLock { $0 = daemon }
    }

    /// The connection has changed.
    func publish(_ state: ConnectionState) {
        states.publish(state)
        #if Logging || Metrics
            observers.tell(.state(state))
        #endif
    }

    /// The session is over, and another is to come.
    func end() { present.add(1, ordering: .acquiringAndReleasing) }
}

/// The present daemon's limits, for those who ask with every message.
final class PresentLimits: Sendable {
    private let messageBytes = Atomic<Int>(0)
    private let bodyBytes = Atomic<Int>(0)
    private let selectCases = Atomic<Int>(0)

    /// The largest message, in bytes.
    var maxMessageBytes: Int { messageBytes.load(ordering: .relaxed) }
    /// The largest frame's body, in bytes.
    var maxBodyBytes: Int { bodyBytes.load(ordering: .relaxed) }
    /// The most cases of a select.
    var maxSelectCases: Int { selectCases.load(ordering: .relaxed) }

    fileprivate func set(_ limits: DaemonLimits) {
        messageBytes.store(limits.maxMessageBytes, ordering: .relaxed)
        bodyBytes.store(limits.maxBodyBytes, ordering: .relaxed)
        selectCases.store(limits.maxSelectCases, ordering: .relaxed)
    }
}

/// The session that something in several steps belongs to, once its first step has begun.
///
/// That is an iteration, a batch in several frames, a lease. No step is taken in another session.
@usableFromInline
final class SessionPin: Sendable {
    private let session: Atomic<UInt64>

    /// - Parameter session: 0 where the first step is still to come.
    init(_ session: UInt64 = 0) { self.session = Atomic(session) }

    /// Whether a step may be taken in a session.
    func allows(_ number: UInt64) -> Bool {
        let pinned = session.load(ordering: .relaxed)
        return pinned == 0 || pinned == number
    }

    /// A step is taken in a session that is allowed.
    func set(_ number: UInt64) { session.store(number, ordering: .relaxed) }

    /// What a step in another session fails with.
    static let lost = ChandError(
        .connectionLost, "the connection to the daemon was lost since this began; begin anew")
}
