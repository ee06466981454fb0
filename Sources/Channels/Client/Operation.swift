// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Something that a task has asked of the daemon, from the call until the task is resumed.
///
/// Unchecked, because an operation has one owner at a time: the calling task until it hands it to the
/// client's loop, the loop until it resumes the task, and the task again after that. What is to be overridden
/// runs on the loop.
class Operation: @unchecked Sendable {
    /// Where it is carried out.
    final let loop: ClientLoop
    /// The channel that errors name, if it is about one.
    final let channel: String?
    /// Nanoseconds after which the daemon gives up, as on the wire: 0 is a try, below 0 is never.
    @exclusivity(unchecked) final var timeout: Int64
    /// The session that it has to be begun in; nil where any will do.
    @exclusivity(unchecked) final var pin: SessionPin?
    /// Whether it is a try of something that goes on without the daemon too: while that is sought it can't proceed.
    @exclusivity(unchecked) final var isProbe = false
    /// Whether it waits for the daemon to come back.
    @exclusivity(unchecked) final var isHeld = false
    /// Where it stands.
    @exclusivity(unchecked) final var phase = OperationPhase.prepared
    /// Whether this client asked for its withdrawal because the time ran out, before the daemon noticed.
    @exclusivity(unchecked) final var isLate = false
    /// Who waits for it.
    @exclusivity(unchecked) private final var continuation: UnsafeContinuation<Int, any Error>?
    /// Told how it ended instead of a task that waits, on the loop; set before it begins.
    @exclusivity(unchecked) final var whenOver: (@Sendable (Result<Int, any Error>) -> Void)?
    /// How it ended, where nobody waits for it.
    @exclusivity(unchecked) private(set) final var ending: Result<Int, any Error>?

    init(_ loop: ClientLoop, channel: String?, timeout: Int64 = WireTimeout.never) {
        self.loop = loop
        self.channel = channel
        self.timeout = timeout
    }

    // MARK: - The calling task

    /// Begins the operation and suspends the task until it has ended.
    ///
    /// - Returns: a number whose meaning the kind of operation knows.
    final func outcome() async throws -> Int {
        try await suspend { continuation in
            park(continuation)
            loop.begin(self)
        } onCancel: {
            cancel()
        }
    }

    /// Notes who waits, before the operation begins.
    final func park(_ continuation: UnsafeContinuation<Int, any Error>) { self.continuation = continuation }

    /// Says that the task was cancelled; from any thread, at any time.
    final func cancel() { loop.cancel(self) }

    // MARK: - The loop

    /// Whether the daemon can be asked to withdraw it; what it answers at once can't.
    var isWithdrawable: Bool { true }

    /// Why it can't begin, apart from the connection's state.
    func obstacle() -> ChandError? { nil }

    /// Appends its frame to the connection's output.
    func write(request: UInt64, to connection: Connection) {
        preconditionFailure("every kind of operation writes its own frame")
    }

    /// The daemon has committed the send; false for an operation that is none.
    func sent() -> Bool { false }

    /// The daemon has answered with a frame other than SENT and FAILED.
    func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        throw WireFault(
            .malformed, "a frame of type \(frame.header.rawType) answers another kind of operation")
    }

    /// The daemon has sent a part of the answer, and more follows.
    func partlyAnswered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        throw WireFault(.malformed, "an answer in parts to an operation that has only one")
    }

    /// The daemon says that it failed.
    func failed(_ failure: Failed, on connection: Connection) {
        fail(DaemonFailure.error(failure, channel: channel))
    }

    /// It ends with an error, whoever found it.
    func fail(_ error: any Error) {
        if let channel, let error = error as? ChandError, error.channel == nil {
            resume(throwing: error.about(channel: channel))
        } else {
            resume(throwing: error)
        }
    }

    /// Resumes the task with a result.
    final func resume(returning value: Int) { resume(with: .success(value)) }

    /// Resumes the task with an error, as it is.
    final func resume(throwing error: any Error) { resume(with: .failure(error)) }

    private func resume(with result: Result<Int, any Error>) {
        if let continuation = continuation.take() {
            continuation.resume(with: result)
        } else if let whenOver = whenOver.take() {
            whenOver(result)
        } else {
            ending = result
        }
    }
}

/// A frame that answers an operation, in the memory where it was received.
struct AnswerFrame {
    /// The frame's header.
    let header: FrameHeader
    /// The memory that the body lies in.
    let chunk: Chunk
    /// Where the body begins.
    let offset: Int

    /// The body, valid while the chunk is.
    var body: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: chunk.base + offset, count: Int(header.length))
    }
}
