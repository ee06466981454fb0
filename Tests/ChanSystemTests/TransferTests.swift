// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import Testing

@Suite("Reading and writing", .apart)
struct TransferTests {
    @Test("data, nothing yet and the end are told apart")
    func results() throws {
        let pair = try UnixSocket.pair()
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(buffer.withUnsafeMutableBytes { Transfer.read(pair.second.raw, into: $0) } == .wouldBlock)
        #expect(send([1, 2, 3], to: pair.first.raw) == .bytes(3))
        #expect(try UnixSocket.unreadBytes(pair.second.raw) == 3)
        #expect(try UnixSocket.unsentBytes(pair.first.raw) > 0)
        #expect(buffer.withUnsafeMutableBytes { Transfer.read(pair.second.raw, into: $0) } == .bytes(3))
        #expect(buffer[..<3] == [1, 2, 3])
        try UnixSocket.shutdown(pair.first.raw, .sending)
        #expect(buffer.withUnsafeMutableBytes { Transfer.read(pair.second.raw, into: $0) } == .endOfFile)
        #expect(
            buffer.withUnsafeMutableBytes { Transfer.read(-1, into: $0) }
                == .failed(SystemError.badDescriptor))
    }

    @Test("an empty buffer is not the end of the file")
    func emptyBuffer() throws {
        let pair = try UnixSocket.pair()
        let none = UnsafeMutableRawBufferPointer(start: nil, count: 0)
        #expect(Transfer.read(pair.first.raw, into: none) == .bytes(0))
        #expect(Transfer.read(pair.first.raw, into: none, then: none) == .bytes(0))
        #expect(Transfer.send(pair.first.raw, UnsafeRawBufferPointer(none)) == .bytes(0))
    }

    @Test("two buffers are filled in order")
    func readTwo() throws {
        let pair = try UnixSocket.pair()
        #expect(send([1, 2, 3, 4, 5], to: pair.first.raw) == .bytes(5))
        var first = [UInt8](repeating: 0, count: 2)
        var second = [UInt8](repeating: 0, count: 8)
        let result = first.withUnsafeMutableBytes { first in
            second.withUnsafeMutableBytes { Transfer.read(pair.second.raw, into: first, then: $0) }
        }
        #expect(result == .bytes(5))
        #expect(first == [1, 2])
        #expect(second[..<3] == [3, 4, 5])
    }

    @Test("pieces go out in order by one call")
    func pieces() throws {
        let pair = try UnixSocket.pair()
        let bytes = Array(UInt8(0)..<100)
        let plan = SystemFaults()
        let result = bytes.withUnsafeBytes { bytes in
            let pieces = (0..<100).map { UnsafeRawBufferPointer(rebasing: bytes[$0..<$0 + 1]) }
            return pieces.withUnsafeBufferPointer { pieces in
                plan.run { Transfer.send(pair.first.raw, pieces: pieces) }
            }
        }
        #expect(result == .bytes(Transfer.maxPieces))
        #expect(plan.count(.sendmsg) == 1)
        #expect(drain(pair.second.raw) == Array(bytes[..<64]))
    }

    @Test("a closed peer is an error and not a signal")
    func closedPeer() throws {
        let fd: Int32
        do {
            let pair = try UnixSocket.pair()
            fd = try pair.first.duplicate().take()
        }
        defer { Descriptor.close(fd) }
        #expect(send([1], to: fd) == .failed(SystemError.brokenPipe))
    }

    @Test(
        "an interrupted call is made again",
        arguments: [SystemCall.read, .readv, .write, .send, .sendmsg, .poll])
    func interrupted(call: SystemCall) throws {
        let pair = try UnixSocket.pair()
        #expect(send([9], to: pair.second.raw) == .bytes(1))
        var byte: [UInt8] = [0]
        let plan = SystemFaults([.init(call, times: 5, errno: SystemError.interrupted)])
        let result = try byte.withUnsafeMutableBytes { byte in
            try plan.run { () throws -> IOResult in
                let fd = pair.first.raw
                switch call {
                case .read: return Transfer.read(fd, into: byte)
                case .readv: return Transfer.read(fd, into: byte, then: byte)
                case .write: return Transfer.write(fd, UnsafeRawBufferPointer(byte))
                case .send: return Transfer.send(fd, UnsafeRawBufferPointer(byte))
                case .poll: return .bytes(try Transfer.wait(fd, for: .read).contains(.read) ? 1 : 0)
                default:
                    return [UnsafeRawBufferPointer(byte)].withUnsafeBufferPointer {
                        Transfer.send(fd, pieces: $0)
                    }
                }
            }
        }
        #expect(result == .bytes(1))
        #expect(plan.count(call) == 6)
        #expect(plan.forced == 5)
    }

    @Test("whole files are written, read, replaced and limited")
    func files() throws {
        try withScratchDirectory { directory in
            let path = directory + "/f"
            var random = SeededRandom(seed: 1)
            let bytes = randomBytes(100_000, &random)
            try Files.write(bytes, to: path, permissions: 0o600)
            #expect(try Files.read(path, limit: 100_000) == bytes)
            let tooBig = failure { () throws(SystemError) in _ = try Files.read(path, limit: 99_999) }
            #expect(tooBig?.subject == path)
            try Files.write([1], to: path, .append)
            #expect(try Files.read(path).count == 100_001)
            let failed = failure { () throws(SystemError) in
                try SystemFaults.fail(.write, errno: SystemError.noMemory) { () throws(SystemError) in
                    try Files.replace(path, with: [2])
                }
            }
            #expect(failed?.errno == SystemError.noMemory)
            #expect(try Files.names(in: directory) == ["f"])
            try Files.replace(path, with: [2])
            #expect(try Files.read(path) == [2])
        }
    }

    @Test("an owner closes once, and not what was taken from it")
    func ownership() throws {
        let plan = SystemFaults()
        let taken = try plan.run { () throws(SystemError) -> Int32 in
            let pipe = try Descriptor.pipe()
            return pipe.reading.take()
        }
        #expect(plan.count(.close) == 1)
        Descriptor.close(taken)
    }
}
