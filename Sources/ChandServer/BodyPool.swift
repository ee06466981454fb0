// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where the memory of messages comes from: small blocks that were given back lie ready, by size, since an allocator's
/// own lists are shorter than a channel's buffer.
///
/// For one thread. Not more than ``maxSpareBytes`` lie ready of blocks up to 512 bytes, and as many of larger ones, so that a
/// daemon which was busy is small again, and a few large messages leave room for the small ones.
final class BodyPool {
    /// Memory that is kept while nobody uses it, for each of the two.
    static let maxSpareBytes = 1 << 20
    /// Sizes are apart by this: more would be wasted than the broker reckons with (`Broker.messageCost`).
    ///
    /// They are what glibc's blocks hold: a multiple of 16, and 8 bytes of the next block's head.
    private static let step = 16, odd = 8
    /// Sizes, up to 8 KiB and 8 bytes; and those of them that are small.
    private static let sizes = 513, smallSizes = 32
    /// By size, the first spare block; each names the next one in its first bytes.
    private let spare: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private var small = 0
    private var large = 0

    /// Bytes that lie ready.
    var spareBytes: Int { small &+ large }

    init() {
        spare = .allocate(capacity: Self.sizes)
        spare.initialize(repeating: nil, count: Self.sizes)
    }

    deinit {
        for index in 0..<Self.sizes {
            var block = spare[index]
            while let this = block {
                block = this.load(as: UnsafeMutableRawPointer?.self)
                free(this)
            }
        }
        spare.deallocate()
    }

    /// Gets a block of so many bytes, at least 1, and the number by which it is given back.
    func take(_ byteCount: Int) -> (block: UnsafeMutableRawPointer, size: UInt32) {
        let index = (byteCount &+ Self.odd &- 1) / Self.step
        guard index < Self.sizes else { return (Self.allocate(byteCount), Self.unpooled) }
        if let block = spare[index] {
            spare[index] = block.load(as: UnsafeMutableRawPointer?.self)
            count(0 &- Self.bytes(index), of: index)
            return (block, UInt32(truncatingIfNeeded: index))
        }
        return (Self.allocate(Self.bytes(index)), UInt32(truncatingIfNeeded: index))
    }

    private static func bytes(_ index: Int) -> Int { index &* step &+ odd }

    private func count(_ bytes: Int, of index: Int) {
        if index < Self.smallSizes { small &+= bytes } else { large &+= bytes }
    }

    /// The number of a block that goes straight to the allocator.
    static let unpooled = UInt32.max

    func giveBack(_ block: UnsafeMutableRawPointer, size: UInt32) {
        guard size != Self.unpooled else { return free(block) }
        let index = Int(size)
        let bytes = Self.bytes(index)
        let lying = index < Self.smallSizes ? small : large
        guard lying &+ bytes <= Self.maxSpareBytes else { return free(block) }
        block.storeBytes(of: spare[index], as: UnsafeMutableRawPointer?.self)
        spare[index] = block
        count(bytes, of: index)
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        // As Swift's own allocations end: nothing can go on without it.
        guard let block = malloc(byteCount) else { fatalError("no memory for \(byteCount) bytes") }
        return block
    }
}
