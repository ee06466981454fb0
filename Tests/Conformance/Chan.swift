// SPDX-License-Identifier: Apache-2.0

/// A client's channel with the words of the library, for bodies that read like a program.
public struct Chan: Sendable {
    let client: any ConformanceClient
    /// The client's number for it.
    public let id: Int

    /// Sends and waits until it is committed.
    public func send(
        _ element: UInt64, _ wait: ConformanceWait = .forever
    ) async throws(ConformanceFailure) {
        try await client.send(element, on: id, wait)
    }

    /// Sends if it can proceed now.
    public func trySend(_ element: UInt64) async throws(ConformanceFailure) -> Bool {
        do {
            try await client.send(element, on: id, .never)
            return true
        } catch .wouldBlock {
            return false
        }
    }

    /// Receives one element; nil once the channel is closed and drained.
    public func receive(_ wait: ConformanceWait = .forever) async throws(ConformanceFailure) -> UInt64? {
        do {
            return try await client.receive(upTo: 1, from: id, wait).first
        } catch .closed {
            return nil
        }
    }

    /// What a receive that does not wait found.
    public enum Tried: Equatable, Sendable {
        /// An element.
        case element(UInt64)
        /// The channel is closed and drained.
        case closed
        /// There is nothing now.
        case wouldBlock
    }

    /// Receives if it can proceed now.
    public func tryReceive() async throws(ConformanceFailure) -> Tried {
        do {
            return try await receive(.never).map { .element($0) } ?? .closed
        } catch .wouldBlock {
            return .wouldBlock
        }
    }

    /// Receives until the channel is closed and drained.
    public func forEach(
        _ body: (UInt64) async throws(ConformanceFailure) -> Void
    ) async throws(ConformanceFailure) {
        while let element = try await receive() { try await body(element) }
    }

    /// Everything until the channel is closed and drained.
    public func collect() async throws(ConformanceFailure) -> [UInt64] {
        var elements: [UInt64] = []
        while let element = try await receive() { elements.append(element) }
        return elements
    }

    /// Closes the channel; says whether this call was the one that did.
    @discardableResult
    public func close() async throws(ConformanceFailure) -> Bool { try await client.close(id) }

    /// What is to be seen of it now.
    public func state() async throws(ConformanceFailure) -> ConformanceState { try await client.state(id) }
}

extension ConformanceClient {
    /// Opens a channel and gives it the words of the library.
    public func chan(
        _ name: String, _ capacity: Int64? = nil, role: ConformanceRole = .both
    ) async throws(ConformanceFailure) -> Chan {
        var options = ConformanceOptions(capacity: capacity)
        options.role = role
        return Chan(client: self, id: try await open(name, options))
    }
}
