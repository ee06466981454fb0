// SPDX-License-Identifier: Apache-2.0

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

    init(capacity: Int) {
        self.capacity = capacity
        base = UnsafeMutableRawPointer.allocate(byteCount: max(capacity, 1), alignment: 16)
    }

    deinit { base.deallocate() }
}
