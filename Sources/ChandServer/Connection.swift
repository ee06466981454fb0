// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// One session's socket and buffers, on the loop thread only.
///
/// Invariants: `pendingSent` are SENT outcomes not yet in `output`, and are put there before anything else is
/// appended, so that outcomes are written in commit order (rule 23); an idle connection holds no buffer.
final class Connection {
    /// What a connection may do.
    enum State {
        /// HELLO has not come yet.
        case connected
        /// The handshake is done.
        case greeted
        /// GOODBYE is on its way or the peer is gone: nothing it says counts.
        case ended
    }

    let descriptor: OwnedDescriptor
    /// The peer's process, where that is watched.
    var process: OwnedDescriptor?
    /// Bytes that it had written and nobody read when it exited.
    var unreadAtDeath = 0
    let credentials: PeerCredentials
    /// The broker's index of the session, once it is greeted.
    var session: UInt32 = .max
    /// The session's number and when it began, by the time of day, once it is greeted.
    var number: UInt64 = 0
    var since: UInt64 = 0
    /// What both know, once it is greeted.
    var features: Features = []
    var state = State.connected
    /// What names it to the poll.
    var token: UInt64 = 0
    /// Its place in its user's account, and the number of that.
    let charge: UInt32
    let account: Int
    /// What it holds by that account.
    var heldBytes = 0
    /// Its place in the list of those with a deadline.
    var timedIndex: Int?
    var assembler: FrameAssembler
    /// Bytes that were read and whose frames had no turn yet.
    var backlog = GrowableBytes()
    var output = WriteQueue()
    /// The run of SENT outcomes that ends the output.
    var pendingSent: (first: UInt64, count: UInt32) = (0, 0)
    /// The deliveries that may have more, with which the output ended when they were written.
    var openDeliveries: OpenDeliveries?
    /// The winners of a select that the broker carries out.
    var openWon = OpenWon()
    /// In the list of those with something to write at the end of this turn.
    var isDirty = false
    /// What the poll was asked for.
    var interest: Interest = .read
    /// Not read from until the output is below the low watermark.
    var isThrottled = false
    /// Not read from before its user's rate of inspections allows it; 0 for at once.
    var delayedUntil: UInt64 = 0
    /// Has its turn later, since its user's other sessions had theirs: not watched for reading meanwhile.
    var isDeferred = false
    /// When the session ends unless it has said HELLO, or read what it asked for; `.max` for never.
    var deadline = UInt64.max
    /// That was put off once, since the daemon had not looked for long.
    var hadGrace = false

    init(
        descriptor: consuming OwnedDescriptor, credentials: PeerCredentials,
        assembler: consuming FrameAssembler, charge: UInt32, account: Int
    ) {
        self.charge = charge
        self.account = account
        self.assembler = assembler
        self.descriptor = descriptor
        self.credentials = credentials
    }

    /// Whether its frames may be run.
    var mayRun: Bool { state != .ended && !isThrottled && delayedUntil == 0 }

    /// Writes the run of SENT outcomes into the output.
    func settlePendingSent(pool: BufferPool) {
        guard pendingSent.count > 0 else { return }
        let target = output.bytes.writable(atLeast: Sent.frameByteCount, pool: pool)
        if let base = target.baseAddress {
            Sent.write(to: base, request: pendingSent.first, count: pendingSent.count)
        }
        output.bytes.commit(Sent.frameByteCount)
        pendingSent.count = 0
    }

    /// Appends a whole frame.
    func append(_ frame: [UInt8], pool: BufferPool) {
        settlePendingSent(pool: pool)
        frame.withUnsafeBytes { output.bytes.append($0, pool: pool) }
    }
}
