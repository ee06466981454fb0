// SPDX-License-Identifier: Apache-2.0

public import ChanSystem
public import ChanWire

/// One session by hand: frames, or any bytes, to the daemon, and frames from it, on the calling thread.
///
/// It is not for honest clients only: it writes what it is told to. Every wait has an end, and fails there.
public final class WireClient {
    private let descriptor: OwnedDescriptor
    private var input: [UInt8] = []
    private var taken = 0
    /// Frames that came before the one that somebody waited for.
    private var stash: [WireFrame] = []
    private var lastRequest: UInt64 = 0
    /// What the daemon said of itself, after ``greet(_:)``.
    public private(set) var welcome: Welcome?

    /// Connects, and greets unless told otherwise.
    public init(_ path: String, greets: Bool = true) throws {
        descriptor = try UnixSocket.connect(path: path, timeoutMilliseconds: Patience.milliseconds)
        if greets { try greet() }
    }

    /// Takes over a connection, or what stands for one, and greets unless told otherwise.
    public init(taking descriptor: consuming OwnedDescriptor, greets: Bool = true) throws {
        try Descriptor.setNonBlocking(descriptor.raw)
        self.descriptor = descriptor
        if greets { try greet() }
    }

    /// The connection's descriptor.
    public var raw: Int32 { descriptor.raw }

    /// Says HELLO and reads WELCOME.
    public func greet(_ hello: Hello = Hello(clientName: "live-test")) throws {
        try write(hello.encoded())
        try readWelcome()
    }

    /// Reads WELCOME, after a HELLO that was written by hand.
    public func readWelcome() throws {
        welcome = try frame().reading(as: .welcome) { _, body throws(WireFault) in try Welcome(reading: body)
        }
    }

    // MARK: Writing

    /// Writes bytes, as many pieces as the socket makes of them; returns how many a peer that closed took.
    @discardableResult
    public func write(
        _ bytes: [UInt8], milliseconds: UInt64 = Patience.milliseconds
    ) throws -> Int {
        let deadline = MonotonicClock.deadline(milliseconds: milliseconds)
        var written = 0
        while written < bytes.count {
            let result = bytes.withUnsafeBytes {
                Transfer.send(descriptor.raw, UnsafeRawBufferPointer(rebasing: $0[written...]))
            }
            switch result {
            case .bytes(let count): written += count
            case .wouldBlock:
                guard try !Transfer.wait(descriptor.raw, for: .write, until: deadline).isEmpty else {
                    throw LiveFailure("only \(written) of \(bytes.count) bytes could be written")
                }
            case .failed, .endOfFile: return written
            }
        }
        return written
    }

    /// Writes what the socket takes without waiting; returns how much that was.
    public func writeWithoutWaiting(_ bytes: [UInt8]) -> Int {
        var written = 0
        while written < bytes.count {
            let result = bytes.withUnsafeBytes {
                Transfer.send(descriptor.raw, UnsafeRawBufferPointer(rebasing: $0[written...]))
            }
            guard case .bytes(let count) = result else { break }
            written += count
        }
        return written
    }

    /// Ends the sending direction; what the daemon says can still be read.
    public func finishWriting() throws {
        try UnixSocket.shutdown(descriptor.raw, .sending)
    }

    // MARK: Reading

    /// The next frame; nil at the end of the connection.
    public func next(milliseconds: UInt64 = Patience.milliseconds) throws -> WireFrame? {
        if !stash.isEmpty { return stash.removeFirst() }
        return try read(until: MonotonicClock.deadline(milliseconds: milliseconds))
    }

    /// The next frame, which must come.
    public func frame() throws -> WireFrame {
        guard let frame = try next() else { throw LiveFailure("the daemon closed the connection") }
        return frame
    }

    /// The frames that come before this one's answer, which is asked for here: all that was due before.
    public func framesSoFar() throws -> [WireFrame] {
        let request = request()
        try write(SimpleFrame.ping(request: request))
        var frames: [WireFrame] = []
        while true {
            let frame = try frame()
            if frame.type == .pong, frame.header.request == request { return frames }
            frames.append(frame)
        }
    }

    /// All that comes up to the end of the connection.
    public func framesToEnd() throws -> [WireFrame] {
        var frames: [WireFrame] = []
        while let frame = try next() { frames.append(frame) }
        return frames
    }

    /// The session's end: GOODBYE as the last frame, and then the end of the connection.
    @discardableResult
    public func goodbye() throws -> Goodbye {
        let frames = try framesToEnd()
        guard let last = frames.last else { throw LiveFailure("the connection ended without GOODBYE") }
        guard frames.count(where: { $0.type == .goodbye }) == 1 else {
            throw LiveFailure("not one GOODBYE: \(frames)")
        }
        return try last.goodbye()
    }

    /// The outcome of a request; other frames that come before it are kept for whoever asks for them.
    public func outcome(of request: UInt64) throws -> Outcome {
        for (index, frame) in stash.enumerated() where try frame.requests().contains(request) {
            // Of a run of SENT the other requests are still to be asked for.
            if frame.type != .sent { stash.remove(at: index) }
            return try Outcome(frame)
        }
        let deadline = Patience.deadline()
        while let frame = try read(until: deadline) {
            let requests = try frame.requests()
            if !requests.contains(request) || requests.count > 1 { stash.append(frame) }
            if requests.contains(request) { return try Outcome(frame) }
        }
        throw LiveFailure("the connection ended before the outcome of request \(request); kept: \(stash)")
    }

    private func read(until deadline: UInt64) throws -> WireFrame? {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let frame = takeFrame() { return frame }
            switch chunk.withUnsafeMutableBytes({ Transfer.read(descriptor.raw, into: $0) }) {
            case .bytes(let count):
                input.removeFirst(taken)
                taken = 0
                input += chunk[..<count]
            case .wouldBlock:
                guard try !Transfer.wait(descriptor.raw, for: .read, until: deadline).isEmpty else {
                    throw LiveFailure(
                        "no frame came in time; \(input.count - taken) bytes of one, kept: \(stash)")
                }
            // A daemon that closes before it has read everything resets the connection: the end as well.
            case .endOfFile, .failed(SystemError.connectionReset):
                guard input.count == taken else {
                    throw LiveFailure("the connection ended \(input.count - taken) bytes into a frame")
                }
                return nil
            case .failed(let errno): throw SystemError(errno: errno, call: .read)
            }
        }
    }

    private func takeFrame() -> WireFrame? {
        guard input.count - taken >= FrameHeader.byteCount else { return nil }
        let header = input.withUnsafeBytes { bytes in
            bytes.baseAddress.map { FrameHeader(reading: $0 + taken) }
        }
        guard let header else { return nil }
        let end = taken + FrameHeader.byteCount + Int(header.length)
        guard input.count >= end else { return nil }
        let body = Array(input[taken + FrameHeader.byteCount..<end])
        taken = end
        return WireFrame(header: header, body: body)
    }

    /// A request id that was not used before.
    public func request() -> UInt64 {
        lastRequest += 1
        return lastRequest
    }
}
