// SPDX-License-Identifier: Apache-2.0

/// A few spare chunks, so that busy sessions borrow the same warm memory in turn and idle ones hold none.
///
/// For one thread, like the buffers that draw on it.
public final class BufferPool {
    /// The size of every chunk.
    public let chunkBytes: Int
    @usableFromInline let maxSpare: Int
    // One thread, and no body of a caller's runs meanwhile: checking each access took longer than the pool's work.
    @usableFromInline @exclusivity(unchecked) var spare: [UnsafeMutableRawPointer] = []

    /// Makes a pool that keeps at most so many chunks while nobody uses them.
    public init(chunkBytes: Int = 65_536, maxSpare: Int = 16) {
        precondition(chunkBytes > 0 && maxSpare >= 0, "no such pool")
        self.chunkBytes = chunkBytes
        self.maxSpare = maxSpare
        spare.reserveCapacity(maxSpare)
    }

    deinit { for chunk in spare { chunk.deallocate() } }

    /// How many chunks lie ready.
    public var spareCount: Int { spare.count }

    @inlinable
    func take() -> UnsafeMutableRawPointer {
        spare.popLast() ?? .allocate(byteCount: chunkBytes, alignment: 16)
    }

    @inlinable
    func giveBack(_ chunk: UnsafeMutableRawPointer) {
        if spare.count < maxSpare { spare.append(chunk) } else { chunk.deallocate() }
    }
}
