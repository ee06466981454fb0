// SPDX-License-Identifier: Apache-2.0

/// Cuts a stream of bytes into frames, whatever pieces the bytes arrive in.
///
/// Invariants: the storage holds `storagePrefixBytes` free bytes and a frame's beginning and never a whole frame between two calls; nothing is
/// allocated for a body before its header passed the size check; without a frame's beginning there is no
/// storage, so that an idle session costs nothing.
public struct FrameAssembler: ~Copyable {
    /// The largest body that is accepted.
    private let maxBodyBytes: Int
    /// The largest body of the first frame, until that frame is complete.
    ///
    /// It is a limit of its own because the frames behind a handshake may arrive in the same piece as the
    /// handshake.
    private var firstBodyBytes: Int?
    private var storage: UnsafeMutableRawBufferPointer?
    private var filled = 0

    /// Makes an assembler that holds nothing.
    public init(maxBodyBytes: Int, firstBodyBytes: Int? = nil) {
        self.maxBodyBytes = maxBodyBytes
        self.firstBodyBytes = firstBodyBytes
    }

    deinit {
        storage?.deallocate()
    }

    /// Bytes of the frame under way that have arrived; 0 between frames.
    public var pendingBytes: Int { filled }

    /// Bytes left free in front of a frame's own storage, for the bookkeeping of who takes it over.
    public static let storagePrefixBytes = 16

    /// Bodies of this many bytes or more are received straight into their own storage, not through a
    /// session's read buffer.
    public static let directBodyBytes = 32 << 10

    /// Where the rest of a big frame under way can be received straight into; nil for a small one.
    ///
    /// After writing there, call `received`.
    public func directTarget() -> UnsafeMutableRawBufferPointer? {
        guard let storage, storage.count - Self.storagePrefixBytes >= Self.directBodyBytes else { return nil }
        return UnsafeMutableRawBufferPointer(rebasing: storage[(Self.storagePrefixBytes + filled)...])
    }

    /// One frame, complete.
    public struct Frame: ~Copyable {
        /// The header.
        public let header: FrameHeader
        /// The body; valid during the call that shows the frame, or for as long as the storage is held.
        public let body: UnsafeRawBufferPointer
        fileprivate var storage: UnsafeMutableRawBufferPointer?

        @usableFromInline
        init(header: FrameHeader, body: UnsafeRawBufferPointer, storage: UnsafeMutableRawBufferPointer?) {
            self.header = header
            self.body = body
            self.storage = storage
        }

        deinit { storage?.deallocate() }

        /// Takes the memory that holds the body, `storagePrefixBytes` free bytes first.
        ///
        /// Nil where the body lies in the bytes that were fed. It was allocated by `allocate(byteCount:alignment:)`
        /// and is the caller's to deallocate.
        public mutating func takeStorage() -> UnsafeMutableRawBufferPointer? {
            let taken = storage
            storage = nil
            return taken
        }
    }

    /// Says that `count` bytes were written to `directTarget`; shows the frame if it is complete.
    public mutating func received(
        _ count: Int, _ body: (inout Frame) throws(WireFault) -> Void
    ) throws(WireFault) {
        filled += count
        try showIfComplete(body)
    }

    /// Takes `bytes` and shows every frame that they complete; keeps the beginning of one that they don't.
    ///
    /// Returns how many bytes were taken: all, unless `most` frames were shown before. A fault in a header, or
    /// an error from `body`, ends the stream: what follows is not looked at.
    public mutating func feed(
        _ bytes: UnsafeRawBufferPointer, frames most: Int = .max,
        _ body: (inout Frame) throws(WireFault) -> Void
    ) throws(WireFault) -> Int {
        var offset = 0
        var shown = 0
        while offset < bytes.count, shown < most {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            if storage != nil {
                offset += fill(from: rest)
                if try showIfComplete(body) { shown += 1 }
                continue
            }
            guard let header = try Self.header(in: rest, maxBodyBytes: firstBodyBytes ?? maxBodyBytes) else {
                begin(expecting: FrameHeader.byteCount)
                offset += fill(from: rest)
                continue
            }
            let total = FrameHeader.byteCount + Int(header.length)
            guard rest.count >= total else {
                begin(expecting: total)
                offset += fill(from: rest)
                continue
            }
            offset += total
            shown += 1
            firstBodyBytes = nil
            var frame = Frame(
                header: header,
                body: UnsafeRawBufferPointer(rebasing: rest[FrameHeader.byteCount..<total]), storage: nil)
            try body(&frame)
        }
        return offset
    }

    /// Reads and checks the header at the start of `bytes`; nil where it is not all there.
    @inlinable
    public static func header(
        in bytes: UnsafeRawBufferPointer, maxBodyBytes: Int
    ) throws(WireFault) -> FrameHeader? {
        guard bytes.count >= FrameHeader.byteCount, let base = bytes.baseAddress else { return nil }
        let header = FrameHeader(reading: base)
        guard Int(header.length) <= maxBodyBytes else {
            throw tooLarge(header.length, maxBodyBytes)
        }
        return header
    }

    @usableFromInline static func tooLarge(_ length: UInt32, _ limit: Int) -> WireFault {
        WireFault(.frameTooLarge, "a body of \(length) bytes is over the limit of \(limit)")
    }

    private mutating func begin(expecting count: Int) {
        storage = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.storagePrefixBytes + count, alignment: 16)
        filled = 0
    }

    private mutating func fill(from source: UnsafeRawBufferPointer) -> Int {
        guard let storage, let base = storage.baseAddress, let from = source.baseAddress else { return 0 }
        let count = min(storage.count - Self.storagePrefixBytes - filled, source.count)
        (base + Self.storagePrefixBytes + filled).copyMemory(from: from, byteCount: count)
        filled += count
        return count
    }

    /// A stored header alone is replaced by storage for its whole frame; a whole frame is shown and let go.
    @discardableResult
    private mutating func showIfComplete(
        _ body: (inout Frame) throws(WireFault) -> Void
    ) throws(WireFault) -> Bool {
        guard let storage, filled >= FrameHeader.byteCount, let base = storage.baseAddress else {
            return false
        }
        let start = base + Self.storagePrefixBytes
        let bytes = UnsafeRawBufferPointer(start: start, count: filled)
        guard let header = try Self.header(in: bytes, maxBodyBytes: firstBodyBytes ?? maxBodyBytes) else {
            return false
        }
        let total = FrameHeader.byteCount + Int(header.length)
        if filled < total {
            if storage.count == Self.storagePrefixBytes + FrameHeader.byteCount {
                begin(expecting: total)
                _ = fill(from: bytes)
                storage.deallocate()
            }
            return false
        }
        self.storage = nil
        filled = 0
        firstBodyBytes = nil
        var frame = Frame(
            header: header,
            body: UnsafeRawBufferPointer(start: start + FrameHeader.byteCount, count: Int(header.length)),
            storage: storage)
        try body(&frame)
        return true
    }
}
