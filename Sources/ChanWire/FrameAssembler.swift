// SPDX-License-Identifier: Apache-2.0

/// Cuts a stream of bytes into frames, whatever pieces the bytes arrive in.
///
/// Invariants: the storage holds a frame's beginning and never a whole frame between two calls; nothing is
/// allocated for a body before its header passed the size check; without a frame's beginning there is no
/// storage, so that an idle session costs nothing.
public struct FrameAssembler: ~Copyable {
    /// The largest body that is accepted.
    public var maxBodyBytes: Int
    /// The largest body of the first frame, until that frame is complete.
    ///
    /// It is a limit of its own because the frames behind a handshake may arrive in the same piece as the
    /// handshake: whoever raised `maxBodyBytes` after `feed` would refuse them or not as the pieces fall.
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

    /// Where the rest of a large frame under way can be received straight into.
    ///
    /// It is there where that pays: for frames of `directBodyBytes` or more, header included. After
    /// writing there, call `received`.
    public func directTarget() -> UnsafeMutableRawBufferPointer? {
        guard let storage, storage.count >= Self.directBodyBytes else { return nil }
        return UnsafeMutableRawBufferPointer(rebasing: storage[filled...])
    }

    /// Frames of this many bytes or more are not copied through the session's read buffer.
    public static let directBodyBytes = 32 << 10

    /// Says that `count` bytes were written to `directTarget`; runs the frame if it is complete.
    public mutating func received<Failure: Error>(
        _ count: Int, _ body: (FrameHeader, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        filled += count
        try runIfComplete(body)
    }

    /// Takes `bytes`, runs `body` for every frame that they complete, and keeps what is left over.
    ///
    /// The body's bytes are valid during the call only. A fault in a header, or an error from `body`, ends
    /// the stream: what follows is not looked at.
    public mutating func feed(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws(WireFault) -> Void
    ) throws(WireFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if storage == nil {
                let input = UnsafeRawBufferPointer(rebasing: rest)
                guard let header = try Self.header(in: input, maxBodyBytes: limit) else {
                    begin(expecting: FrameHeader.byteCount)
                    rest = fill(from: rest)
                    continue
                }
                let total = FrameHeader.byteCount + Int(header.length)
                guard input.count >= total else {
                    begin(expecting: total)
                    rest = fill(from: rest)
                    continue
                }
                rest = rest.dropFirst(total)
                firstBodyBytes = nil
                try body(header, UnsafeRawBufferPointer(rebasing: input[FrameHeader.byteCount..<total]))
            } else {
                rest = fill(from: rest)
                try runIfComplete(body, growing: limit)
            }
        }
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

    private var limit: Int { firstBodyBytes ?? maxBodyBytes }

    private mutating func begin(expecting count: Int) {
        storage = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        filled = 0
    }

    private mutating func fill(
        from source: Slice<UnsafeRawBufferPointer>
    ) -> Slice<UnsafeRawBufferPointer> {
        guard let storage, let target = storage.baseAddress else { return source }
        let count = min(storage.count - filled, source.count)
        if count > 0 {
            let piece = UnsafeRawBufferPointer(rebasing: source.prefix(count))
            UnsafeMutableRawBufferPointer(start: target + filled, count: count).copyMemory(from: piece)
            filled += count
        }
        return source.dropFirst(count)
    }

    /// A stored header alone is replaced by storage for its whole frame; a whole frame is run and let go.
    private mutating func runIfComplete(
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws(WireFault) -> Void, growing limit: Int
    ) throws(WireFault) {
        if let storage, filled == FrameHeader.byteCount, storage.count == FrameHeader.byteCount {
            let bytes = UnsafeRawBufferPointer(storage)
            if let header = try Self.header(in: bytes, maxBodyBytes: limit), header.length > 0 {
                let larger = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: FrameHeader.byteCount + Int(header.length), alignment: 16)
                larger.copyMemory(from: bytes)
                storage.deallocate()
                self.storage = larger
                return
            }
        }
        try runIfComplete(body)
    }

    private mutating func runIfComplete<Failure: Error>(
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        guard let storage, filled == storage.count, let base = storage.baseAddress else { return }
        self.storage = nil
        filled = 0
        firstBodyBytes = nil
        defer { storage.deallocate() }
        try body(
            FrameHeader(reading: base),
            UnsafeRawBufferPointer(rebasing: storage[FrameHeader.byteCount...]))
    }
}
