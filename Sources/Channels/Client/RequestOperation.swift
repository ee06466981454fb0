// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// A request that the daemon answers at once with one frame: opening, inspecting, closing and so on.
final class RequestOperation<Answer: Sendable>: Operation, @unchecked Sendable {
    private let channel: String?
    private let handle: RemoteHandle?
    private let encode: (UInt64) -> [UInt8]
    private let decode: (AnswerFrame) throws(WireFault) -> Answer
    var continuation: UnsafeContinuation<Answer, any Error>?

    /// - Parameters:
    ///   - channel: the channel's name for errors.
    ///   - handle: the handle that the frame names, which then must not have been released.
    ///   - encode: makes the frame of a request id.
    ///   - decode: reads the answer; a fault ends the connection.
    init(
        channel: String?, handle: RemoteHandle? = nil, encode: @escaping (UInt64) -> [UInt8],
        decode: @escaping (AnswerFrame) throws(WireFault) -> Answer
    ) {
        self.channel = channel
        self.handle = handle
        self.encode = encode
        self.decode = decode
        super.init()
    }

    override var isWithdrawable: Bool { false }

    override func obstacle() -> ChandError? { handle?.obstacle() }

    override func write(request: UInt64, to connection: Connection) {
        connection.append(encode(request))
    }

    override func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        let answer = try decode(frame)
        continuation.take()?.resume(returning: answer)
    }

    override func failed(_ failure: Failed, on connection: Connection) {
        fail(DaemonFailure.error(failure, channel: channel))
    }

    override func fail(_ error: any Error) {
        continuation.take()?.resume(throwing: (error as? ChandError).map(named) ?? error)
    }

    private func named(_ error: ChandError) -> any Error {
        channel.map { error.channel == nil ? error.about(channel: $0) : error } ?? error
    }
}

extension ClientLoop {
    /// Asks the daemon and suspends until it has answered.
    ///
    /// Cancelling the task does not withdraw what the daemon does at once; it only bounds the waiting by the
    /// grace period.
    func request<Answer: Sendable>(_ operation: RequestOperation<Answer>) async throws -> Answer {
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                operation.continuation = continuation
                begin(operation)
            }
        } onCancel: {
            cancel(operation)
        }
    }
}

extension AnswerFrame {
    /// Checks the type of an answer.
    func expect(_ type: FrameType) throws(WireFault) {
        guard header.rawType == type.rawValue else {
            throw WireFault(.malformed, "a frame of type \(header.rawType) where \(type) was due")
        }
    }
}
