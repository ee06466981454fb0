// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Opening channels.
///
/// All these suspend until the daemon has answered, which it does at once; cancelling the task does not take
/// that back. They throw ``ChandError`` with `mismatch`, `exists`, `noSuchChannel`, `invalidName`,
/// `invalidArgument`, `notPermitted` or `quotaExceeded`, or with a code about the connection.
extension ChandClient {
    /// Opens a channel of bytes, texts, integers, truth values, or of a type that is its own ``ChanElement``;
    /// creates it where it does not exist (rule 14).
    ///
    /// - Parameters:
    ///   - name: relative to the user's own space, or absolute with a leading `/` (rule 25).
    ///   - capacity: 0 for a rendezvous, more for a buffer of so many messages, -1 for an unbounded one; left to
    ///     whoever states it where it is nil.
    ///   - type: what the channel carries; the daemon sees bytes only.
    ///   - role: what this value may do.
    ///   - options: everything else.
    public func channel<Element: ChanElement>(
        _ name: String, capacity: Int? = nil, of type: Element.Type = Element.self, role: ChannelRole = .both,
        options: ChannelOptions = ChannelOptions()
    ) async throws -> Chan<Element> {
        try await open(name, capacity, ElementCodec(native: type), role, options)
    }

    /// Opens a channel of any `Codable` type, sent as JSON; see the other form for the parameters.
    ///
    /// Disfavored, because texts and integers are `Codable` too and have a form of their own: without this the
    /// call would be ambiguous for them.
    @_disfavoredOverload
    public func channel<Element: Codable & Sendable>(
        _ name: String, capacity: Int? = nil, of type: Element.Type = Element.self, role: ChannelRole = .both,
        options: ChannelOptions = ChannelOptions()
    ) async throws -> Chan<Element> {
        try await open(name, capacity, ElementCodec(JSONCodec(for: type)), role, options)
    }

    /// Opens a channel with a codec of its own; see the first form for the parameters.
    public func channel<Element: Sendable>(
        _ name: String, capacity: Int? = nil, codec: some ChanCodec<Element>, role: ChannelRole = .both,
        options: ChannelOptions = ChannelOptions()
    ) async throws -> Chan<Element> {
        try await open(name, capacity, ElementCodec(codec), role, options)
    }

    private func open<Element: Sendable>(
        _ name: String, _ capacity: Int?, _ codec: ElementCodec<Element>, _ role: ChannelRole,
        _ options: ChannelOptions
    ) async throws -> Chan<Element> {
        let request = try options.request(name: name, role: role, capacity: capacity)
        let operation = OpenOperation(
            loop, request, role: role, codec: codec, rejoins: options.rejoin, undecodable: options.undecodable
        )
        return Chan(.far(try await operation.result()))
    }
}
