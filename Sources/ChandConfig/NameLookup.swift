// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Who knows the machine's users and groups; a test passes its own.
public struct NameLookup: Sendable {
    /// What became of a look-up.
    public enum Outcome: Sendable, Equatable {
        /// There is such a name.
        case id(UInt32)
        /// There is no such name.
        case unknown
        /// Nobody could say, with the error number: a directory server that is down must not pass for
        /// "unknown".
        case failed(Int32)
    }

    /// The id of a user's name.
    public let user: @Sendable (String) -> Outcome
    /// The id of a group's name.
    public let group: @Sendable (String) -> Outcome

    /// A look-up of one's own.
    public init(
        user: @escaping @Sendable (String) -> Outcome, group: @escaping @Sendable (String) -> Outcome
    ) {
        self.user = user
        self.group = group
    }

    /// The machine's, as `getent` sees them.
    public static let system = NameLookup(
        user: { name in
            withGrowingBuffer { buffer, size in
                var entry = passwd()
                var found: UnsafeMutablePointer<passwd>?
                let code = getpwnam_r(name, &entry, buffer, size, &found)
                return (code, found?.pointee.pw_uid)
            }
        },
        group: { name in
            withGrowingBuffer { buffer, size in
                var entry = Glibc.group()
                var found: UnsafeMutablePointer<Glibc.group>?
                let code = getgrnam_r(name, &entry, buffer, size, &found)
                return (code, found?.pointee.gr_gid)
            }
        })

    /// Groups with thousands of members need more than any first guess.
    private static func withGrowingBuffer(
        _ look: (UnsafeMutablePointer<CChar>, Int) -> (code: Int32, id: UInt32?)
    ) -> Outcome {
        var size = 4096
        while true {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let (code, id) = look(buffer, size)
            if let id { return .id(id) }
            switch code {
            case ERANGE where size < 1 << 24: size *= 4
            case EINTR: continue
            // The manual page lists these as what various systems say for "not found".
            case 0, ENOENT, ESRCH, EBADF, EPERM: return .unknown
            default: return .failed(code)
            }
        }
    }

    /// The id of what was written: digits are an id, everything else a name to look up.
    func resolve(_ written: WrittenName, as kind: Kind) throws(Refusal) -> NamedID {
        if written.text.allSatisfy({ $0.isASCII && $0.isNumber }), !written.text.isEmpty {
            // The highest number means "nobody" to the kernel.
            guard let id = UInt32(written.text), id != .max else {
                throw Refusal(
                    code: .impossibleValue, message: "\(written.text) is no \(kind) id: 0 to 4294967294 are",
                    line: written.line)
            }
            return NamedID(name: written.text, id: id)
        }
        switch kind == .user ? user(written.text) : group(written.text) {
        case .id(let id): return NamedID(name: written.text, id: id)
        case .unknown:
            throw Refusal(
                code: .unknownName, message: "this machine has no \(kind) \(quoted(written.text))",
                line: written.line)
        case .failed(let code):
            let reason = String(cString: strerror(code))
            throw Refusal(
                code: .unreadable,
                message: "the \(kind) \(quoted(written.text)) could not be looked up: \(reason)",
                line: written.line)
        }
    }

    /// What a name is the name of.
    enum Kind: String, CustomStringConvertible {
        case user, group

        var description: String { rawValue }
    }
}
