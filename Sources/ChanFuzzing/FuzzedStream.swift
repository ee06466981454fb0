// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire
import ChandServer
import Glibc

/// A stream of bytes in pieces: the input begins with the number of cuts and a byte for each piece's length.
struct FuzzedStream {
    private let pieces: [UnsafeRawBufferPointer]
    private let whole: UnsafeRawBufferPointer
    /// Room for bodies that are received straight into their storage, and little more.
    private static let maxBodyBytes = FrameAssembler.directBodyBytes + 256

    init(_ input: UnsafeRawBufferPointer) {
        let count = min(Int(input.first ?? 0) & 7, max(input.count - 1, 0))
        var start = min(1 + count, input.count)
        whole = UnsafeRawBufferPointer(rebasing: input[start...])
        var pieces: [UnsafeRawBufferPointer] = []
        for cut in 0..<count {
            let end = min(start + Int(input[1 + cut]), input.count)
            pieces.append(UnsafeRawBufferPointer(rebasing: input[start..<end]))
            start = end
        }
        pieces.append(UnsafeRawBufferPointer(rebasing: input[start...]))
        self.pieces = pieces
    }

    /// The frames do not depend on the pieces, and what a body says is what is said when that is written and read again.
    func decode() {
        var frames: [(FrameHeader, [UInt8])] = []
        let fault = Self.feed([whole]) { frames.append(($0, Array($1))) }
        var count = 0
        let other = Self.feed(pieces) { header, body in
            guard count < frames.count, frames[count].0 == header, Self.areEqual(frames[count].1, body) else {
                finding("frame \(count) depends on the pieces")
            }
            count += 1
        }
        guard count == frames.count, fault == other else { finding("the end depends on the pieces") }
        for (header, body) in frames {
            guard let once = try? body.withUnsafeBytes({ try Reencoding.reencoded(header, $0) }) else {
                continue
            }
            guard (try? Reencoding.frame(once)) == once else { finding("\(header) reads \(once) otherwise") }
        }
    }

    private static func areEqual(_ one: [UInt8], _ other: UnsafeRawBufferPointer) -> Bool {
        guard one.count == other.count, let start = other.baseAddress else { return one.count == other.count }
        return one.withUnsafeBytes { $0.baseAddress.map { memcmp($0, start, other.count) == 0 } ?? true }
    }

    private static func feed(
        _ pieces: [UnsafeRawBufferPointer], _ show: (FrameHeader, UnsafeRawBufferPointer) -> Void
    ) -> WireFault? {
        var assembler = FrameAssembler(
            maxBodyBytes: maxBodyBytes, firstBodyBytes: WireLimits.maxHandshakeBodyBytes)
        do throws(WireFault) {
            for var piece in pieces {
                if let direct = assembler.directTarget() {
                    let count = min(direct.count, piece.count)
                    direct.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece[..<count]))
                    try assembler.received(count) { frame throws(WireFault) in show(frame.header, frame.body)
                    }
                    piece = UnsafeRawBufferPointer(rebasing: piece[count...])
                }
                _ = try assembler.feed(piece) { frame throws(WireFault) in show(frame.header, frame.body) }
            }
            return nil
        } catch {
            return error
        }
    }

    /// A connection gets either WELCOME and a session, or an end that says why, or waits for more.
    ///
    /// Afterwards the sessions are as before.
    func shakeHands(with sessions: inout DetachedSessions) {
        let connection = sessions.connect(uid: 1000)
        var answers: [FrameType?] = []
        for piece in pieces {
            sessions.receive(piece, from: connection) { _, frames in
                FuzzedStream.forEachType(of: frames) { answers.append($0) }
            }
        }
        let isGreeted = answers.first == .welcome
        guard isGreeted || answers.isEmpty || answers == [.goodbye],
            sessions.hasEnded(connection) == (answers.last == .goodbye),
            sessions.isGreeted(connection) == (isGreeted && answers.last != .goodbye)
        else { finding("answered with \(answers)") }
        guard sessions.removeAll() else { finding("something is left of the session") }
    }

    /// Shows the types of frames that the daemon wrote, each of which a client can read.
    static func forEachType(of frames: UnsafeRawBufferPointer, _ show: (FrameType?) -> Void) {
        do throws(WireFault) {
            var assembler = FrameAssembler(maxBodyBytes: 1 << 20)
            let taken = try assembler.feed(frames) { frame throws(WireFault) in
                _ = try Reencoding.reencoded(frame.header, frame.body)
                show(frame.header.type)
            }
            guard taken == frames.count, assembler.pendingBytes == 0 else {
                finding("half a frame is written")
            }
        } catch {
            finding("the daemon writes what nobody can read: \(error)")
        }
    }
}
