// SPDX-License-Identifier: Apache-2.0

/// The two directions as types: Go's `chan<- T` and `<-chan T`.
extension Chan {
    /// The channel for those who only send on it and close it.
    public var sender: Sender { Sender(channel: self) }
    /// The channel for those who only receive from it.
    public var receiver: Receiver { Receiver(channel: self) }

    /// A channel on which one can only send.
    ///
    /// It holds the channel as ``Chan`` does, and what it does is described there.
    public struct Sender: Sendable, Hashable {
        let channel: Chan

        /// The absolute name.
        public var name: String { channel.name }

        /// Sends one element; see ``Chan/send(_:confirm:timeout:)``.
        public func send(
            _ element: Element, confirm: SendConfirmation = .commit, timeout: Duration? = nil
        ) async throws {
            try await channel.send(element, confirm: confirm, timeout: timeout)
        }

        /// Sends one element if that can be done at once; see ``Chan/trySend(_:)``.
        public func trySend(_ element: Element) async throws -> Bool { try await channel.trySend(element) }

        /// Sends elements in order; see ``Chan/send(contentsOf:confirm:timeout:)``.
        @discardableResult
        public func send(
            contentsOf elements: some Collection<Element>, confirm: SendConfirmation = .commit,
            timeout: Duration? = nil
        ) async throws -> Int {
            try await channel.send(contentsOf: elements, confirm: confirm, timeout: timeout)
        }

        /// Sends as many elements as can be sent at once; see ``Chan/trySend(contentsOf:)``.
        public func trySend(contentsOf elements: some Collection<Element>) async throws -> Int {
            try await channel.trySend(contentsOf: elements)
        }

        /// Closes the channel; see ``Chan/close(reason:)``.
        @discardableResult
        public func close(reason: CloseReason = CloseReason()) async throws -> Bool {
            try await channel.close(reason: reason)
        }

        /// Gives the channel up; see ``Chan/release()``.
        public func release() async { await channel.release() }

        /// Whether a send would end at once; stale as soon as it is known (rule 6).
        public func sendReady() async throws -> Bool { try await channel.sendReady() }

        /// The number of messages in the buffer.
        public var length: Int {
            get async throws { try await channel.length }
        }

        /// How many messages the channel buffers.
        public var capacity: ChannelCapacity {
            get async throws { try await channel.capacity }
        }
    }

    /// A channel from which one can only receive.
    ///
    /// It holds the channel as ``Chan`` does, and what it does is described there.
    public struct Receiver: Sendable, Hashable, AsyncSequence {
        let channel: Chan

        /// The absolute name.
        public var name: String { channel.name }

        /// Receives one element; see ``Chan/receive(timeout:)``.
        public func receive(timeout: Duration? = nil) async throws -> Element {
            try await channel.receive(timeout: timeout)
        }

        /// The same as ``receive(timeout:)``.
        public func recv(timeout: Duration? = nil) async throws -> Element {
            try await channel.receive(timeout: timeout)
        }

        /// Receives one element if that can be done at once; see ``Chan/tryReceive()``.
        public func tryReceive() async throws -> Element? { try await channel.tryReceive() }

        /// Receives what is there; see ``Chan/receive(upTo:timeout:)``.
        public func receive(upTo count: Int, timeout: Duration? = nil) async throws -> [Element] {
            try await channel.receive(upTo: count, timeout: timeout)
        }

        /// Receives one element under a lease; see ``Chan/lease(_:timeout:)``.
        public func lease(
            _ terms: LeaseTerms = LeaseTerms(), timeout: Duration? = nil
        ) async throws -> Lease<Element> {
            try await channel.lease(terms, timeout: timeout)
        }

        /// Gives the channel up; see ``Chan/release()``.
        public func release() async { await channel.release() }

        /// Whether a receive would end at once; stale as soon as it is known (rule 6).
        public func receiveReady() async throws -> Bool { try await channel.receiveReady() }

        /// The number of messages in the buffer.
        public var length: Int {
            get async throws { try await channel.length }
        }

        /// How many messages the channel buffers.
        public var capacity: ChannelCapacity {
            get async throws { try await channel.capacity }
        }

        /// Begins an iteration; several may go on at a time and share the messages.
        public func makeAsyncIterator() -> Chan.AsyncIterator { channel.makeAsyncIterator() }
    }
}
