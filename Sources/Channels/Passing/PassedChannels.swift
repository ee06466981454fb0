// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// A channel that a message being encoded is to pass.
struct PassedChannel: Sendable {
    let handle: RemoteHandle
    let role: Role
    /// The handle's number when the message was encoded.
    let number: UInt32

    init(handle: RemoteHandle, role: Role) {
        self.handle = handle
        self.role = role
        number = handle.number
    }

    /// The most channels of a message; a daemon refuses more (rule 26).
    static let most = 16

    /// Why a message through `carrier` can't pass it; nil where it can.
    func obstacle(through carrier: RemoteHandle) -> ChandError? {
        guard handle.loop === carrier.loop else {
            return ChandError(
                .encoding,
                "a message passes channels of its own client only, and \(handle.name) is of another",
                channel: carrier.name)
        }
        if let obstacle = handle.obstacle() { return obstacle }
        // Opened again since the message was encoded: what it lists is another handle now.
        return number == handle.number ? nil : SessionPin.lost.about(channel: handle.name)
    }
}

extension [PassedChannel] {
    /// What stands behind a message that passes these.
    var listed: [ListedChannel] { map { ListedChannel(handle: $0.number, role: $0.role) } }
}

/// Passing channels with a codec of one's own (rule 26); ``Chan`` and its views do it by themselves.
extension MessageWriter {
    /// Lets the message pass a channel, which must be one of the client that sends it.
    ///
    /// - Parameters:
    ///   - channel: the channel.
    ///   - role: what the receiver may do with it; no more than `channel` may.
    /// - Returns: the place at which ``MessageBytes/channel(_:of:)`` finds it.
    /// - Throws: ``UnexpectedMessage`` for a channel inside the process, and for the 17th.
    @discardableResult
    public mutating func pass<Element>(
        _ channel: Chan<Element>, role: ChannelRole? = nil
    ) throws -> Int {
        guard let remote = channel.backend.remote else {
            throw UnexpectedMessage(
                "the channel \(channel.name) is inside the process, and can't be passed out")
        }
        let role = role ?? channel.role
        guard !role.isEmpty, channel.role.isSuperset(of: role) else {
            throw UnexpectedMessage("the channel \(channel.name) was not opened for what is passed")
        }
        guard passed.count < PassedChannel.most else {
            throw UnexpectedMessage("a message passes at most \(PassedChannel.most) channels")
        }
        passed.append(PassedChannel(handle: remote, role: Role(rawValue: role.rawValue)))
        return passed.count - 1
    }
}

/// Receiving channels with a codec of one's own.
extension MessageBytes {
    /// How many channels the message passes.
    public var channelCount: Int { offer?.channels.count ?? 0 }

    /// Takes a channel that the message passes, once.
    ///
    /// It can be used when the message is the caller's for good: at once where it was received, after
    /// ``Lease/done()`` where it was leased. What no decoder takes until then is closed, and can't be taken later: take
    /// channels of bytes that are the element themselves from a lease, before it is done.
    ///
    /// - Parameters:
    ///   - index: which, from 0 on.
    ///   - type: what the channel carries; encoded as ``ChanElement`` or JSON.
    /// - Throws: ``UnexpectedMessage`` where there is no such channel, where it carries something else, and where the message
    ///   was settled or went back before.
    public func channel<Element: Sendable>(
        _ index: Int, of type: Element.Type = Element.self
    ) throws -> Chan<Element> {
        guard let offer else { throw UnexpectedMessage("expected a channel, got a message that passes none") }
        let codec = try ElementCodec<Element>.natural()
        let taken = try offer.take(index)
        let channel = Chan(.far(RemoteChannel(taking: taken, of: offer, codec: codec)))
        try ElementTag.check(taken.typeTag, carries: type)
        return channel
    }
}

/// The type tags that the library states for unnamed channels, so that a channel of another type is found out when
/// it arrives.
enum ElementTag {
    private static let prefix = "swift:"

    /// The tag of an element type; nil where it would be too long.
    static func of<Element>(_ type: Element.Type) -> String? {
        let tag = prefix + "\(type)"
        return tag.utf8.count <= WireLimits.maxTextBytes ? tag : nil
    }

    /// Checks a tag that the library stated; what others state is theirs to check.
    static func check<Element>(_ tag: String, carries type: Element.Type) throws {
        guard tag.hasPrefix(prefix), let expected = of(type), tag != expected else { return }
        throw UnexpectedMessage("expected a channel of \(type), got one of \(tag.dropFirst(prefix.count))")
    }
}
