// SPDX-License-Identifier: Apache-2.0

/// Bytes that are appended at one end and consumed at the other, in one piece of memory.
///
/// Holds no memory until something is appended, and none after ``release(to:)``. May go from thread to thread, as it
/// alone has its memory.
///
/// Invariants: `0 <= head <= tail <= capacity`; the readable bytes are `base[head..<tail]`; without a base all are 0;
/// an empty buffer has `head == tail == 0`.
///
/// Unchecked for the pointer, which nobody else has: the value can't be copied, and so has one owner at a time.
public struct GrowableBytes: ~Copyable, @unchecked Sendable {
    @usableFromInline var base: UnsafeMutableRawPointer?
    @usableFromInline var head = 0
    @usableFromInline var tail = 0
    @usableFromInline var room = 0

    /// Makes an empty buffer without memory.
    @inlinable
    public init() {}

    @inlinable
    deinit { base?.deallocate() }

    /// How many bytes there are to consume.
    @inlinable public var count: Int { tail &- head }
    /// Whether there is nothing to consume.
    @inlinable public var isEmpty: Bool { head == tail }
    /// How many bytes of memory the buffer holds.
    @inlinable public var capacity: Int { room }

    /// Makes sure that so many bytes can be appended without moving anything.
    ///
    /// Takes a chunk of the pool if there is one, and if that is enough.
    @inlinable
    public mutating func reserve(_ bytes: Int, pool: BufferPool? = nil) {
        if room &- tail < bytes { makeRoom(bytes, pool: pool) }
    }

    @usableFromInline
    mutating func makeRoom(_ bytes: Int, pool: BufferPool?) {
        precondition(bytes >= 0, "a negative number of bytes")
        let needed = count + bytes
        // Moving at most half of the memory keeps the price of appending constant; beyond that, growing is cheaper.
        if let base, needed <= room, count <= room / 2 {
            base.copyMemory(from: base + head, byteCount: count)
            (head, tail) = (0, count)
            return
        }
        if base == nil, let pool, needed <= pool.chunkBytes {
            (base, room) = (pool.take(), pool.chunkBytes)
            return
        }
        move(toCapacity: max(needed, room * 2, 256), pool: pool)
    }

    /// Gives the bytes other memory, and the old one back.
    @usableFromInline
    mutating func move(toCapacity capacity: Int, pool: BufferPool?) {
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        let count = count
        if let base {
            larger.copyMemory(from: base + head, byteCount: count)
            free(base, pool: pool)
        }
        (base, head, tail, room) = (larger, 0, count, capacity)
    }

    @inlinable
    func free(_ memory: UnsafeMutableRawPointer, pool: BufferPool?) {
        if let pool, room == pool.chunkBytes {
            pool.giveBack(memory)
        } else {
            memory.deallocate()
        }
    }

    /// Appends a copy of the bytes, which must not be this buffer's own.
    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer, pool: BufferPool? = nil) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count, pool: pool)
        end.copyMemory(from: source, byteCount: bytes.count)
        tail &+= bytes.count
    }

    /// Appends an integer, least significant byte first.
    @inlinable
    public mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(
        _ number: Number, pool: BufferPool? = nil
    ) {
        reserve(MemoryLayout<Number>.size, pool: pool)
        end.storeBytes(of: number.littleEndian, as: Number.self)
        tail &+= MemoryLayout<Number>.size
    }

    /// Overwrites an integer that was appended before; the offset counts from the first byte not consumed.
    @inlinable
    public mutating func patch<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number, at offset: Int)
    {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size, "no such bytes")
        start.storeBytes(of: number.littleEndian, toByteOffset: offset, as: Number.self)
    }

    /// Free memory of at least so many bytes behind the last one, to be written and then committed.
    ///
    /// Valid until the next call that changes the buffer.
    @inlinable
    public mutating func writable(
        atLeast bytes: Int, pool: BufferPool? = nil
    ) -> UnsafeMutableRawBufferPointer {
        reserve(max(bytes, 1), pool: pool)
        return UnsafeMutableRawBufferPointer(start: end, count: room &- tail)
    }

    /// Makes the first so many bytes of ``writable(atLeast:pool:)`` part of the contents.
    @inlinable
    public mutating func commit(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= room - tail, "more bytes than there was room for")
        tail &+= bytes
    }

    /// Removes bytes at the front.
    @inlinable
    public mutating func consume(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= count, "more bytes than there are")
        head &+= bytes
        if head == tail { (head, tail) = (0, 0) }
    }

    /// Removes bytes at the end, to take back an append.
    @inlinable
    public mutating func removeLast(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= count, "more bytes than there are")
        tail &-= bytes
        if head == tail { (head, tail) = (0, 0) }
    }

    /// Removes all bytes and keeps the memory.
    @inlinable
    public mutating func removeAll() { (head, tail) = (0, 0) }

    /// Shows the contents to a body, which must not keep the pointer.
    @inlinable
    public borrowing func withReadable<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(readable)
    }

    /// The contents, valid until the next call that changes the buffer.
    @inlinable public var readable: UnsafeRawBufferPointer {
        guard let base else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: base + head, count: count)
    }

    /// Gives the memory back if there is nothing in it, and keeps it otherwise.
    @inlinable
    public mutating func release(to pool: BufferPool? = nil) {
        guard isEmpty, let base else { return }
        free(base, pool: pool)
        (self.base, head, tail, room) = (nil, 0, 0, 0)
    }

    /// Moves a small remainder out of large memory, for a buffer that will rest for a while.
    ///
    /// Without it thousands of slow peers would each sit on a whole chunk for the sake of a few bytes.
    public mutating func compact(pool: BufferPool? = nil) {
        if isEmpty { return release(to: pool) }
        if room > 1024 && count <= room / 8 { move(toCapacity: max(count, 256), pool: pool) }
    }

    @inlinable var start: UnsafeMutableRawPointer {
        guard let base else { preconditionFailure("a buffer without memory has no bytes") }
        return base + head
    }

    @inlinable var end: UnsafeMutableRawPointer {
        guard let base else { preconditionFailure("a buffer without memory has no room") }
        return base + tail
    }
}
