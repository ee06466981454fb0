// SPDX-License-Identifier: Apache-2.0

import ChanWire

extension ChandClient {
    /// Tells of what happens on one's own channels, for an administrator on everybody's, from now on.
    ///
    /// Suspends until the daemon has begun; cancelling the task, or letting go of the sequence, ends it. The sequence
    /// throws ``ChandError`` when the connection is lost; it does not go on in the next session.
    ///
    /// It costs the daemon little, and nobody waits for it: what is not read in time is left out and counted. Events of
    /// the same kind, session and channel that come together are told as one. A user has at most four monitors.
    /// - Parameter prefix: only channels whose names begin so, relative to one's own space unless it begins with a slash;
    ///   empty for all, and for what concerns no channel.
    public func monitor(
        prefix: String = ""
    ) async throws -> some AsyncSequence<MonitorEvent, any Error> & Sendable {
        let (bell, ringing) = AsyncThrowingStream<Void, any Error>.makeStream(
            bufferingPolicy: .bufferingNewest(1))
        let queue = EventQueue()
        _ = try await MonitorOperation(loop, prefix: prefix, to: queue, waking: ringing).outcome()
        return MonitorEvents(queue: queue, bell: bell)
    }
}

/// What a monitor tells.
public enum MonitorEvent: Hashable, Sendable {
    /// Something happened.
    case event(ChannelEvent)
    /// So many events are left out here, because they came faster than they were read.
    case dropped(Int)
}

/// Something that happened.
public struct ChannelEvent: Hashable, Sendable {
    /// What.
    public enum Kind: String, Hashable, Sendable {
        /// A session opened a channel.
        case open
        /// A channel was closed.
        case close
        /// Messages were accepted.
        case send
        /// Messages were delivered, for the first time or again.
        case receive
        /// A select won with a case on the channel; the message is told of by itself.
        case select
        /// A waiting operation was withdrawn on request.
        case cancelled
        /// A session ended without having said so, mostly because its process did.
        case died
        /// A limit kept an operation from going on.
        case quota
    }
    /// What.
    public let kind: Kind
    /// When, since 1970; of several the first.
    public let time: Duration
    /// The channel; nil for what concerns none.
    public let channel: String?
    /// The number of the session that did it; nil where none did.
    public let session: UInt64?
    /// The process that connected, as the kernel says; 0 without a session.
    public let process: Int32
    /// Its user.
    public let user: UInt32
    /// How old the session was: a process that is younger is another one with the same number.
    public let sessionAge: Duration
    /// How many messages, or operations.
    public let count: Int

    init(_ record: EventRecord) {
        kind =
            switch record.kind {
            case .open: .open
            case .close: .close
            case .send: .send
            case .receive: .receive
            case .select: .select
            case .cancelled: .cancelled
            case .died: .died
            case .quota: .quota
            }
        time = .nanoseconds(Int64(clamping: record.time))
        channel = record.channel.isEmpty ? nil : record.channel
        session = record.session == 0 ? nil : record.session
        process = Int32(bitPattern: record.pid)
        user = record.uid
        sessionAge = .nanoseconds(Int64(clamping: record.time - min(record.time, record.since)))
        count = Int(clamping: record.count)
    }
}
