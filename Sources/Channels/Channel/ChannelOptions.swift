// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// The directions in which a channel value may be used.
public struct ChannelRole: OptionSet, Hashable, Sendable {
    /// Bit 0 is send, bit 1 receive.
    public let rawValue: UInt8
    /// Makes a role from its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The value may send, and close the channel.
    public static let send = ChannelRole(rawValue: 1)
    /// The value may receive.
    public static let receive = ChannelRole(rawValue: 2)
    /// Both directions.
    public static let both: ChannelRole = [.send, .receive]
}

/// What becomes of a message that does not decode; it never vanishes.
public enum UndecodableMessages: Hashable, Sendable {
    /// It goes back to its channel, marked as redelivered: the next receive may meet it again, also this one's.
    case giveBack
    /// It stays in its channel, where nobody receives it, until the owner or an administrator puts it back (rule 19).
    case setAside
    /// It goes to the channel of that name, which is made if there is none; set aside where that is not permitted, or can't
    /// take it.
    case deadLetter(String)

    /// The name that the daemon is told, empty for none; nil where nothing special is said.
    var deadLetter: String? {
        switch self {
        case .giveBack: nil
        case .setAside: ""
        case .deadLetter(let name): name
        }
    }

    /// How it reads in an error.
    var phrase: String {
        switch self {
        case .giveBack: "was given back"
        case .setAside: "was set aside"
        case .deadLetter(let name): "is a dead letter for \(name)"
        }
    }
}

/// How a channel is opened, apart from its name, capacity and element type.
///
/// What is nil is left unstated: it accepts what is there, and where nothing is there yet it stays open until
/// somebody states it. What is stated and differs from what is there fails with ``ChandError/Code/mismatch``
/// (rule 14).
public struct ChannelOptions: Hashable, Sendable {
    /// The capacity of a channel that holds as many messages as the quotas allow.
    public static let unboundedCapacity = -1

    /// An agreed text that says what messages mean, up to 200 bytes of UTF-8.
    public var typeTag: String?
    /// Close the channel when its last sender goes, as a pipe ends (rule 16); every open names one role then.
    public var closeWithLastSender: Bool?
    /// Fail sends while the last receiver is gone (rule 16); every open names one role then.
    public var failWithLastReceiver: Bool?
    /// Bytes queued from which on sends wait for room, on a channel of the daemon; 0 for no bound but the quotas.
    ///
    /// A send proceeds as long as the messages queued are below it, so that one of any size can pass.
    public var maxBytes: Int?
    /// Permission bits as of a file: read is receive, write is send and close (rule 28).
    public var mode: UInt16?
    /// The owning user's number; only an administrator states another than himself.
    public var owner: UInt32?
    /// The group's number; only a member or an administrator states it.
    public var group: UInt32?
    /// Fail with ``ChandError/Code/exists`` where there is such a channel.
    public var mustCreate: Bool
    /// Fail with ``ChandError/Code/noSuchChannel`` where there is none.
    public var mustExist: Bool
    /// Keep the channel until it is removed (rule 15).
    public var keep: Bool
    /// Open it again with these options, but for ``mustCreate`` and ``mustExist``, where the connection was lost and the
    /// daemon is back.
    ///
    /// The channel value is then one of whatever life of the name is there: ``Chan/generation`` and
    /// ``ChandClient/states`` say which. Without it, later uses fail with ``ChandError/Code/channelGone``.
    public var rejoin: Bool

    /// What becomes of a message that does not decode.
    public var undecodable: UndecodableMessages

    /// Makes options; without arguments nothing is stated.
    public init(
        typeTag: String? = nil, closeWithLastSender: Bool? = nil, failWithLastReceiver: Bool? = nil,
        maxBytes: Int? = nil, mode: UInt16? = nil, owner: UInt32? = nil, group: UInt32? = nil,
        mustCreate: Bool = false,
        mustExist: Bool = false, keep: Bool = false, rejoin: Bool = false,
        undecodable: UndecodableMessages = .giveBack
    ) {
        self.undecodable = undecodable
        self.typeTag = typeTag
        self.closeWithLastSender = closeWithLastSender
        self.failWithLastReceiver = failWithLastReceiver
        self.maxBytes = maxBytes
        self.mode = mode
        self.owner = owner
        self.group = group
        self.mustCreate = mustCreate
        self.mustExist = mustExist
        self.keep = keep
        self.rejoin = rejoin
    }

    /// The request for the daemon.
    func request(name: String, role: ChannelRole, capacity: Int?) throws -> OpenRequest {
        if let capacity, capacity < Self.unboundedCapacity {
            throw ChandError(
                .invalidArgument, "a capacity of \(capacity): 0 is a rendezvous, -1 unbounded", channel: name)
        }
        if case .deadLetter(let target) = undecodable,
            target.isEmpty || target.utf8.count > WireLimits.maxNameBytes * 2
        {
            throw ChandError(.invalidName, "the dead-letter channel's name \"\(target)\"", channel: name)
        }
        if let maxBytes, maxBytes < 0 {
            throw ChandError(.invalidArgument, "max-bytes of \(maxBytes): 0 is no bound", channel: name)
        }
        if role.isEmpty { throw ChandError(.invalidArgument, "no role is named", channel: name) }
        if name.utf8.count > WireLimits.maxNameBytes * 2 {
            throw ChandError(.invalidName, "the name is over \(WireLimits.maxNameBytes) bytes", channel: name)
        }
        if let typeTag, typeTag.utf8.count > WireLimits.maxTextBytes {
            throw ChandError(
                .invalidArgument, "the type tag is over \(WireLimits.maxTextBytes) bytes", channel: name)
        }
        var request = OpenRequest(name: name, role: Role(rawValue: role.rawValue))
        request.capacity = capacity.map { Int64($0) }
        request.typeTag = typeTag
        request.closeWithLastSender = closeWithLastSender
        request.failWithLastReceiver = failWithLastReceiver
        request.maxBytes = maxBytes.map { UInt64($0) }
        request.mode = mode
        request.owner = owner
        request.group = group
        request.mustCreate = mustCreate
        request.mustExist = mustExist
        request.keep = keep
        return request
    }
}
