// SPDX-License-Identifier: Apache-2.0

/// What puts elements into a channel of the process that it does not keep: for timers, and all that happens by itself.
///
/// The channel holds one element; what comes while it is there is dropped, as with Go's timers and signals.
struct Feed<Element: Sendable>: Sendable {
    private weak let channel: LocalChannel<Element>?

    /// Makes a channel that is gone when its receiver is, with its feed.
    static func make(of type: Element.Type = Element.self) -> (receiver: Chan<Element>.Receiver, feed: Feed) {
        let channel = Chan<Element>(size: 1)
        return (channel.receiver, Feed(channel: channel.near))
    }

    /// Puts an element in, where there is room; false once nobody holds the channel.
    @discardableResult
    func offer(_ element: Element) -> Bool {
        guard let channel else { return false }
        channel.offer(element)
        return true
    }

    /// Whether nobody holds the channel.
    var isGone: Bool { channel == nil }
}

extension Chan {
    /// The channel of a value that was made inside the process.
    var near: LocalChannel<Element> {
        guard case .near(let local) = backend else {
            preconditionFailure("a channel made here is with a daemon")
        }
        return local
    }
}
