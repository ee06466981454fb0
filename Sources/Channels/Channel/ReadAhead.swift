// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// The messages that one iterator has received ahead.
///
/// Belongs to the task that iterates; what it did not hand over goes back unseen when it goes.
@usableFromInline
final class ReadAhead<Element: Sendable> {
    private let channel: RemoteChannel<Element>
    private let count: Int
    @exclusivity(unchecked) private var batch: ReceivedBatch?
    /// How many messages can be taken without waiting.
    @usableFromInline @exclusivity(unchecked) private(set) var remaining = 0

    init(_ channel: RemoteChannel<Element>, count: Int) {
        self.channel = channel
        self.count = count
    }

    deinit { giveBackRest() }

    /// Decodes and settles the next message; there must be one.
    ///
    /// - Throws: `CancellationError` or ``ChandError/Code/decoding``, with everything left given back.
    @usableFromInline
    func take() throws -> Element {
        guard let batch, remaining > 0 else { preconditionFailure("nothing was received ahead") }
        guard !Task.isCancelled else {
            giveBackRest()
            throw CancellationError()
        }
        remaining -= 1
        let message = batch.takeNext()
        do {
            let element = try channel.codec.decode(message)
            batch.handedOver()
            channel.loop.settle(batch)
            if remaining == 0 { self.batch = nil }
            return element
        } catch {
            remaining = 0
            self.batch = nil
            channel.loop.giveBackRest(of: batch)
            throw channel.undecodable(error)
        }
    }

    /// Waits for messages and takes the first; nil once the channel is closed and drained.
    @usableFromInline
    func refill() async throws -> Element? {
        do {
            let operation = ReadAheadReceive(channel, count: count, timeout: WireTimeout.never)
            remaining = try await operation.outcome()
            batch = operation.batch
        } catch is ChannelClosed {
            return nil
        }
        return try take()
    }

    private func giveBackRest() {
        guard let batch, remaining > 0 else { return }
        remaining = 0
        self.batch = nil
        channel.loop.giveBackRest(of: batch)
    }
}
