// SPDX-License-Identifier: Apache-2.0

import CChanSystem

/// The output of one session: small frames copied into one buffer, big bodies referenced where they lie.
///
/// Each reference remembers at which position of the copied bytes it comes, so the queue is a plain byte buffer with
/// a list of insertions, and a session without big bodies never has the list. An idle queue holds no memory.
///
/// Invariants: references are in the order of their positions; a position lies between the number of bytes consumed
/// so far and that plus the bytes queued; `firstSent` bytes of the first reference are written, fewer than it has.
///
/// Unchecked for the references, which the one owner keeps alive until they are released.
public struct WriteQueue: ~Copyable, @unchecked Sendable {
    @usableFromInline
    struct Reference {
        @usableFromInline let bytes: UnsafeRawBufferPointer
        @usableFromInline let position: UInt64
        @usableFromInline let token: UInt64

        @inlinable
        init(bytes: UnsafeRawBufferPointer, position: UInt64, token: UInt64) {
            self.bytes = bytes
            self.position = position
            self.token = token
        }
    }

    /// What became of one flush.
    @frozen
    public enum FlushResult: Sendable, Equatable {
        /// The queue is empty.
        case done
        /// One call's worth is written and there is more; the socket may well take it.
        case more
        /// The socket takes nothing more for now: wait until it is writable.
        case wouldBlock
        /// The connection is of no use any more; the error number says why.
        case failed(Int32)
    }

    /// The small frames: encoders append to it, nobody but the queue consumes from it.
    public var bytes = GrowableBytes()
    @usableFromInline var references: [Reference] = []
    @usableFromInline var first = 0
    @usableFromInline var firstSent = 0
    @usableFromInline var consumed: UInt64 = 0
    @usableFromInline var referencedBytes = 0

    /// Makes an empty queue without memory.
    @inlinable
    public init() {}

    /// How many bytes are still to be written.
    @inlinable public var count: Int { bytes.count &+ referencedBytes }
    /// How many bytes of memory the queue holds, with what it refers to.
    @inlinable public var heldBytes: Int { bytes.capacity &+ referencedBytes }
    /// Whether there is nothing to write and nothing to release.
    @inlinable public var isEmpty: Bool { bytes.isEmpty && first == references.count }
    /// How many references have not been released.
    @inlinable public var referenceCount: Int { references.count &- first }

    /// Where the first copied byte that is not written stands among all that were ever appended.
    @inlinable public var start: UInt64 { consumed }
    /// Where the next copied byte will stand among all that were ever appended.
    @inlinable public var end: UInt64 { consumed &+ UInt64(bytes.count) }

    /// Appends bytes by reference, in order with what was copied before and after.
    ///
    /// They must stay where they are until the queue gives the token back, which it does exactly once.
    @inlinable
    public mutating func appendReference(_ body: UnsafeRawBufferPointer, token: UInt64) {
        references.append(Reference(bytes: body, position: end, token: token))
        referencedBytes &+= body.count
    }

    /// Writes as much as the socket takes by one call, at most 64 pieces; never blocks on a non-blocking socket.
    ///
    /// - Parameters:
    ///   - pool: where the memory of the small frames goes once they are written.
    ///   - release: gets the token of every reference that is completely written, in order.
    public mutating func flush(
        to fd: Int32, pool: BufferPool? = nil, release: (UInt64) -> Void
    ) -> FlushResult {
        let (result, offered) = count > 0 ? write(to: fd) : (.bytes(0), offered: 0)
        if case .failed(let number) = result { return .failed(number) }
        var written = 0
        if case .bytes(let count) = result { written = count }
        advance(by: written, release: release)
        settle(pool)
        if isEmpty { return .done }
        // Less than we offered means a full socket; asking again now would only cost a call.
        if written == offered { return .more }
        bytes.compact(pool: pool)
        return .wouldBlock
    }

    /// Forgets everything queued, for a connection that has ended; the references' tokens go to `release`.
    public mutating func dropAll(pool: BufferPool? = nil, release: (UInt64) -> Void) {
        for reference in references[first...] { release(reference.token) }
        consumed &+= UInt64(bytes.count)
        bytes.removeAll()
        (references, first, firstSent, referencedBytes) = ([], 0, 0, 0)
        settle(pool)
    }

    private func write(to fd: Int32) -> (IOResult, offered: Int) {
        if referenceCount == 0 { return (Transfer.send(fd, bytes.readable), bytes.count) }
        return withUnsafeTemporaryAllocation(of: chan_piece.self, capacity: Transfer.maxPieces) { pieces in
            var offered = 0
            let used = gather(into: pieces, offered: &offered)
            return (Transfer.send(fd, UnsafeBufferPointer(rebasing: pieces[..<used])), offered)
        }
    }

    /// Lists the pieces in order: the copied bytes before a reference, the reference, and so on.
    private func gather(into pieces: UnsafeMutableBufferPointer<chan_piece>, offered: inout Int) -> Int {
        var used = 0
        var position = 0
        let copied = bytes.readable
        func add(_ piece: UnsafeRawBufferPointer) {
            if piece.isEmpty || used == pieces.count { return }
            pieces.initializeElement(
                at: used, to: chan_piece(bytes: piece.baseAddress, count: piece.count))
            used += 1
            offered += piece.count
        }
        var index = first
        while index < references.count && used < pieces.count {
            let reference = references[index]
            let end = Int(reference.position &- consumed)
            add(UnsafeRawBufferPointer(rebasing: copied[position..<end]))
            position = end
            let sent = index == first ? firstSent : 0
            add(UnsafeRawBufferPointer(rebasing: reference.bytes[sent...]))
            index += 1
        }
        if index == references.count { add(UnsafeRawBufferPointer(rebasing: copied[position...])) }
        return used
    }

    /// Takes written bytes off the front and releases the references that are through.
    private mutating func advance(by written: Int, release: (UInt64) -> Void) {
        var left = written
        while first < references.count {
            let reference = references[first]
            let before = min(Int(reference.position &- consumed), left)
            take(before)
            left -= before
            if reference.position != consumed { return }
            let part = min(reference.bytes.count - firstSent, left)
            firstSent += part
            referencedBytes -= part
            left -= part
            if firstSent < reference.bytes.count { return }
            first += 1
            firstSent = 0
            release(reference.token)
        }
        take(left)
    }

    private mutating func take(_ count: Int) {
        bytes.consume(count)
        consumed &+= UInt64(count)
    }

    /// Gives back memory that is not needed any more.
    private mutating func settle(_ pool: BufferPool?) {
        bytes.release(to: pool)
        if first == references.count {
            if !references.isEmpty { references = [] }
            first = 0
        } else if first >= 64 && first * 2 >= references.count {
            references.removeFirst(first)
            first = 0
        }
    }
}
