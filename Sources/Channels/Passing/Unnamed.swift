// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Making unnamed channels (rule 26): only who gets one in a message, or is told its whole name, can use it.
///
/// They suspend until the daemon has answered, and throw ``ChandError`` as the opening of a named channel does. An
/// unnamed channel goes, with its messages, when nobody holds it and no message passes it.
extension ChandClient {
    /// Makes an unnamed channel.
    ///
    /// ```swift
    /// let answers = try await client.unnamed(capacity: 1, of: Answer.self)
    /// try await questions.send(Question(text: "why?", answers: answers.sender))
    /// ```
    ///
    /// - Parameters:
    ///   - capacity: 0 for a rendezvous, more for a buffer of so many messages, -1 for an unbounded one.
    ///   - type: what it carries: a ``ChanElement``, or anything `Codable` as JSON. Whoever is passed the channel as one
    ///     of another type gets ``ChandError/Code/decoding``, unless `typeTag` says something else.
    ///   - typeTag: an agreed text that says what messages mean.
    public func unnamed<Element: Sendable>(
        capacity: Int = 0, of type: Element.Type = Element.self, typeTag: String? = nil
    ) async throws -> Chan<Element> {
        let codec = try ElementCodec<Element>.chosen()
        return Chan(.far(try await loop.unnamed(capacity, codec, .both, Unnamed(typeTag))))
    }

    /// Makes an unnamed channel with two ends, each of which learns that the other is gone (rule 16).
    ///
    /// With the last sender the channel closes: whoever receives is told so when what is left was received. Without a
    /// receiver sends fail with ``ChandError/Code/noReceivers``. Messages that pass an end count as having it, so to
    /// pass an end alone, ``Chan/Sender/release()`` one's own value after the send.
    ///
    /// - Parameters:
    ///   - capacity: as for ``unnamed(capacity:of:typeTag:)``.
    ///   - type: the same.
    ///   - closeWithLastSender: whether it closes with its last sender.
    ///   - failWithLastReceiver: whether sends fail without a receiver.
    ///   - typeTag: as for ``unnamed(capacity:of:typeTag:)``.
    public func unnamedEnds<Element: Sendable>(
        capacity: Int = 0, of type: Element.Type = Element.self, closeWithLastSender: Bool = true,
        failWithLastReceiver: Bool = true, typeTag: String? = nil
    ) async throws -> (sender: Chan<Element>.Sender, receiver: Chan<Element>.Receiver) {
        try await loop.unnamedEnds(
            capacity, try ElementCodec<Element>.chosen(),
            Unnamed(
                typeTag, closeWithLastSender: closeWithLastSender, failWithLastReceiver: failWithLastReceiver)
        )
    }
}

/// What is stated for an unnamed channel.
struct Unnamed {
    let typeTag: String?
    let closeWithLastSender: Bool
    let failWithLastReceiver: Bool

    init(_ typeTag: String?, closeWithLastSender: Bool = false, failWithLastReceiver: Bool = false) {
        self.typeTag = typeTag
        self.closeWithLastSender = closeWithLastSender
        self.failWithLastReceiver = failWithLastReceiver
    }

    fileprivate func options<Element>(for type: Element.Type) -> ChannelOptions {
        ChannelOptions(
            typeTag: typeTag ?? ElementTag.of(type), closeWithLastSender: closeWithLastSender,
            failWithLastReceiver: failWithLastReceiver)
    }
}

extension ClientLoop {
    private func open<Element: Sendable>(
        _ request: OpenRequest, _ codec: ElementCodec<Element>
    ) async throws -> RemoteChannel<Element> {
        // An unnamed channel does not outlive the session that holds it: there is nothing to rejoin.
        let operation = OpenOperation(
            self, request, role: ChannelRole(rawValue: request.role.rawValue), codec: codec, rejoins: false)
        return try await operation.result()
    }

    /// The name that makes an unnamed channel.
    private static let anyName = "$"

    func unnamed<Element: Sendable>(
        _ capacity: Int, _ codec: ElementCodec<Element>, _ role: ChannelRole, _ unnamed: Unnamed
    ) async throws -> RemoteChannel<Element> {
        let options = unnamed.options(for: Element.self)
        let request = try options.request(name: Self.anyName, role: role, capacity: capacity)
        return try await open(request, codec)
    }

    func unnamedEnds<Element: Sendable>(
        _ capacity: Int, _ codec: ElementCodec<Element>, _ unnamed: Unnamed
    ) async throws -> (sender: Chan<Element>.Sender, receiver: Chan<Element>.Receiver) {
        // The receiver first: a channel that had a sender and has none would be closed.
        let receiver = try await self.unnamed(capacity, codec, .receive, unnamed)
        let request = try ChannelOptions().request(name: receiver.name, role: .send, capacity: nil)
        let sender = try await open(request, codec)
        return (Chan(.far(sender)).sender, Chan(.far(receiver)).receiver)
    }
}

extension ElementCodec {
    /// How elements of the type are coded where nobody says, for calls of the caller's.
    ///
    /// - Throws: ``ChandError`` with `invalidArgument` where nothing is known of the type.
    static func chosen() throws -> ElementCodec {
        do { return try natural() } catch { throw ChandError(.invalidArgument, "\(error)") }
    }
}
