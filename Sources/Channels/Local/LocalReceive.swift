// SPDX-License-Identifier: Apache-2.0

/// Receives one element, which is settled by the hand-over.
///
/// Unchecked, as every ``LocalOperation``.
final class LocalReceive<Element: Sendable>: LocalOperation, @unchecked Sendable {
    /// Keeps the channel while this waits.
    private let channel: LocalChannel<Element>
    /// What was received.
    private(set) var element: Element?

    init(_ channel: LocalChannel<Element>, timeout: Int64) {
        self.channel = channel
        super.init(channel.space, timeout: timeout)
    }

    override func take(_ slot: UInt32, of store: LocalStore) { element = channel.store.take(slot) }
}

/// Receives several elements.
///
/// Unchecked, as every ``LocalOperation``.
final class LocalBatchReceive<Element: Sendable>: LocalOperation, @unchecked Sendable {
    private let channel: LocalChannel<Element>
    /// What was received.
    private(set) var elements: [Element] = []

    init(_ channel: LocalChannel<Element>, timeout: Int64) {
        self.channel = channel
        super.init(channel.space, timeout: timeout)
    }

    override func take(_ slot: UInt32, of store: LocalStore) { elements.append(channel.store.take(slot)) }
}

/// Receives one element that the caller settles: it stays in the store, since it may come back.
///
/// Unchecked, as every ``LocalOperation``.
final class LocalLeaseReceive<Element: Sendable>: LocalOperation, @unchecked Sendable {
    private let channel: LocalChannel<Element>
    /// What was received.
    private(set) var element: Element?

    init(_ channel: LocalChannel<Element>, timeout: Int64) {
        self.channel = channel
        super.init(channel.space, timeout: timeout)
    }

    override var settles: Bool { false }

    override func take(_ slot: UInt32, of store: LocalStore) { element = channel.store.peek(slot) }
}
