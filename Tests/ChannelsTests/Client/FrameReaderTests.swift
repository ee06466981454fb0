// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Testing

@testable import Channels

/// The same frames come out, in whatever pieces the bytes come in.
@Suite struct FrameReaderTests {
    private static let bodies: [[UInt8]] = [
        [], [1], Array(2..<50), [], Array(repeating: 7, count: 300), [8, 9],
    ]

    private static let stream = bodies.enumerated().flatMap { index, body in
        var writer = WireWriter(.received, request: UInt64(index + 1))
        writer.raw(body)
        return writer.finish()
    }

    /// Feeds bytes in pieces and returns the bodies of the frames, with slices of them held or not.
    private func read(_ bytes: [UInt8], pieces: [Int], holding: Bool) throws -> [[UInt8]] {
        var reader = FrameReader()
        var bodies: [[UInt8]] = []
        var held: [(MessageBytes, [UInt8])] = []
        var offset = 0
        var pieces = pieces[...]
        while offset < bytes.count {
            let room = reader.room()
            #expect(!room.isEmpty)
            let count = min(room.count, bytes.count - offset, pieces.popFirst() ?? .max)
            room.copyBytes(from: bytes[offset..<offset + count])
            offset += count
            reader.received(count)
            while let frame = try reader.next() {
                let slice = MessageBytes(chunk: reader.chunk, offset: frame.offset, count: frame.count)
                bodies.append(Array(slice))
                if holding { held.append((slice, Array(slice))) }
            }
        }
        for (slice, copy) in held { #expect(Array(slice) == copy, "a held slice was overwritten") }
        return bodies
    }

    @Test func everySplitGivesTheSameFrames() throws {
        for split in 0...Self.stream.count {
            #expect(try read(Self.stream, pieces: [split], holding: false) == Self.bodies)
        }
        #expect(try read(Self.stream, pieces: .init(repeating: 1, count: 1000), holding: true) == Self.bodies)
    }

    @Test func framesLargerThanAChunk() throws {
        let large = [UInt8](unsafeUninitializedCapacity: 400_000) { buffer, count in
            for index in 0..<400_000 { buffer[index] = UInt8(truncatingIfNeeded: index &* 31) }
            count = 400_000
        }
        var writer = WireWriter(.received, request: 1)
        writer.raw(large)
        let bytes = Self.stream + writer.finish() + Self.stream
        for pieces in [[], [100_000, 5, 300_000], [Self.stream.count + 16], [Self.stream.count + 7]] {
            #expect(try read(bytes, pieces: pieces, holding: true) == Self.bodies + [large] + Self.bodies)
        }
    }

    @Test func longStreamsWithSlicesHeld() throws {
        let bytes = Array(repeatElement(Self.stream, count: 1500).joined())
        let expected = Array(repeatElement(Self.bodies, count: 1500).joined())
        #expect(try read(bytes, pieces: [], holding: true) == expected)
        #expect(try read(bytes, pieces: .init(repeating: 1013, count: 1000), holding: false) == expected)
    }

    @Test func absurdLengthsAreRefused() throws {
        var reader = FrameReader()
        let memory = try #require(reader.room().baseAddress)
        FrameHeader(.received, length: 1 << 30).write(to: memory)
        reader.received(FrameHeader.byteCount)
        var fault: WireFault?
        do { _ = try reader.next() } catch { fault = error }
        #expect(fault?.code == .frameTooLarge)
    }
}
