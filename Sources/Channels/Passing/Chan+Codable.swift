// SPDX-License-Identifier: Apache-2.0

/// A channel as a message, or as a part of one: it is passed to whoever receives it (rule 26).
///
/// Also as a property of a `Codable` element, up to 16 of them in a message. The receiver gets the role that the value
/// has; ``Chan/Sender`` and ``Chan/Receiver`` pass only theirs. A channel inside the process, or one of another client,
/// fails with ``ChandError/Code/encoding``. What the passed channel carries is encoded as ``ChanElement`` or JSON.
extension Chan: ChanElement, Codable {
    /// Passes the channel; the message itself stays empty.
    public func encode(into message: inout MessageWriter) throws { try message.pass(self) }

    /// Takes the one channel that the message passes.
    public init(decoding message: MessageBytes) throws {
        self = try message.channel(0)
    }

    /// Passes the channel with the message that is being encoded, and encodes its place.
    ///
    /// - Throws: ``UnexpectedMessage`` as ``MessageWriter/pass(_:role:)``, and where this is no message of a channel.
    public func encode(to encoder: any Encoder) throws {
        try PassingEncoder.of(encoder).pass(self, role: role).encode(to: encoder)
    }

    /// Takes the channel whose place is there.
    ///
    /// - Throws: ``UnexpectedMessage`` as ``MessageBytes/channel(_:of:)``, and where this is no message of a channel.
    public init(from decoder: any Decoder) throws {
        self = try PassingDecoder.message(of: decoder).channel(Int(from: decoder))
    }
}

extension Chan.Sender: ChanElement, Codable {
    /// Passes the channel to send on; the message itself stays empty.
    public func encode(into message: inout MessageWriter) throws { try message.pass(channel, role: .send) }

    /// Takes the one channel that the message passes.
    public init(decoding message: MessageBytes) throws {
        self.init(channel: try message.channel(0).allowing(.send))
    }

    /// Passes the channel to send on; see ``Chan/encode(to:)``.
    public func encode(to encoder: any Encoder) throws {
        try PassingEncoder.of(encoder).pass(channel, role: .send).encode(to: encoder)
    }

    /// Takes the channel whose place is there; see ``Chan/init(from:)``.
    public init(from decoder: any Decoder) throws {
        self.init(channel: try Chan(from: decoder).allowing(.send))
    }
}

extension Chan.Receiver: ChanElement, Codable {
    /// Passes the channel to receive from; the message itself stays empty.
    public func encode(into message: inout MessageWriter) throws { try message.pass(channel, role: .receive) }

    /// Takes the one channel that the message passes.
    public init(decoding message: MessageBytes) throws {
        self.init(channel: try message.channel(0).allowing(.receive))
    }

    /// Passes the channel to receive from; see ``Chan/encode(to:)``.
    public func encode(to encoder: any Encoder) throws {
        try PassingEncoder.of(encoder).pass(channel, role: .receive).encode(to: encoder)
    }

    /// Takes the channel whose place is there; see ``Chan/init(from:)``.
    public init(from decoder: any Decoder) throws {
        self.init(channel: try Chan(from: decoder).allowing(.receive))
    }
}

extension Chan {
    /// The same, which must have a role.
    fileprivate func allowing(_ role: ChannelRole) throws -> Chan {
        guard self.role.isSuperset(of: role) else {
            throw UnexpectedMessage("the passed channel was not passed for that direction")
        }
        return self
    }
}

/// Collects the channels that a `Codable` element passes while it is encoded.
///
/// Unchecked, since an encoder's context must be `Sendable`, and this one is used by one call only.
final class PassingEncoder: @unchecked Sendable {
    static let key = keyOfPassing("org.chand.passing")
    private(set) var channels: [PassedChannel] = []

    /// The one of an encoder.
    static func of(_ encoder: any Encoder) throws -> PassingEncoder {
        guard let passing = encoder.userInfo[key] as? PassingEncoder else { throw PassesChannels() }
        return passing
    }

    func pass<Element>(_ channel: Chan<Element>, role: ChannelRole) throws -> Int {
        var writer = MessageWriter()
        swap(&writer.passed, &channels)
        defer { swap(&writer.passed, &channels) }
        return try writer.pass(channel, role: role)
    }
}

/// The element passes channels, and its encoder was not made for that.
struct PassesChannels: Error, CustomStringConvertible {
    var description: String { "a channel can be encoded in a message of a channel only" }
}

/// Where a decoder finds the message that it decodes.
enum PassingDecoder {
    static let key = keyOfPassing("org.chand.passed")

    static func message(of decoder: any Decoder) throws -> MessageBytes {
        guard let message = decoder.userInfo[key] as? MessageBytes else {
            throw UnexpectedMessage("expected a channel, got a message that passes none")
        }
        return message
    }
}

private func keyOfPassing(_ name: String) -> CodingUserInfoKey {
    guard let key = CodingUserInfoKey(rawValue: name) else { preconditionFailure("\(name) is no key") }
    return key
}
