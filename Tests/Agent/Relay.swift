// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire

/// Carries bytes between standard input, which is a socket, and the daemon, so that whoever has the other end
/// of that socket speaks as this process: its end, however it comes, is the end of the session.
enum Relay {
    static func run(socket path: String) throws {
        try carry(try UnixSocket.connect(path: path, timeoutMilliseconds: 10_000, nonBlocking: false))
    }

    /// The same, with a child process that inherits the connection and outlives this one.
    static func runWithKeeper(socket path: String) throws {
        let daemon = try UnixSocket.connect(path: path, timeoutMilliseconds: 10_000, nonBlocking: false)
        try startKeeper(of: daemon.raw)
        try carry(daemon)
    }

    /// Sends messages at the word on standard input, leaves its connection to a child, and exits.
    static func burst(socket path: String) throws {
        let client = try WireClient(path)
        let handle = try client.open("work", .send)
        try Array("ready\n".utf8).withUnsafeBytes { try Transfer.writeAll(1, $0) }
        guard readLine() == "go" else { throw LiveFailure("nobody says go") }
        // In one piece: the socket has room for many bytes, not for many writes.
        let frames = (0..<1000).map { number in
            WireClient.sendFrame(request: UInt64(number) + 1000, handle: handle, [Array("\(number)".utf8)])
        }
        try client.write(Array(frames.joined()))
        try startKeeper(of: client.raw)
    }

    /// Starts a process that holds a connection until the socket that is standard input here loses its other end.
    private static func startKeeper(of connection: Int32) throws {
        _ = try ChildProcess.spawn(
            BuiltProgram.path("chand-test-agent"), arguments: ["keep"], stdin: .inherit, stdout: .null,
            passing: [connection])
    }

    /// Waits until the other end of standard input is gone.
    static func keep() throws {
        let poll = try EventPoll()
        try poll.add(0, token: 0, interest: [])
        var events = EventBuffer()
        while events.count == 0 { try poll.wait(into: &events, timeoutNanoseconds: nil) }
    }

    private static func carry(_ daemon: consuming OwnedDescriptor) throws {
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
