// SPDX-License-Identifier: Apache-2.0

/// The user's own space of names: what lies in it is called by its relative name.
package struct OwnSpace: Sendable {
    private let prefix: String

    /// The space of a user.
    package init(user: UInt32) { prefix = "/uid/\(user)/" }

    /// The name as its user would type it.
    package func relative(_ name: String) -> String {
        name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
    }
}
