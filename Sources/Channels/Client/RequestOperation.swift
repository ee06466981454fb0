// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// A request that the daemon answers at once with one frame: opening, inspecting, closing and so on.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class RequestOperation<Answer: Sendable>: Operation, @unchecked Sendable {
    private let hindrance: () -> ChandError?
    private let encode: (UInt64) -> [UInt8]
    private let decode: (AnswerFrame) throws(WireFault) -> Answer
    private var answer: Answer?

    /// - Parameters:
    ///   - channel: the channel's name for errors.
    ///   - hindrance: why it can't begin, asked on the loop.
    ///   - pin: the session that it is about.
    ///   - encode: makes the frame of a request id.
    ///   - decode: reads the answer; a fault ends the connection.
    init(
        _ loop: ClientLoop, channel: String?, obstacle hindrance: @escaping () -> ChandError? = { nil },
        pin: SessionPin? = nil,
        encode: @escaping (UInt64) -> [UInt8],
        decode: @escaping (AnswerFrame) throws(WireFault) -> Answer
    ) {
        self.hindrance = hindrance
        self.encode = encode
        self.decode = decode
        super.init(loop, channel: channel)
        self.pin = pin
    }

    override var isWithdrawable: Bool { false }

    override func obstacle() -> ChandError? { hindrance() }

    override func write(request: UInt64, to connection: Connection) {
        connection.append(encode(request))
    }

    override func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        answer = try decode(frame)
        resume(returning: 0)
    }

    /// Asks the daemon and suspends until it has answered.
    ///
    /// Cancelling the task does not withdraw what the daemon does at once; it only bounds the waiting by the
    /// grace period.
    func result() async throws -> Answer {
        _ = try await outcome()
        return received()
    }

    /// What the daemon has answered, once that is the outcome.
    func received() -> Answer {
        guard let answer else {
            preconditionFailure("a request ended without an answer and without an error")
        }
        return answer
    }
}

extension ClientLoop {
    /// Asks the daemon and suspends until it has answered; see `RequestOperation`.
    func request<Answer: Sendable>(
        channel: String?, obstacle hindrance: @escaping () -> ChandError? = { nil }, pin: SessionPin? = nil,
        encode: @escaping (UInt64) -> [UInt8],
        decode: @escaping (AnswerFrame) throws(WireFault) -> Answer
    ) async throws -> Answer {
        try await RequestOperation(
            self, channel: channel, obstacle: hindrance, pin: pin, encode: encode, decode: decode
        ).result()
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
