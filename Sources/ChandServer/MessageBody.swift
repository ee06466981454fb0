// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// A message's bytes on the heap: written once when the message arrives, read when it is delivered.
///
/// Counted by hand, since the broker holds bodies as plain values: one count for the broker, one for each
/// output queue that refers to the bytes instead of copying them. Only the loop thread touches it.
struct MessageBody: BitwiseCopyable {
    /// The allocation: the count, the block's size as the pool knows it, 4 bytes each, and the message's bytes or, in a
    /// frame's storage, that.
    private let allocation: UnsafeMutableRawPointer
    private let offset: UInt32
    let byteCount: UInt32

    /// Bytes in front of the message's own; `FrameAssembler` leaves more of them free.
    private static let prefixBytes = 8
    private static let sizeOffset = 4

    /// Copies a message that arrived in a read buffer.
    init(copying bytes: UnsafeRawBufferPointer, in pool: BodyPool) {
        let (block, size) = pool.take(Self.prefixBytes + bytes.count)
        allocation = block
        allocation.storeBytes(of: 1, as: UInt32.self)
        allocation.storeBytes(of: size, toByteOffset: Self.sizeOffset, as: UInt32.self)
        if let source = bytes.baseAddress {
            (allocation + Self.prefixBytes).copyMemory(from: source, byteCount: bytes.count)
        }
        offset = UInt32(Self.prefixBytes)
        byteCount = UInt32(bytes.count)
    }

    /// Takes over the storage of a frame that was received straight into it; `bytes` lie in it.
    init(taking storage: UnsafeMutableRawBufferPointer, bytes: UnsafeRawBufferPointer) {
        guard let base = storage.baseAddress, let start = bytes.baseAddress else {
            preconditionFailure("a frame's storage is never empty")
        }
        allocation = base
        allocation.storeBytes(of: 1, as: UInt32.self)
        allocation.storeBytes(of: BodyPool.unpooled, toByteOffset: Self.sizeOffset, as: UInt32.self)
        offset = UInt32(start - UnsafeRawPointer(base))
        byteCount = UInt32(bytes.count)
    }

    /// The message's bytes, valid while somebody counts.
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: allocation + Int(offset), count: Int(byteCount))
    }

    /// What names the body to an output queue that refers to it.
    var token: UInt64 { UInt64(UInt(bitPattern: allocation)) }

    /// Counts one more holder.
    func retain() {
        allocation.storeBytes(of: allocation.load(as: UInt32.self) + 1, as: UInt32.self)
    }

    /// Counts one holder less; the last one frees the bytes.
    func release(to pool: BodyPool) {
        Self.release(allocation, to: pool)
    }

    /// The same by token.
    static func release(token: UInt64, to pool: BodyPool) {
        guard let allocation = UnsafeMutableRawPointer(bitPattern: UInt(token)) else { return }
        release(allocation, to: pool)
    }

    private static func release(_ allocation: UnsafeMutableRawPointer, to pool: BodyPool) {
        let count = allocation.load(as: UInt32.self) - 1
        guard count == 0 else { return allocation.storeBytes(of: count, as: UInt32.self) }
        pool.giveBack(allocation, size: allocation.load(fromByteOffset: sizeOffset, as: UInt32.self))
    }
}
