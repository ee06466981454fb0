// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChandConfig
import Glibc

/// The machine's users and groups, by name and by number.
enum Accounts {
    /// Names that were looked up: lists have the same few again and again.
    private static let users = Lock<[UInt32: String]>([:])
    private static let groups = Lock<[UInt32: String]>([:])

    /// A user's name, or the number where there is none.
    static func user(_ id: UInt32) -> String {
        named(id, users) { buffer, size in
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let code = getpwuid_r(id, &entry, buffer, size, &found)
            return (code, found.map { String(cString: $0.pointee.pw_name) })
        }
    }

    /// A group's name, or the number where there is none.
    static func group(_ id: UInt32) -> String {
        named(id, groups) { buffer, size in
            var entry = Glibc.group()
            var found: UnsafeMutablePointer<Glibc.group>?
            let code = getgrgid_r(id, &entry, buffer, size, &found)
            return (code, found.map { String(cString: $0.pointee.gr_name) })
        }
    }

    private static func named(
        _ id: UInt32, _ known: Lock<[UInt32: String]>,
        _ look: (UnsafeMutablePointer<CChar>, Int) -> (Int32, String?)
    ) -> String {
        if let name = known.withLock({ $0[id] }) { return name }
        let name = named(id, look)
        known.withLock { $0[id] = name }
        return name
    }

    /// Groups with thousands of members need more than any first guess.
    private static func named(
        _ id: UInt32, _ look: (UnsafeMutablePointer<CChar>, Int) -> (Int32, String?)
    ) -> String {
        var size = 4096
        while size <= 1 << 24 {
            let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
            defer { buffer.deallocate() }
            let (code, name) = look(buffer, size)
            if let name { return name }
            guard code == ERANGE else { break }
            size *= 4
        }
        return "\(id)"
    }

    /// The number of a user that was written by name or number.
    static func userNumber(_ text: String) throws -> UInt32 {
        try number(text, "user", NameLookup.system.user)
    }

    /// The number of a group that was written by name or number.
    static func groupNumber(_ text: String) throws -> UInt32 {
        try number(text, "group", NameLookup.system.group)
    }

    private static func number(
        _ text: String, _ kind: String, _ look: (String) -> NameLookup.Outcome
    ) throws -> UInt32 {
        // The highest number means "nobody" to the kernel.
        if let number = UInt32(text), number != .max { return number }
        switch look(text) {
        case .id(let number): return number
        case .unknown: throw Failure.usage("this machine has no \(kind) \"\(text)\"; give a name or a number")
        case .failed(let code):
            let reason = String(cString: strerror(code))
            throw Failure(
                "system", "the \(kind) \"\(text)\" could not be looked up: \(reason)", exit: .failed)
        }
    }
}
