// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// One SEND frame: a message, or a batch of them.
///
/// Its outcome is the number of messages that are committed:
/// all, unless it is a try.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
class SendOperation: Operation, @unchecked Sendable {
    /// Where the request id stands in a frame.
    static let requestOffset = 8
    private static let handleOffset = FrameHeader.byteCount
    private static let timeoutOffset = FrameHeader.byteCount + 8
    /// Bytes of a frame before its first message.
    static let prefixByteCount = FrameHeader.byteCount + SendRequest.prefixByteCount

    /// The handle, until it is let go.
    @exclusivity(unchecked) private final var usedHandle: RemoteHandle?
    /// How many messages the frame has.
    @exclusivity(unchecked) final var count = 0
    /// Bytes of those, with their lengths.
    @exclusivity(unchecked) final var byteCount = 0
    /// The channels that the messages pass; held until the send is over, so that none is closed before.
    @exclusivity(unchecked) final var passed: [PassedChannel] = []
    /// How many messages of the same batch earlier frames got accepted.
    private final let acceptedBefore: Int
    /// The frame, where it was encoded off the loop.
    @exclusivity(unchecked) private final var frame = GrowableBytes()

    /// What it waits for beyond the commit.
    final let confirm: SendConfirmation

    init(
        _ handle: RemoteHandle, timeout: Int64, acceptedBefore: Int = 0, confirm: SendConfirmation = .commit
    ) {
        usedHandle = handle
        self.confirm = confirm
        self.acceptedBefore = acceptedBefore
        super.init(handle.loop, channel: handle.name, timeout: timeout)
    }

    /// The handle that it sends through.
    final var handle: RemoteHandle {
        guard let usedHandle else { preconditionFailure("a send has let its handle go") }
        return usedHandle
    }

    /// Lets the handle go, for a send that is written and whose end does not need it.
    final func letHandleGo() { usedHandle = nil }

    /// What the frame's header says of its outcome.
    var flags: UInt8 { confirm.flags }

    override final func obstacle() -> ChandError? {
        if let obstacle = handle.obstacle() { return obstacle }
        if !passed.isEmpty, let obstacle = passed.lazy.compactMap({ $0.obstacle(through: self.handle) }).first
        {
            return obstacle
        }
        // Encoded for a session with other limits; a frame over these would cost the whole session.
        guard !frame.isEmpty, frame.count > FrameHeader.byteCount + handle.limits.maxBodyBytes else {
            return nil
        }
        return ChandError(
            .messageTooLarge, "messages of \(byteCount) bytes are over the daemon's limits",
            channel: handle.name)
    }

    /// Encodes the frame before it is handed to the loop.
    final func prepare(_ encode: (inout MessageWriter) throws -> Void) throws {
        var writer = MessageWriter()
        try encode(&writer)
        frame = writer.finish()
    }

    override func write(request: UInt64, to connection: Connection) {
        // Since it was encoded, the handle may have been opened again and time may have passed.
        frame.patch(request, at: Self.requestOffset)
        frame.patch(handle.number, at: Self.handleOffset)
        frame.patch(timeout, at: Self.timeoutOffset)
        connection.output.bytes.append(frame.readable)
        frame = GrowableBytes()
    }

    override func sent() -> Bool {
        resume(returning: count)
        return true
    }

    override func failed(_ failure: Failed, on connection: Connection) {
        if failure.code == .wouldBlock {
            resume(returning: Int(failure.accepted))
        } else {
            resume(throwing: DaemonFailure.error(failure, channel: channel, before: acceptedBefore))
        }
    }

    override func fail(_ error: any Error) {
        switch error {
        case let error as ChandError:
            resume(throwing: error.about(channel: handle.name, accepted: acceptedBefore))
        case is CancellationError where acceptedBefore > 0:
            resume(
                throwing: ChandError(
                    .cancelled, "the task was cancelled", channel: channel, accepted: acceptedBefore))
        default:
            resume(throwing: error)
        }
    }
}

/// Builds the frame of a send in a writer, message by message.
///
/// The request id is left 0, to be patched when the operation begins.
struct SendFrame {
    private let start: Int
    private let operation: SendOperation
    private var count: UInt32 = 0
    /// Whether behind each message stand the channels that it passes; decided by the first.
    private var passes = false
    private let maxMessageBytes: Int
    private let maxBodyBytes: Int

    private var handle: RemoteHandle { operation.handle }

    init(_ operation: SendOperation, in writer: inout MessageWriter) {
        self.operation = operation
        let limits = operation.handle.limits
        maxMessageBytes = limits.maxMessageBytes
        maxBodyBytes = limits.maxBodyBytes
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
        do { try codec.encode(element, &writer) } catch {
            return try leaveOut(from: before, &writer) {
                ChandError(
                    .encoding, "the element does not encode: \(error)", channel: $0, underlying: "\(error)")
            }
        }
        let length = writer.count
        if passes || !writer.passed.isEmpty {
            guard try addPassed(to: &writer) else {
                writer.bytes.removeLast(writer.bytes.count - before)
                return false
            }
        }
        let body = writer.bytes.count - start - FrameHeader.byteCount
        if length > maxMessageBytes || body > maxBodyBytes {
            return try leaveOut(from: before, &writer) {
                ChandError(
                    .messageTooLarge,
                    "a message of \(length) bytes is over the daemon's limit of \(maxMessageBytes)",
                    channel: $0)
            }
        }
        writer.bytes.patch(UInt32(length), at: before)
        count += 1
        return true
    }

    /// Takes away a message that fails: false where those before it are sent first, an error where it is the first.
    private func leaveOut(
        from before: Int, _ writer: inout MessageWriter, error: (_ channel: String) -> ChandError
    ) throws -> Bool {
        writer.bytes.removeLast(writer.bytes.count - before)
        if count > 0 { return false }
        throw error(handle.name)
    }

    /// Appends the list of channels that the message passes; false where the messages before list none and so are
    /// better sent first.
    private mutating func addPassed(to writer: inout MessageWriter) throws -> Bool {
        for channel in writer.passed {
            guard let obstacle = channel.obstacle(through: handle) else { continue }
            if count > 0 { return false }
            throw obstacle
        }
        if count == 0 { passes = true }
        guard passes else { return false }
        ListedChannel.bytes(of: writer.passed.listed).withUnsafeBytes { writer.bytes.append($0) }
        operation.passed += writer.passed
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
        operation.count = Int(count)
        let length = writer.bytes.count - start - SendOperation.prefixByteCount
        operation.byteCount = length
        withUnsafeTemporaryAllocation(byteCount: SendOperation.prefixByteCount, alignment: 8) { prefix in
            guard let base = prefix.baseAddress else { return }
            SendRequest.write(
                to: base, request: 0, handle: handle.number, count: count,
                timeout: operation.timeout, messageBytes: length,
                flags: operation.flags | (passes ? SendRequest.passesFlag : 0))
            for offset in stride(from: 0, to: SendOperation.prefixByteCount, by: 8) {
                writer.bytes.patch(base.load(fromByteOffset: offset, as: UInt64.self), at: start + offset)
            }
        }
    }
}
