// SPDX-License-Identifier: Apache-2.0

import ChanSystem

/// Carries bytes between standard input, which is a socket, and the daemon, so that whoever has the other end
/// of that socket speaks as this process: its end, however it comes, is the end of the session.
enum Relay {
    static func run(socket path: String) throws {
        let daemon = try UnixSocket.connect(path: path, timeoutMilliseconds: 10_000, nonBlocking: false)
        try Descriptor.setNonBlocking(0, false)
        let number = daemon.raw
        let thread = try NativeThread.start(name: "to-daemon") { copy(from: 0, to: number) }
        copy(from: number, to: 0)
        thread.join()
    }

    /// Copies to the end of the stream, and passes the end on.
    private static func copy(from source: Int32, to target: Int32) {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case .bytes(let count) = chunk.withUnsafeMutableBytes({ Transfer.read(source, into: $0) }) {
            let isWritten = chunk[..<count].withUnsafeBytes { bytes in
                do throws(SystemError) {
                    try Transfer.writeAll(target, bytes)
                    return true
                } catch {
                    return false
                }
            }
            guard isWritten else { break }
        }
        // Where the other side is gone already there is nobody to tell.
        try? UnixSocket.shutdown(target, .sending)
    }
}
