// SPDX-License-Identifier: Apache-2.0

import CChanSystem
import Glibc

/// The owner of a file descriptor, which closes it when it goes.
///
/// Every descriptor made by this target is closed on exec.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number, valid for as long as the owner lives.
    public let raw: Int32

    /// Takes over a descriptor that nobody else will close.
    public init(taking raw: Int32) { self.raw = raw }

    deinit { Descriptor.close(raw) }

    /// Gives the descriptor up to the caller, who has to close it.
    public consuming func take() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    /// A second descriptor for the same open file.
    ///
    /// - Throws: `EMFILE` if the process has no descriptors left.
    public borrowing func duplicate() throws(SystemError) -> OwnedDescriptor {
        try Descriptor.duplicate(raw)
    }
}

/// What one does to descriptors by number.
public enum Descriptor {
    /// Closes a descriptor; an error is of no use to anybody, as the number is free afterwards in any case.
    public static func close(_ fd: Int32) {
        // Not again after EINTR: Linux has closed it, and the number may be somebody else's by now.
        _ = once(.close) { Glibc.close(fd) }
    }

    /// Keeps the numbers of standard streams that are closed from becoming those of other files.
    ///
    /// The first thing a program does, before it opens anything: else its output would go into a socket, say. Such a
    /// stream is `/dev/null` afterwards, opened for the wrong direction, so that using it still fails. The calls are
    /// no plan's: a plan counts what a program does with its own descriptors.
    public static func keepStandard() { chan_keep_standard() }

    /// Another descriptor for the open file of somebody else's.
    ///
    /// - Throws: `EBADF` where there is none of that number, `EMFILE` if the process has no descriptors left.
    public static func duplicate(_ fd: Int32) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try checked(.dup) { chan_duplicate(fd, 0) })
    }

    /// Makes calls on this open file return at once, or wait.
    public static func setNonBlocking(_ fd: Int32, _ on: Bool = true) throws(SystemError) {
        try checked(.fcntl) { chan_set_non_blocking(fd, on ? 1 : 0) }
    }

    /// A pipe.
    public static func pipe(nonBlocking: Bool = false) throws(SystemError) -> Pipe {
        var ends: (Int32, Int32) = (-1, -1)
        try checked(.pipe) {
            withUnsafeMutableBytes(of: &ends) {
                chan_pipe($0.assumingMemoryBound(to: Int32.self).baseAddress, nonBlocking ? 1 : 0)
            }
        }
        return Pipe(reading: OwnedDescriptor(taking: ends.0), writing: OwnedDescriptor(taking: ends.1))
    }

    /// A file in memory, empty, which can be sealed.
    public static func memoryFile(name: String) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try checked(.memfdCreate, name) { chan_memory_file(name) })
    }

    /// Memory that all processes share which map the same file in memory; zero at first, and there until the process ends.
    public static func mapShared(_ file: Int32, bytes: Int) throws(SystemError) -> UnsafeMutableRawPointer {
        var start: UnsafeMutableRawPointer?
        try checked(.mmap) {
            start = chan_map_shared(file, bytes)
            return start == nil ? -1 : 0
        }
        guard let start else { preconditionFailure("mapped to nowhere") }
        return start
    }

    /// A file in memory with contents, to be read from its beginning.
    public static func memoryFile(name: String, _ bytes: [UInt8]) throws(SystemError) -> OwnedDescriptor {
        let file = try memoryFile(name: name)
        let written = bytes.withUnsafeBytes { bytes in
            Result<Void, SystemError> { () throws(SystemError) in try Transfer.writeAll(file.raw, bytes) }
        }
        try written.get()
        try checked(.lseek) { lseek(file.raw, 0, SEEK_SET) }
        return file
    }
}

/// Both ends of a pipe.
@frozen
public struct Pipe: ~Copyable, Sendable {
    /// Where bytes come out.
    public var reading: OwnedDescriptor
    /// Where bytes go in.
    public var writing: OwnedDescriptor
}
