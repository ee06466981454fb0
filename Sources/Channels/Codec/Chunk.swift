// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A piece of memory that received bytes lie in until nobody wants them any more.
///
/// Unchecked, because the memory is written by one owner only: the client's loop, and there only above the
/// part of which it has handed out slices; what a slice shows is never written again while the slice lives.
@usableFromInline
final class Chunk: @unchecked Sendable {
    /// Chunks of this size are used again and again; larger ones are made for one large frame.
    static let standardBytes = 128 << 10

    @usableFromInline let base: UnsafeMutableRawPointer
    @usableFromInline let capacity: Int
    /// Where the memory goes; nil for memory that goes back to the allocator.
    private let pool: ChunkPool?
    /// Whose memory it is, where it is another's.
    private let whole: Chunk?
    /// The channels that the one message passes that is shown through this; nil for most.
    let offer: ChannelOffer?

    init(capacity: Int) {
        self.capacity = capacity
        pool = nil
        whole = nil
        offer = nil
        base = Self.allocate(capacity)
    }

    /// One of the standard size.
    init(from pool: ChunkPool) {
        capacity = Self.standardBytes
        self.pool = pool
        whole = nil
        offer = nil
        base = pool.take() ?? Self.allocate(capacity)
    }

    /// Another's memory, for a message in it that passes channels.
    init(of whole: Chunk, passing offer: ChannelOffer) {
        capacity = whole.capacity
        pool = nil
        self.whole = whole
        self.offer = offer
        base = whole.base
    }

    deinit {
        if whole != nil { return }
        if let pool, pool.keep(base) { return }
        base.deallocate()
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: 16)
    }
}

/// Memory for chunks that lies ready: an allocator gives so much back to the kernel, which clears every page of it when it
/// is taken again.
///
/// Without a lock, since the last slice of a chunk may go in any thread and in a forked child.
final class ChunkPool: Sendable {
    /// Addresses, 0 where there is none; a client that once received much at a time keeps 1 MiB.
    private let places = InlineArray<8, Atomic<UInt>> { _ in Atomic(0) }

    deinit {
        while let base = take() { base.deallocate() }
    }

    func take() -> UnsafeMutableRawPointer? {
        for index in places.indices where places[index].load(ordering: .relaxed) != 0 {
            let address = places[index].exchange(0, ordering: .acquiring)
            if let base = UnsafeMutableRawPointer(bitPattern: address) { return base }
        }
        return nil
    }

    /// Whether there is a place for it.
    func keep(_ base: UnsafeMutableRawPointer) -> Bool {
        let address = UInt(bitPattern: base)
        for index in places.indices where places[index].load(ordering: .relaxed) == 0 {
            let (isKept, _) = places[index].compareExchange(
                expected: 0, desired: address, ordering: .releasing)
            if isKept { return true }
        }
        return false
    }
}
