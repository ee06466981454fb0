// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// What became of one read or write.
@frozen
public enum IOResult: Sendable, Equatable {
    /// So many bytes were moved; fewer than asked for is usual.
    case bytes(Int)
    /// The other side sends nothing more. Reads only.
    case endOfFile
    /// A non-blocking descriptor has nothing to read, or no room to write.
    case wouldBlock
    /// The call failed with this error number.
    case failed(Int32)
}

/// Reads and writes by descriptor number: they allocate nothing, throw nothing, and go on after interruptions.
public enum Transfer {
    /// The most pieces that one call to ``send(_:pieces:)`` takes.
    public static let maxPieces = 64

    /// Reads at most as much as the buffer holds; an empty buffer reads nothing.
    public static func read(_ fd: Int32, into buffer: UnsafeMutableRawBufferPointer) -> IOResult {
        if buffer.isEmpty { return .bytes(0) }
        return received(retrying(.read) { Glibc.read(fd, buffer.baseAddress, buffer.count) })
    }

    /// Reads into one buffer and, when that is full, into the next, by one call.
    public static func read(
        _ fd: Int32, into first: UnsafeMutableRawBufferPointer, then second: UnsafeMutableRawBufferPointer
    ) -> IOResult {
        if first.isEmpty && second.isEmpty { return .bytes(0) }
        var vectors = (
            iovec(iov_base: first.baseAddress, iov_len: first.count),
            iovec(iov_base: second.baseAddress, iov_len: second.count)
        )
        let result = retrying(.readv) {
            withUnsafeBytes(of: &vectors) {
                Glibc.readv(fd, $0.assumingMemoryBound(to: iovec.self).baseAddress, 2)
            }
        }
        return received(result)
    }

    /// Writes to any descriptor; to a socket rather ``send(_:_:)``, which raises no SIGPIPE.
    public static func write(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        if bytes.isEmpty { return .bytes(0) }
        return sent(retrying(.write) { Glibc.write(fd, bytes.baseAddress, bytes.count) })
    }

    /// Writes to a socket, without SIGPIPE.
    public static func send(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) -> IOResult {
        if bytes.isEmpty { return .bytes(0) }
        return sent(retrying(.send) { chan_send(fd, bytes.baseAddress, bytes.count) })
    }

    /// Writes several pieces to a socket by one call, without SIGPIPE; of more than ``maxPieces`` the first ones.
    public static func send(_ fd: Int32, pieces: UnsafeBufferPointer<UnsafeRawBufferPointer>) -> IOResult {
        withUnsafeTemporaryAllocation(of: chan_piece.self, capacity: maxPieces) { list in
            let used = min(pieces.count, maxPieces)
            for (index, piece) in pieces.prefix(used).enumerated() {
                list.initializeElement(
                    at: index, to: chan_piece(bytes: piece.baseAddress, count: piece.count))
            }
            return send(fd, UnsafeBufferPointer(rebasing: list[..<used]))
        }
    }

    static func send(_ fd: Int32, _ pieces: UnsafeBufferPointer<chan_piece>) -> IOResult {
        sent(retrying(.sendmsg) { chan_sendmsg(fd, pieces.baseAddress, pieces.count) })
    }

    /// Blocks until the descriptor is ready or the deadline, an instant of ``MonotonicClock``, has passed.
    ///
    /// - Returns: what it is ready for; empty at the deadline. A hang-up counts as ready.
    public static func wait(
        _ fd: Int32, for interest: Interest, until deadline: UInt64? = nil
    ) throws(SystemError) -> Readiness {
        while true {
            let left = deadline.map { remaining($0) } ?? -1
            var ready: UInt32 = 0
            let count = once(.poll) { chan_poll_one(fd, interest.rawValue, left, &ready) }
            if count >= 0 { return Readiness(rawValue: ready) }
            let number = chan_errno()
            guard number == SystemError.interrupted else {
                throw SystemError(errno: number, call: .poll)
            }
        }
    }

    /// Writes all bytes to any descriptor, blocking as long as it takes, also on a non-blocking one.
    public static func writeAll(_ fd: Int32, _ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            switch write(fd, rest) {
            case .bytes(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .wouldBlock: _ = try wait(fd, for: .write)
            case .failed(let number): throw SystemError(errno: number, call: .write)
            case .endOfFile: throw SystemError(errno: SystemError.brokenPipe, call: .write)
            }
        }
    }

    /// Reads until the end of the file, blocking as long as it takes, also on a non-blocking descriptor.
    ///
    /// - Throws: `EFBIG` if there are more than `limit` bytes.
    public static func readAll(_ fd: Int32, limit: Int = .max) throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            switch chunk.withUnsafeMutableBytes({ read(fd, into: $0) }) {
            case .bytes(let count):
                guard count <= limit - all.count else { throw SystemError(errno: EFBIG, call: .read) }
                all.append(contentsOf: chunk[..<count])
            case .endOfFile: return all
            case .wouldBlock: _ = try wait(fd, for: .read)
            case .failed(let number): throw SystemError(errno: number, call: .read)
            }
        }
    }

    private static func received(_ result: Int) -> IOResult {
        if result > 0 { return .bytes(result) }
        return result == 0 ? .endOfFile : failure()
    }

    private static func sent(_ result: Int) -> IOResult { result >= 0 ? .bytes(result) : failure() }

    private static func failure() -> IOResult {
        let number = chan_errno()
        return number == SystemError.wouldBlock ? .wouldBlock : .failed(number)
    }
}

/// The nanoseconds until an instant, 0 if it has passed; as the C side takes them.
func remaining(_ deadline: UInt64) -> Int64 {
    let now = MonotonicClock.now()
    return deadline <= now ? 0 : Int64(clamping: deadline - now)
}
