// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire
import ChandServer

/// A stream of bytes in pieces: the input begins with the number of cuts and a byte for each piece's length.
struct FuzzedStream {
    private let pieces: [UnsafeRawBufferPointer]
    private let whole: UnsafeRawBufferPointer
    /// Room for bodies that are received straight into their storage, and little more.
    private static let maxBodyBytes = FrameAssembler.directBodyBytes + 256

    init(_ input: UnsafeRawBufferPointer) {
        let count = min(Int(input.first ?? 0) & 7, max(input.count - 1, 0))
        let lengths = input.dropFirst().prefix(count)
        whole = UnsafeRawBufferPointer(rebasing: input.dropFirst(1 + count))
        var rest = whole
        pieces =
            lengths.map { length in
                let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Int(length)))
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(Int(length)))
                return piece
            } + [rest]
    }

    /// The frames do not depend on the pieces, and what a body says is what is said when that is written and read again.
    func decode() {
        var frames: [(FrameHeader, [UInt8])] = []
        let fault = Self.feed([whole]) { frames.append(($0, Array($1))) }
        var count = 0
        let other = Self.feed(pieces) { header, body in
            guard count < frames.count, frames[count].0 == header, frames[count].1.elementsEqual(body) else {
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
    func shakeHands() {
        // Without looking at the whole state each time, which is what the target `sessions` is for: many more fit in a second.
        var sessions = DetachedSessions(
            limits: BrokerLimits(), spaces: [], declared: [], maxMessageBytes: 1024, checksInvariants: false)
        let connection = sessions.connect(uid: 1000)
        var answers: [FrameType?] = []
        for piece in pieces {
            sessions.receive(piece, from: connection) { _, frames in
                answers += FuzzedStream.types(of: frames)
            }
        }
        let isGreeted = answers.first == .welcome
        guard isGreeted || answers.isEmpty || answers == [.goodbye],
            sessions.hasEnded(connection) == (answers.last == .goodbye),
            sessions.isGreeted(connection) == (isGreeted && answers.last != .goodbye)
        else { finding("answered with \(answers)") }
        guard sessions.removeAll() else { finding("something is left of the session") }
    }

    /// The types of frames that the daemon wrote, each of which a client can read.
    static func types(of frames: UnsafeRawBufferPointer) -> [FrameType?] {
        var types: [FrameType?] = []
        do throws(WireFault) {
            var assembler = FrameAssembler(maxBodyBytes: 1 << 20)
            let taken = try assembler.feed(frames) { frame throws(WireFault) in
                _ = try Reencoding.reencoded(frame.header, frame.body)
                types.append(frame.header.type)
            }
            guard taken == frames.count, assembler.pendingBytes == 0 else {
                finding("half a frame is written")
            }
        } catch {
            finding("the daemon writes what nobody can read: \(error)")
        }
        return types
    }
}
