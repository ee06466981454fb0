// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where the memory of messages comes from: small blocks that were given back lie ready, by size, since an allocator's
/// own lists are shorter than a channel's buffer.
///
/// For one thread. Not more than ``maxSpareBytes`` lie ready, so that a daemon which was busy is small again.
final class BodyPool {
    /// Memory that is kept while nobody uses it.
    static let maxSpareBytes = 1 << 20
    private static let step = 16
    private static let sizes = 32
    /// By size, the first spare block; each names the next one in its first bytes.
    private var spare = [UnsafeMutableRawPointer?](repeating: nil, count: sizes)
    private(set) var spareBytes = 0

    deinit {
        for first in spare {
            var block = first
            while let this = block {
                block = this.load(as: UnsafeMutableRawPointer?.self)
                free(this)
            }
        }
    }

    /// Gets a block of so many bytes, at least 1, and the number by which it is given back.
    func take(_ byteCount: Int) -> (block: UnsafeMutableRawPointer, size: UInt32) {
        let index = (byteCount &+ Self.step &- 1) / Self.step &- 1
        guard index < Self.sizes else { return (Self.allocate(byteCount), Self.unpooled) }
        if let block = spare[index] {
            spare[index] = block.load(as: UnsafeMutableRawPointer?.self)
            spareBytes &-= (index &+ 1) &* Self.step
            return (block, UInt32(truncatingIfNeeded: index))
        }
        return (Self.allocate((index &+ 1) &* Self.step), UInt32(truncatingIfNeeded: index))
    }

    /// The number of a block that goes straight to the allocator.
    static let unpooled = UInt32.max

    func giveBack(_ block: UnsafeMutableRawPointer, size: UInt32) {
        let index = Int(size)
        let bytes = (index &+ 1) &* Self.step
        guard size != Self.unpooled, spareBytes &+ bytes <= Self.maxSpareBytes else { return free(block) }
        block.storeBytes(of: spare[index], as: UnsafeMutableRawPointer?.self)
        spare[index] = block
        spareBytes &+= bytes
    }

    private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
        // Swift's own allocations end the process as well where there is no memory.
        guard let block = malloc(byteCount) else { fatalError("no memory for \(byteCount) bytes") }
        return block
    }
}
