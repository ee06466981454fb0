// SPDX-License-Identifier: Apache-2.0

/// Receives one element into memory of its own, from which the caller moves it; it is settled by the hand-over.
///
/// For elements of any type in one class, since who knows the type is specialised and this is not. Unchecked, as every
/// ``LocalOperation``.
@usableFromInline
final class LocalReceive: LocalOperation, @unchecked Sendable {
    /// Memory for one element, there once this is done.
    @usableFromInline let target: UnsafeMutableRawPointer

    init(_ space: LocalSpace, _ element: (size: Int, alignment: Int), timeout: Int64) {
        target = .allocate(byteCount: element.size, alignment: element.alignment)
        super.init(space, timeout: timeout)
    }

    deinit { target.deallocate() }

    override func take(_ slot: UInt32, of store: LocalStore) { store.move(slot, to: target) }
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
    private let nanoseconds: UInt64
    /// What was received.
    private(set) var element: Element?

    /// - Parameter nanoseconds: how long the lease lasts; 0 for ever.
    init(_ channel: LocalChannel<Element>, for nanoseconds: UInt64 = 0, timeout: Int64) {
        self.channel = channel
        self.nanoseconds = nanoseconds
        super.init(channel.space, timeout: timeout)
    }

    override var settles: Bool { false }

    override var leaseNanoseconds: UInt64 { nanoseconds }

    override func take(_ slot: UInt32, of store: LocalStore) { element = channel.store.peek(slot) }
}
