// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where the memory of messages comes from: small blocks that were given back lie ready, by size, since an allocator's
/// own lists are shorter than a channel's buffer.
///
/// For one thread. Not more than ``maxSpareBytes`` lie ready, so that a daemon which was busy is small again.
final class BodyPool {
    /// Memory that is kept while nobody uses it.
    static let maxSpareBytes = 1 << 20
    /// Sizes up to 512 bytes are multiples of 16, those up to 2 KiB of 64, those up to 8 KiB of 256: what is wasted is little.
    private static let ranges: (small: Int, medium: Int, all: Int) = (32, 56, 80)
    /// By size, the first spare block; each names the next one in its first bytes.
    private let spare: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private(set) var spareBytes = 0

    init() {
        spare = .allocate(capacity: Self.ranges.all)
        spare.initialize(repeating: nil, count: Self.ranges.all)
    }

    deinit {
        for index in 0..<Self.ranges.all {
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
        let index = Self.index(byteCount)
        guard index < Self.ranges.all else { return (Self.allocate(byteCount), Self.unpooled) }
        if let block = spare[index] {
            spare[index] = block.load(as: UnsafeMutableRawPointer?.self)
            spareBytes &-= Self.bytes(index)
            return (block, UInt32(truncatingIfNeeded: index))
        }
        return (Self.allocate(Self.bytes(index)), UInt32(truncatingIfNeeded: index))
    }

    /// The first size that is enough.
    private static func index(_ byteCount: Int) -> Int {
        if byteCount <= 512 { return (byteCount &- 1) &>> 4 }
        if byteCount <= 2048 { return ranges.small &+ ((byteCount &- 513) &>> 6) }
        return ranges.medium &+ ((byteCount &- 2049) &>> 8)
    }

    /// The bytes of a size.
    private static func bytes(_ index: Int) -> Int {
        if index < ranges.small { return (index &+ 1) &* 16 }
        if index < ranges.medium { return 512 &+ (index &- ranges.small &+ 1) &* 64 }
        return 2048 &+ (index &- ranges.medium &+ 1) &* 256
    }

    /// The number of a block that goes straight to the allocator.
    static let unpooled = UInt32.max

    func giveBack(_ block: UnsafeMutableRawPointer, size: UInt32) {
        guard size != Self.unpooled else { return free(block) }
        let index = Int(size)
        let bytes = Self.bytes(index)
        guard spareBytes &+ bytes <= Self.maxSpareBytes else { return free(block) }
        block.storeBytes(of: spare[index], as: UnsafeMutableRawPointer?.self)
        spare[index] = block
        spareBytes &+= bytes
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        // As Swift's own allocations end: nothing can go on without it.
        guard let block = malloc(byteCount) else { fatalError("no memory for \(byteCount) bytes") }
        return block
    }
}
