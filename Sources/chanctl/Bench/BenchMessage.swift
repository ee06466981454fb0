// SPDX-License-Identifier: Apache-2.0

package import Channels
import Glibc

/// A message of a measurement: which one it is.
///
/// Header, pattern and tail say whether it came whole.
package struct BenchMessage: Sendable, Equatable {
    package var sequence: UInt64
    package var producer: UInt32

    package init(sequence: UInt64, producer: UInt32) {
        self.sequence = sequence
        self.producer = producer
    }

    /// A number that no other message has: the sum of these finds what was lost or came twice.
    @inline(__always)
    var mark: UInt64 { Self.mix(sequence &+ 1) ^ Self.mix(UInt64(producer) + 77) >> 7 }

    @inline(__always)
    static func mix(_ value: UInt64) -> UInt64 { value &* 0x9E37_79B9_7F4A_7C15 }
}

/// Writes the peers' messages: 8 bytes of number, 4 of producer, 4 of length, a pattern, 8 of tail; and checks on the
/// other side length, header, tail and a word of every cache line.
///
/// Unchecked, because one thread encodes: the one that all tasks of the sending client run on, or the blocking client's.
package struct BenchCodec: ChanCodec, @unchecked Sendable {
    /// The least that header and tail fit into.
    static let leastBytes = 24

    private let template: UnsafeMutableRawBufferPointer
    /// Keeps the template for all copies.
    private let memory: Memory

    private final class Memory {
        let bytes: UnsafeMutableRawBufferPointer

        init(byteCount: Int) { bytes = .allocate(byteCount: byteCount, alignment: 64) }

        deinit { bytes.deallocate() }
    }

    package init(payload: Int) {
        memory = Memory(byteCount: payload)
        template = memory.bytes
        template.initializeMemory(as: UInt8.self, repeating: 0)
        for word in 0..<payload / 8 {
            template.storeBytes(of: BenchMessage.mix(UInt64(word)), toByteOffset: word * 8, as: UInt64.self)
        }
    }

    package func encode(_ message: BenchMessage, into writer: inout MessageWriter) {
        let count = template.count
        template.storeBytes(of: message.sequence, toByteOffset: 0, as: UInt64.self)
        template.storeBytes(of: message.producer, toByteOffset: 8, as: UInt32.self)
        template.storeBytes(of: UInt32(truncatingIfNeeded: count), toByteOffset: 12, as: UInt32.self)
        template.storeBytes(of: message.mark, toByteOffset: count - 8, as: UInt64.self)
        writer.append(UnsafeRawBufferPointer(template))
    }

    package func decode(_ message: MessageBytes) throws -> BenchMessage {
        try message.withUnsafeBytes { bytes in
            let count = template.count
            guard bytes.count == count else {
                throw BenchFault("a message of \(bytes.count) bytes instead of \(count)")
            }
            let read = BenchMessage(
                sequence: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                producer: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
            let length = bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self)
            let tail = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
            var isWhole =
                Int(length) == count && tail == read.mark && read.producer < UInt32(BenchBoard.mostRoles)
            var word = 2 + Int(read.sequence % 4)
            while word < count / 8 - 1 {
                let found = bytes.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)
                isWhole = isWhole && found == BenchMessage.mix(UInt64(word))
                word += 8
            }
            guard isWhole else { throw BenchFault("the content of a message is wrong") }
            return read
        }
    }
}

/// Why a measurement is worth nothing.
package struct BenchFault: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// The order in which one consumer got what each producer sent.
package struct BenchArrivals {
    private var next = [UInt64](repeating: 0, count: BenchBoard.mostRoles)
    /// Nobody else takes of the same channels: then nothing may be left out.
    let isAlone: Bool

    package init(isAlone: Bool) { self.isAlone = isAlone }

    @inline(__always)
    package mutating func take(_ message: BenchMessage) throws {
        let expected = next[Int(message.producer)]
        guard isAlone ? message.sequence == expected : message.sequence >= expected else {
            throw BenchFault(
                "order: of producer \(message.producer) came \(message.sequence) instead of \(expected)")
        }
        next[Int(message.producer)] = message.sequence + 1
    }
}
