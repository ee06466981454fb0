// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// A channel of a ``ChandClient/Blocking``: what ``Chan`` is for tasks, with the same elements, codecs and errors.
///
/// Copies share the handle, which is closed by ``release()`` or with the last of them. Where a call of ``Chan``
/// suspends the task, this one blocks the thread; there is nothing that cancels it.
public struct BlockingChan<Element: Sendable> {
    let client: ChandClient.Blocking
    let remote: RemoteChannel<Element>

    init(_ client: ChandClient.Blocking, _ remote: RemoteChannel<Element>) {
        self.client = client
        self.remote = remote
    }

    /// The absolute name, such as `/uid/1000/jobs` (rule 25).
    public var name: String { remote.name }
    /// The directions in which it was opened.
    public var role: ChannelRole { remote.role }
    /// Which life of the name this is (rule 15).
    public var generation: UInt64 { remote.generation }
    /// Whether opening it created the channel.
    public var wasCreated: Bool { remote.wasCreated }
    /// The channel as a value that messages of this client can pass; tasks can't wait on it.
    public var passable: Chan<Element> { Chan(.far(remote)) }

    /// Closes the channel for all processes; see ``Chan/close(reason:)``.
    @discardableResult
    public func close(reason: CloseReason = CloseReason()) throws -> Bool {
        try client.answer(to: remote.closing(reason))
    }

    /// Gives up receiving with this value and its copies; see ``Chan/stop()``.
    public func stop() throws { try client.answer(to: remote.stopping()) }

    /// Closes the handle that this value and its copies share; see ``Chan/release()``.
    public func release() {
        guard let request = remote.releasing() else { return }
        // It fails where the connection is gone, and the handle with it, and where the client is busy: then it goes later.
        do { try client.answer(to: request) } catch { if request.ending == nil { remote.letGo() } }
    }

    /// The channel's state at one instant.
    public func status() throws -> ChannelStatus { try client.answer(to: remote.inspecting()) }

    /// Waits until the channel is in a state; see ``Chan/wait(until:timeout:)``.
    ///
    /// - Returns: what a close said, where the channel is closed.
    @discardableResult
    public func wait(until condition: ChannelCondition, timeout: Duration? = nil) throws -> CloseReason {
        let operation = WaitOperation(remote, until: condition, timeout: WireTime.nanoseconds(timeout))
        _ = try client.run(operation)
        return operation.reason
    }

    private var wouldWait: ChandError { passable.wouldWait }
}

/// Sending.
extension BlockingChan {
    /// Sends one element, and waits until it is committed; see ``Chan/send(_:confirm:timeout:)``.
    public func send(_ element: Element, confirm: SendConfirmation = .commit, timeout: Duration? = nil) throws
    {
        guard try send(element, WireTime.nanoseconds(timeout), confirm) > 0 else { throw wouldWait }
    }

    /// Sends one element if that can be done at once; false, and nothing is sent, where it would have to wait.
    public func trySend(_ element: Element) throws -> Bool {
        try send(element, WireTimeout.none, .commit) > 0
    }

    /// Sends elements in order, several times faster than one by one; see ``Chan/send(contentsOf:confirm:timeout:)``.
    @discardableResult
    public func send(
        contentsOf elements: some Collection<Element>, confirm: SendConfirmation = .commit,
        timeout: Duration? = nil
    ) throws -> Int {
        let count = try send(elements, WireTime.nanoseconds(timeout), confirm)
        guard count == elements.count else { throw wouldWait.about(channel: name, accepted: count) }
        return count
    }

    /// Sends as many of the first elements as can be sent at once, and says how many.
    public func trySend(contentsOf elements: some Collection<Element>) throws -> Int {
        try send(elements, WireTimeout.none, .commit)
    }

    private func send(_ element: Element, _ timeout: Int64, _ confirm: SendConfirmation) throws -> Int {
        let operation = remote.sending(timeout: timeout, acceptedBefore: 0, confirm: confirm)
        return try client.run(operation) { connection, operation in
            connection.begin(operation) { try remote.write(element, for: operation, to: &$0) }
        }
    }

    private func send(
        _ elements: some Collection<Element>, _ timeout: Int64, _ confirm: SendConfirmation
    ) throws -> Int {
        let start = timeout > 0 ? MonotonicClock.now() : 0
        var rest = elements[...]
        var accepted = 0
        while !rest.isEmpty {
            var next = rest.startIndex
            let operation = remote.sending(
                timeout: WireTime.remaining(of: timeout, since: start), acceptedBefore: accepted,
                confirm: confirm)
            let count = try client.run(operation) { connection, operation in
                connection.begin(operation) { next = try remote.write(first: rest, for: operation, to: &$0) }
            }
            accepted += count
            if count < operation.count { break }
            rest = rest[next...]
        }
        return accepted
    }
}

/// Receiving.
extension BlockingChan {
    /// Receives one element, and waits until there is one; see ``Chan/receive(timeout:)``.
    public func receive(timeout: Duration? = nil) throws -> Element {
        guard let element = try taken(WireTime.nanoseconds(timeout), { element, _ in element }) else {
            throw wouldWait
        }
        return element
    }

    /// The next element; nil once the channel is closed and drained: `while let job = try jobs.next()`.
    public func next() throws -> Element? {
        do { return try receive() } catch is ChannelClosed { return nil }
    }

    /// Receives one element with what the daemon says about its delivery.
    public func receiveMessage(timeout: Duration? = nil) throws -> ReceivedMessage<Element> {
        let message = try taken(WireTime.nanoseconds(timeout)) { element, operation in
            ReceivedMessage(
                element: element, attempts: operation.attempts, isRedelivered: operation.isRedelivered)
        }
        guard let message else { throw wouldWait }
        return message
    }

    /// Receives one element if that can be done at once; nil where it would have to wait.
    public func tryReceive() throws -> Element? { try taken(WireTimeout.none) { element, _ in element } }

    /// Receives what is there, 1 to `count` elements, waiting for the first only; see ``Chan/receive(upTo:timeout:)``.
    public func receive(upTo count: Int, timeout: Duration? = nil) throws -> [Element] {
        let elements = try receive(upTo: count, WireTime.nanoseconds(timeout))
        if elements.isEmpty { throw wouldWait }
        return elements
    }

    /// Receives what is there without waiting, which may be nothing.
    public func tryReceive(upTo count: Int) throws -> [Element] { try receive(upTo: count, WireTimeout.none) }

    /// Receives one element under a lease; see ``Chan/lease(_:timeout:)``.
    public func lease(
        _ terms: LeaseTerms = LeaseTerms(), timeout: Duration? = nil
    ) throws -> BlockingLease<Element> {
        let operation = remote.leasing(try terms.wire(for: name), timeout: WireTime.nanoseconds(timeout))
        guard try client.run(operation) > 0, let lease = operation.lease else { throw wouldWait }
        return BlockingLease(client, remote, lease)
    }

    /// Receives one element, and makes of it what is wanted; nil for a try that would have to wait.
    private func taken<Result>(
        _ timeout: Int64, _ make: (consuming Element, SingleReceive) -> Result
    ) throws -> Result? {
        // On the heap: memory on the stack comes with a generic record of the result, which is looked up with every call.
        let target = UnsafeMutablePointer<Element>.allocate(capacity: 1)
        defer { target.deallocate() }
        let operation = remote.receiving(into: target, timeout: timeout)
        guard try client.run(operation) > 0 else { return nil }
        return make(target.move(), operation)
    }

    private func receive(upTo count: Int, _ timeout: Int64) throws -> [Element] {
        guard count >= 1 else {
            throw ChandError(.invalidArgument, "a receive of \(count) elements", channel: name)
        }
        let operation = remote.receiving(upTo: count, timeout: timeout)
        _ = try client.run(operation)
        return operation.elements
    }
}
