// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Glibc

/// Compares the frames that an assembler hands out with the stream that it was fed, without copying them.
struct StreamCheck {
    let stream: UnsafeRawBufferPointer
    /// The offset in `stream` at which each frame ends.
    let ends: [Int]
    private(set) var frames = 0
    private(set) var problem: String?

    init(_ stream: UnsafeRawBufferPointer, ends: [Int]) {
        self.stream = stream
        self.ends = ends
    }

    /// Whether exactly the frames of the stream came, in order.
    var isComplete: Bool { problem == nil && frames == ends.count }

    mutating func take(_ header: FrameHeader, _ body: UnsafeRawBufferPointer) {
        guard problem == nil else { return }
        guard frames < ends.count, let base = stream.baseAddress else {
            problem = "more frames than were sent"
            return
        }
        let start = frames == 0 ? 0 : ends[frames - 1]
        if start + FrameHeader.byteCount + body.count != ends[frames] {
            problem = "frame \(frames) has \(body.count) bytes"
        } else if header != FrameHeader(reading: base + start) {
            problem = "frame \(frames) has another header"
        } else if let bytes = body.baseAddress, body.count > 0,
            memcmp(bytes, base + start + FrameHeader.byteCount, body.count) != 0
        {
            problem = "frame \(frames) has another body"
        }
        frames += 1
    }

    /// Whether the stream, fed in the pieces that end at `cuts` and at its end, gives its frames.
    ///
    /// With `direct`, what the assembler wants to have received straight into its storage goes there.
    static func holds(
        _ stream: UnsafeRawBufferPointer, ends: [Int], cuts: [Int], direct: Bool = false
    ) throws(WireFault) -> StreamCheck {
        var check = StreamCheck(stream, ends: ends)
        var assembler = FrameAssembler(maxBodyBytes: 2 << 20)
        var start = 0
        for cut in cuts + [stream.count] {
            var piece = UnsafeRawBufferPointer(rebasing: stream[start..<cut])
            start = cut
            while direct, !piece.isEmpty, let target = assembler.directTarget() {
                let count = min(target.count, piece.count)
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece.prefix(count)))
                try assembler.received(count) { frame throws(WireFault) in
                    check.take(frame.header, frame.body)
                }
                piece = UnsafeRawBufferPointer(rebasing: piece.dropFirst(count))
            }
            _ = try assembler.feed(piece) { frame throws(WireFault) in check.take(frame.header, frame.body) }
        }
        if assembler.pendingBytes != 0 { check.problem = "\(assembler.pendingBytes) bytes are left" }
        return check
    }

    /// Calls `body` with the frames as one stream and the offsets at which they end.
    static func withStream<Failure: Error>(
        of frames: [[UInt8]], _ body: (UnsafeRawBufferPointer, [Int]) throws(Failure) -> Void
    ) throws(Failure) {
        var ends: [Int] = []
        var stream: [UInt8] = []
        for frame in frames {
            stream += frame
            ends.append(stream.count)
        }
        let result: Result<Void, Failure> = stream.withUnsafeBytes { bytes in
            do throws(Failure) {
                return .success(try body(bytes, ends))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}
