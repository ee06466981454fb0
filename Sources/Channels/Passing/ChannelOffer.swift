// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// The channels that one delivery passes (rule 26): they become handles of this session when it is settled, and
/// nothing if it goes back.
///
/// Any thread may use it. What the decoder has not taken is closed once the delivery is settled.
final class ChannelOffer: Sendable {
    private enum Stage {
        /// The delivery is not settled yet: the numbers name nothing.
        case open
        /// The delivery is settled: the numbers are this session's handles.
        case settled
        /// The delivery went back: the numbers never named anything.
        case withdrawn
    }

    private struct State {
        var stage = Stage.open
        /// Handles that somebody holds a channel value of.
        var held: Set<UInt32> = []
    }

    let channels: [OfferedChannel]
    let loop: ClientLoop
    /// The client's session in which the delivery came.
    let session: UInt64
    private let state = Lock(State())

    /// - Returns: nil where a message passes nothing.
    init?(_ channels: [OfferedChannel], through handle: RemoteHandle, session: UInt64) {
        if channels.isEmpty { return nil }
        self.channels = channels
        loop = handle.loop
        self.session = session
    }

    // MARK: - Whoever decodes, and the handles

    /// Takes a channel for one channel value.
    ///
    /// - Throws: ``UnexpectedMessage`` where there is no such channel, where it was taken before, and where the delivery is
    ///   settled or went back: the number may be another handle's by now.
    func take(_ index: Int) throws -> OfferedChannel {
        guard channels.indices.contains(index) else {
            throw UnexpectedMessage("expected a channel \(index), got \(channels.count) channels")
        }
        let channel = channels[index]
        let refusal: UnexpectedMessage? = state.withLock { state in
            switch state.stage {
            case .open:
                return state.held.insert(channel.handle).inserted
                    ? nil : UnexpectedMessage("the channel \(index) of the message is there twice")
            case .settled:
                return UnexpectedMessage(
                    "the message was settled before, and its channel \(index), which nobody had taken, closed"
                )
            case .withdrawn:
                return UnexpectedMessage("the message went back, and its channel \(index) with it")
            }
        }
        if let refusal { throw refusal }
        return channel
    }

    /// Whether the handles are this session's.
    var isSettled: Bool { state.withLock { $0.stage == .settled } }

    /// Why an operation can't use one of the handles; nil where it can.
    func obstacle(for name: String) -> ChandError? {
        switch state.withLock({ $0.stage }) {
        case .settled: nil
        case .open:
            ChandError(
                .handleClosed,
                "the channel came with a lease, and can be used once that is done", channel: name)
        case .withdrawn:
            ChandError(
                .handleClosed, "the channel came with a message that went back", channel: name)
        }
    }

    /// The last channel value of a handle is gone.
    func letGo(_ handle: UInt32) {
        let isOurs = state.withLock { state in
            state.held.remove(handle)
            return state.stage == .settled
        }
        if isOurs { loop.abandonHandle(handle, session: session) }
    }

    // MARK: - Whoever settles

    /// The delivery is settled: to be said after the ledger or the daemon knows.
    func settle() {
        let rest = state.withLock { state in
            guard state.stage == .open else { return [OfferedChannel]() }
            state.stage = .settled
            return channels.filter { !state.held.contains($0.handle) }
        }
        for channel in rest { loop.abandonHandle(channel.handle, session: session) }
    }

    /// The delivery goes back.
    func withdraw() {
        state.withLock { if $0.stage == .open { $0.stage = .withdrawn } }
    }
}

extension AnswerFrame {
    /// A message that stays valid, with the channels that it passes.
    func message(_ message: Received.Message, through handle: RemoteHandle) -> MessageBytes {
        let start = message.bytes.baseAddress.map { UnsafeRawPointer($0) - UnsafeRawPointer(chunk.base) }
        return MessageBytes(
            chunk: chunk, offset: start ?? offset, count: message.bytes.count,
            offer: message.offered.isEmpty
                ? nil : ChannelOffer(message.offered, through: handle, session: handle.loop.session.number))
    }
}
