// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Something that a task has asked of the daemon, from the call until the task is resumed.
///
/// Unchecked, because an operation has one owner at a time: the calling task until it hands it to the
/// client's loop, the loop until it resumes the task, and the task again after that. All functions below run
/// on the loop.
class Operation: @unchecked Sendable {
    /// Where it stands; the loop's.
    final var phase = OperationPhase.prepared
    /// Nanoseconds after which the daemon gives up, as on the wire: 0 is a try, below 0 is never.
    final let timeout: Int64

    init(timeout: Int64 = WireTimeout.never) {
        self.timeout = timeout
    }

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

    /// The daemon says that it failed.
    func failed(_ failure: Failed, on connection: Connection) {
        fail(DaemonFailure.error(failure, channel: nil))
    }

    /// It ends with an error, whoever found it.
    func fail(_ error: any Error) {
        preconditionFailure("every kind of operation resumes its own caller")
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

    /// A part of the body that stays valid.
    func slice(_ part: UnsafeRawBufferPointer) -> MessageBytes {
        let start = part.baseAddress.map { UnsafeRawPointer($0) - UnsafeRawPointer(chunk.base) } ?? offset
        return MessageBytes(chunk: chunk, offset: start, count: part.count)
    }
}
