// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Cuts what a connection receives into frames that stay where they were read.
///
/// Invariants: `0 <= start <= end <= chunk.capacity`; the bytes in `start..<end` have not been cut yet; bytes
/// below `end` are never written again while somebody holds a slice of the chunk.
struct FrameReader: ~Copyable {
    /// Bytes of a body beyond which the daemon's word is not believed: no configuration allows more.
    static let maxBodyBytes =
        WireLimits.hardMaxMessageBytes + WireLimits.bodyOverheadBytes + WireLimits.receiveBatchBytes
    /// Less free room than this at the end of a chunk is not worth a system call.
    private static let leastRoom = 8 << 10

    /// A frame whose body lies in `chunk`.
    struct Frame {
        /// The frame's header.
        var header: FrameHeader
        /// Where the body begins.
        var offset: Int
        /// Bytes of the body.
        var count: Int { Int(header.length) }
    }

    /// Where the frames cut last lie.
    private(set) var chunk: Chunk
    private var start = 0
    private var end = 0
    private let pool: ChunkPool

    init() {
        pool = ChunkPool()
        chunk = Chunk(from: pool)
    }

    /// Free memory to receive into; what is then there is announced with `received`.
    mutating func room() -> UnsafeMutableRawBufferPointer {
        let pending = end - start
        let needed = wanted()
        if pending == 0, chunk.capacity == Chunk.standardBytes, isKnownUniquelyReferenced(&chunk) {
            start = 0
            end = 0
        } else if start + needed > chunk.capacity || chunk.capacity - end < min(Self.leastRoom, needed) {
            move(pending, capacity: max(needed, Chunk.standardBytes))
        }
        return UnsafeMutableRawBufferPointer(start: chunk.base + end, count: chunk.capacity - end)
    }

    /// Says that `count` bytes were written to `room`.
    mutating func received(_ count: Int) { end += count }

    /// Cuts the next frame off, if it is all there.
    mutating func next() throws(WireFault) -> Frame? {
        let bytes = UnsafeRawBufferPointer(start: chunk.base + start, count: end - start)
        guard let header = try FrameAssembler.header(in: bytes, maxBodyBytes: Self.maxBodyBytes),
            bytes.count >= FrameHeader.byteCount + Int(header.length)
        else { return nil }
        let frame = Frame(header: header, offset: start + FrameHeader.byteCount)
        start += FrameHeader.byteCount + frame.count
        return frame
    }

    /// Bytes that the frame under way has in all, as far as that is known.
    private func wanted() -> Int {
        guard end - start >= FrameHeader.byteCount else { return FrameHeader.byteCount }
        return FrameHeader.byteCount + Int(FrameHeader(reading: chunk.base + start).length)
    }

    /// Goes on in another chunk, with the beginning of the frame under way.
    private mutating func move(_ pending: Int, capacity: Int) {
        let next = capacity == Chunk.standardBytes ? Chunk(from: pool) : Chunk(capacity: capacity)
        next.base.copyMemory(from: chunk.base + start, byteCount: pending)
        chunk = next
        start = 0
        end = pending
    }
}
