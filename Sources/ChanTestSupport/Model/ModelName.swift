// SPDX-License-Identifier: Apache-2.0

import ChanCore

/// A name as rule 25 reads it.
struct ModelName {
    var absolute: String
    /// Whose space it is in.
    var user: UInt32?
    /// The shared space that it is in.
    var space: Space?
    var isGranted: Bool
}

extension ModelBroker {
    /// Rule 25, character by character; nil for an invalid name.
    func modelName(_ name: String, _ identity: Identity) -> ModelName? {
        guard name.hasPrefix("/") else {
            guard isValid(name) else { return nil }
            return ModelName(
                absolute: "/uid/\(identity.uid)/\(name)", user: identity.uid, isGranted: true)
        }
        var segments = name.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        guard let first = segments.popFirst() else { return nil }
        var user: UInt32?
        if first == "uid" {
            guard let number = segments.popFirst(), let uid = UInt32(number), "\(uid)" == number else {
                return nil
            }
            user = uid
        }
        guard !segments.isEmpty, isValid(segments.joined(separator: "/")) else { return nil }
        if let user { return ModelName(absolute: name, user: user, isGranted: true) }
        guard isValid(String(first)) else { return nil }
        let space = spaces.first { $0.name == first }
        let granted =
            space.map {
                $0.isOpenToAll || identity.isAdministrator || $0.users.contains(identity.uid)
                    || $0.groups.contains { identity.isMember(of: $0) }
            } ?? false
        return ModelName(absolute: name, space: space, isGranted: granted)
    }

    private func isValid(_ name: String) -> Bool {
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
        guard (1...200).contains(name.utf8.count) else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { segment in
            !segment.isEmpty && !segment.hasPrefix(".") && !segment.hasPrefix("-")
                && segment.allSatisfy { letters.contains($0) }
        }
    }
}
