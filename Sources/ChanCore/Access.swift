// SPDX-License-Identifier: Apache-2.0

/// Who a session is, as the kernel said at connect (rule 28).
public struct Identity: Equatable, Sendable {
    /// The user.
    public var uid: UInt32
    /// The primary group.
    public var gid: UInt32
    /// The supplementary groups.
    public var groups: [UInt32]
    /// The process that connected.
    public var pid: UInt32
    /// Root, the daemon's own user, or a member of the admin group.
    public var isAdministrator: Bool

    /// Makes an identity.
    public init(
        uid: UInt32, gid: UInt32, groups: [UInt32] = [], pid: UInt32 = 0, isAdministrator: Bool = false
    ) {
        self.uid = uid
        self.gid = gid
        self.groups = groups
        self.pid = pid
        self.isAdministrator = isAdministrator
    }

    /// Whether the user is in `group`.
    public func isMember(of group: UInt32) -> Bool {
        gid == group || groups.contains(group)
    }
}

/// A shared name space that the configuration grants (rule 25).
public struct Space: Equatable, Sendable {
    /// As a name: every space that no entry before it names, as in a private daemon.
    public static let anyName = "*"
    /// The first segment of its names.
    public var name: String
    /// Users who may use it.
    public var users: [UInt32]
    /// Groups whose members may use it; the first is what its channels get.
    public var groups: [UInt32]
    /// Whether they may create channels, or only open those that are there.
    public var mayCreate: Bool
    /// Whether everybody may use it.
    public var isOpenToAll: Bool

    /// Makes a space.
    public init(
        name: String, users: [UInt32] = [], groups: [UInt32] = [], mayCreate: Bool = true,
        isOpenToAll: Bool = false
    ) {
        self.name = name
        self.users = users
        self.groups = groups
        self.mayCreate = mayCreate
        self.isOpenToAll = isOpenToAll
    }

    /// Whether the configuration grants the space to `identity`.
    func isGranted(to identity: Identity) -> Bool {
        isOpenToAll || identity.isAdministrator || users.contains(identity.uid)
            || groups.contains { identity.isMember(of: $0) }
    }
}

/// A channel name after rule 25: absolute, and whose it is.
struct ResolvedName: Equatable {
    enum Place: Equatable {
        /// The caller's own space.
        case own
        /// Another user's space.
        case user(UInt32)
        /// A shared space, by its index in the broker's list.
        case shared(Int)
        /// A shared space that the configuration has no more: what is left there is for administrators.
        case formerSpace
        /// None: the name was generated (rule 26).
        case unnamed
    }
    var absolute: String
    var place: Place
}

extension Broker {
    /// Makes a name absolute for who uses what is there, or says which part of rule 25 it breaks.
    ///
    /// A space that the configuration has no more is granted to nobody. Administrators find what was left there all the
    /// same: nobody else could have it drained, or remove what is kept.
    func resolve(_ name: String, for identity: Identity) -> Result<ResolvedName, Failure> {
        let resolved = ChannelName.resolve(name, for: identity, spaces: spaces)
        guard identity.isAdministrator, case .failure(let failure) = resolved,
            failure.kind == .notPermitted, channelSlot(named: name) != nil
        else { return resolved }
        return .success(ResolvedName(absolute: name, place: .formerSpace))
    }
}

enum ChannelName {
    /// Bytes of a name without its space.
    static let maxBytes = 200

    /// Makes a name absolute, or says which part of rule 25 it breaks.
    static func resolve(
        _ name: String, for identity: Identity, spaces: [Space]
    ) -> Result<ResolvedName, Failure> {
        if isGenerated(name) { return .success(ResolvedName(absolute: name, place: .unnamed)) }
        guard name.utf8.first == UInt8(ascii: "/") else {
            if let fault = fault(in: name) { return .failure(fault) }
            return .success(ResolvedName(absolute: "/uid/\(identity.uid)/\(name)", place: .own))
        }
        let parts = name.utf8.dropFirst().split(
            separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let space = parts.first.flatMap({ String($0) }), let rest = String(parts[1])
        else {
            return .failure(invalid(name, "an absolute name is /uid/NUMBER/NAME or /SPACE/NAME"))
        }
        if space == "uid" { return resolveUser(rest, whole: name, for: identity) }
        if let fault = fault(in: rest) { return .failure(fault) }
        if let fault = fault(in: space) { return .failure(fault) }
        guard let index = spaces.firstIndex(where: { $0.name == space || $0.name == Space.anyName }),
            spaces[index].isGranted(to: identity)
        else {
            return .failure(
                Failure(.notPermitted, text: "the space /\(space) is not granted to uid \(identity.uid)"))
        }
        return .success(ResolvedName(absolute: name, place: .shared(index)))
    }

    private static func resolveUser(
        _ rest: String, whole: String, for identity: Identity
    ) -> Result<ResolvedName, Failure> {
        let parts = rest.utf8.split(
            separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let number = String(parts[0]), let uid = UInt32(number),
            String(uid) == number,
            let relative = String(parts[1])
        else {
            return .failure(invalid(whole, "an absolute name is /uid/NUMBER/NAME or /SPACE/NAME"))
        }
        if let fault = fault(in: relative) { return .failure(fault) }
        let place: ResolvedName.Place = uid == identity.uid ? .own : .user(uid)
        return .success(ResolvedName(absolute: whole, place: place))
    }

    /// What is wrong with a name without its space; nil for nothing.
    static func fault(in name: String) -> Failure? {
        let bytes = name.utf8
        guard !bytes.isEmpty else { return invalid(name, "a name has at least 1 byte") }
        guard bytes.count <= maxBytes else {
            return invalid(name, "a name has at most \(maxBytes) bytes, this one \(bytes.count)")
        }
        for segment in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let first = segment.first else { return invalid(name, "no segment between / may be empty") }
            if first == UInt8(ascii: ".") || first == UInt8(ascii: "-") {
                return invalid(name, "no segment may start with . or -")
            }
            guard segment.allSatisfy(isAllowed) else {
                return invalid(name, "only A-Z a-z 0-9 . _ - and / are allowed")
            }
        }
        return nil
    }

    static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func invalid(_ name: String, _ rule: String) -> Failure {
        Failure(.invalidName, text: "\"\(printable(name))\": \(rule)")
    }

    /// A name for a message: control characters would garble a terminal or a log.
    private static func printable(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.prefix(64).map { $0.value < 32 || $0.value == 127 ? "?" : $0 }))
    }
}
