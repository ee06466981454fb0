// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// One SEND frame: a message, or a batch of them.
final class SendOperation: Operation, @unchecked Sendable {
    /// Where the request id stands in a frame.
    static let requestOffset = 8
    /// Bytes of a frame before its first message.
    static let prefixByteCount = FrameHeader.byteCount + SendRequest.prefixByteCount

    private let handle: RemoteHandle
    /// The frame, where it was encoded off the loop.
    private var frame = GrowableBytes()
    var continuation: UnsafeContinuation<SendOutcome, any Error>?

    /// How many messages of the same batch earlier frames got accepted.
    private let acceptedBefore: Int

    init(_ handle: RemoteHandle, timeout: Int64, acceptedBefore: Int = 0) {
        self.handle = handle
        self.acceptedBefore = acceptedBefore
        super.init(timeout: timeout)
    }

    override func obstacle() -> ChandError? { handle.obstacle() }

    /// Encodes the frame before it is handed to the loop.
    func prepare(_ encode: (inout MessageWriter) throws -> Void) throws {
        var writer = MessageWriter()
        try encode(&writer)
        frame = writer.finish()
    }

    override func write(request: UInt64, to connection: Connection) {
        frame.patch(request, at: Self.requestOffset)
        connection.output.bytes.append(frame.readable)
        frame = GrowableBytes()
    }

    override func sent() -> Bool {
        continuation.take()?.resume(returning: .committed)
        return true
    }

    override func failed(_ failure: Failed, on connection: Connection) {
        if failure.code == .wouldBlock {
            continuation.take()?.resume(returning: .wouldWait(accepted: Int(failure.accepted)))
        } else {
            let error = DaemonFailure.error(failure, channel: handle.name, before: acceptedBefore)
            continuation.take()?.resume(throwing: error)
        }
    }

    override func fail(_ error: any Error) {
        let named: any Error
        switch error {
        case let error as ChandError:
            named = error.about(channel: handle.name, accepted: acceptedBefore)
        case is CancellationError where acceptedBefore > 0:
            named = ChandError(
                .cancelled, "the task was cancelled", channel: handle.name, accepted: acceptedBefore)
        default:
            named = error
        }
        continuation.take()?.resume(throwing: named)
    }
}

/// How a SEND frame ended without an error.
enum SendOutcome: Sendable {
    /// All its messages are committed.
    case committed
    /// It was a try, and only so many messages could be committed without waiting.
    case wouldWait(accepted: Int)
}

/// Builds the frame of a send in a writer, message by message.
///
/// The request id is left 0, to be patched when the operation begins.
struct SendFrame {
    private let start: Int
    private let handle: RemoteHandle
    private let timeout: Int64
    private(set) var count: UInt32 = 0

    init(_ handle: RemoteHandle, timeout: Int64, in writer: inout MessageWriter) {
        self.handle = handle
        self.timeout = timeout
        start = writer.bytes.count
        _ = writer.bytes.writable(atLeast: SendOperation.prefixByteCount + 64)
        writer.bytes.commit(SendOperation.prefixByteCount)
    }

    /// Appends a message; false, with nothing appended, where the messages before are better sent first:
    /// because there is no more room, or because this one fails and they don't.
    mutating func add<Element>(
        _ element: Element, _ codec: ElementCodec<Element>, to writer: inout MessageWriter
    ) throws -> Bool {
        let before = writer.bytes.count
        writer.bytes.append(UInt32(0))
        writer.beginMessage()
        do {
            try codec.encode(element, &writer)
        } catch {
            writer.bytes.removeLast(writer.bytes.count - before)
            if count > 0 { return false }
            throw ChandError(
                .encoding, "the element does not encode: \(error)", channel: handle.name,
                underlying: "\(error)")
        }
        let length = writer.count
        let body = writer.bytes.count - start - FrameHeader.byteCount
        if length > handle.limits.maxMessageBytes || body > handle.limits.maxBodyBytes {
            writer.bytes.removeLast(writer.bytes.count - before)
            if count > 0 { return false }
            throw ChandError(
                .messageTooLarge,
                "a message of \(length) bytes is over the daemon's limit of \(handle.limits.maxMessageBytes)",
                channel: handle.name)
        }
        writer.bytes.patch(UInt32(length), at: before)
        count += 1
        return true
    }

    /// Whether a batch is better sent now than filled further.
    func isFull(_ writer: borrowing MessageWriter) -> Bool {
        count >= WireLimits.maxBatchMessages || writer.bytes.count - start >= Self.goodBatchBytes
    }

    /// A frame of this size keeps the daemon and this client busy at the same time, in the caches of both.
    private static let goodBatchBytes = 128 << 10

    /// Fills in what is known now.
    func finish(in writer: inout MessageWriter) {
        let length = writer.bytes.count - start - SendOperation.prefixByteCount
        withUnsafeTemporaryAllocation(byteCount: SendOperation.prefixByteCount, alignment: 8) { prefix in
            guard let base = prefix.baseAddress else { return }
            SendRequest.write(
                to: base, request: 0, handle: handle.number, count: count, timeout: timeout,
                messageBytes: length)
            for offset in stride(from: 0, to: SendOperation.prefixByteCount, by: 8) {
                writer.bytes.patch(base.load(fromByteOffset: offset, as: UInt64.self), at: start + offset)
            }
        }
    }
}
