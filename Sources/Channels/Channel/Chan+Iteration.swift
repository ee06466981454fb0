// SPDX-License-Identifier: Apache-2.0

/// Iterating: `for try await element in channel` receives until the channel is closed and drained, and then
/// ends without an error (rule 5).
///
/// It takes one message at a time, so that several consumers share the work; see ``Chan/readingAhead(_:)`` and
/// ``Chan/batches(of:)`` for more at once.
extension Chan: AsyncSequence {
    /// Receives one element at a time until the channel is closed.
    public struct AsyncIterator: AsyncIteratorProtocol {
        @usableFromInline let channel: Chan
        @usableFromInline let pin: SessionPin?
        @usableFromInline var isOver = false

        init(_ channel: Chan) {
            self.channel = channel
            pin = channel.backend.newPin
        }

        /// The next element; nil once the channel is closed and drained.
        ///
        /// Waits, ends by cancellation and throws as ``Chan/receive(timeout:)`` does. Once the connection was lost it
        /// goes on failing: another iteration has to be begun. Runs where the caller runs.
        @inlinable
        public mutating func next(
            isolation actor: (any Actor)? = #isolation
        ) async throws -> Element? {
            if isOver { return nil }
            do {
                if case .near(let channel) = channel.backend, !Task.isCancelled {
                    if let element = channel.receiveAtOnce() { return element }
                    return try await channel.receiveWaiting()
                }
                return try await channel.receiveNext(pin)
            } catch is ChannelClosed {
                isOver = true
                return nil
            }
        }
    }

    /// Begins an iteration; several may go on at a time and share the messages.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }

    /// The channel's elements, with up to `count` on their way to this iterator, so that it needs not wait for each:
    /// for streams of many small messages (rule 21).
    ///
    /// Each is settled when it is handed over; until then it keeps its place in the channel's buffer. What was not
    /// handed over goes back unseen when the iterator goes or the task is cancelled, and may then reach another
    /// receiver after later messages. Several iterators share the messages in turn. On a channel without a buffer it
    /// takes one message at a time.
    public func readingAhead(_ count: Int) -> ReadAheadMessages<Element> {
        ReadAheadMessages(channel: self, count: count)
    }

    /// The channel's elements in arrays of 1 to `count`, as they are there; ends when the channel is closed.
    public func batches(of count: Int) -> MessageBatches<Element> {
        MessageBatches(channel: self, count: count)
    }
}

/// The elements of a channel, received ahead; see ``Chan/readingAhead(_:)``.
public struct ReadAheadMessages<Element: Sendable>: AsyncSequence, Sendable {
    let channel: Chan<Element>
    let count: Int

    /// Hands over what was received ahead.
    public struct AsyncIterator: AsyncIteratorProtocol {
        /// Nil inside the process: where a receive is no round trip, taking one at a time costs nothing.
        @usableFromInline let ahead: ReadAhead<Element>?
        @usableFromInline var near: Chan<Element>.AsyncIterator
        @usableFromInline var isOver = false

        init(_ channel: Chan<Element>, ahead: ReadAhead<Element>?) {
            near = channel.makeAsyncIterator()
            self.ahead = ahead
        }

        /// The next element; nil once the channel is closed and drained.
        ///
        /// Suspends only where nothing is there. Throws as ``Chan/receive(timeout:)``
        /// does; the next call after an error goes on.
        @inlinable
        public mutating func next(
            isolation actor: (any Actor)? = #isolation
        ) async throws -> Element? {
            if let quick = ahead?.quick, quick.remaining > 0 { return try quick.take() }
            guard let ahead else { return try await near.next(isolation: actor) }
            if isOver { return nil }
            guard try await ahead.refill() else {
                isOver = true
                return nil
            }
            return try ahead.quick.take()
        }
    }

    /// Begins an iteration, which receives nothing before its first element is asked for.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(channel, ahead: channel.backend.remote?.readAhead(count))
    }
}

/// The elements of a channel in arrays; see ``Chan/batches(of:)``.
public struct MessageBatches<Element: Sendable>: AsyncSequence, Sendable {
    let channel: Chan<Element>
    let count: Int

    /// Receives one array at a time until the channel is closed.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let batches: MessageBatches
        private let pin: SessionPin?
        private var isOver = false

        init(_ batches: MessageBatches) {
            self.batches = batches
            pin = batches.channel.backend.newPin
        }

        /// The next array; nil once the channel is closed and drained.
        ///
        /// Waits, ends by cancellation and throws as ``Chan/receive(upTo:timeout:)`` does.
        public mutating func next(
            isolation actor: (any Actor)? = #isolation
        ) async throws -> [Element]? {
            if isOver { return nil }
            do {
                return try await batches.channel.receiveNext(upTo: batches.count, pin)
            } catch is ChannelClosed {
                isOver = true
                return nil
            }
        }
    }

    /// Begins an iteration.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
