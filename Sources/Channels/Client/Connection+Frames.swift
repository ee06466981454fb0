// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// What the daemon says, frame by frame.
extension Connection {
    /// Acts on every whole frame that was received.
    func dispatch() {
        do {
            // A codec may have forked: what else was read is the parent's.
            while descriptor >= 0, origin.isHere, let frame = try reader.next() {
                if frame.header.rawType == FrameType.sent.rawValue {
                    try sent(frame)
                } else {
                    try act(on: AnswerFrame(header: frame.header, chunk: reader.chunk, offset: frame.offset))
                }
            }
        } catch {
            lose(
                ChandError(
                    .protocolViolation, "the daemon at \(socketPath) broke the protocol: \(error.text)",
                    socket: socketPath))
        }
    }

    /// One frame may carry the outcomes of several sends in a row.
    private func sent(_ frame: FrameReader.Frame) throws(WireFault) {
        let body = UnsafeRawBufferPointer(start: reader.chunk.base + frame.offset, count: frame.count)
        let count = try Sent.count(reading: body)
        let first = frame.header.request
        guard first <= UInt64.max - UInt64(count) else { throw Self.unasked(first) }
        for id in first..<first + UInt64(count) {
            switch operations.end(id) {
            case .awaited(let operation):
                operation.phase.end()
                #if Logging || Metrics
                    counts.sent += (operation as? SendOperation)?.count ?? 0
                #endif
                guard operation.sent() else {
                    let fault = WireFault(.malformed, "SENT answers an operation that is no send")
                    operation.fail(Self.malformed(fault))
                    throw fault
                }
            case .abandoned:
                leaveIfReady()
            case .unknown:
                throw Self.unasked(id)
            }
        }
    }

    /// What the caller is told whose operation can't end as the daemon says.
    static func malformed(_ fault: WireFault) -> ChandError {
        ChandError(.protocolViolation, "the daemon's answer is malformed: \(fault.text)")
    }

    private func act(on frame: AnswerFrame) throws(WireFault) {
        guard let type = frame.header.type else {
            if frame.header.flags & FrameHeader.optionalFlag != 0 { return }
            throw WireFault(.unknownFrame, "a frame of the unknown type \(frame.header.rawType)")
        }
        switch type {
        case .welcome:
            try welcomed(Welcome(reading: frame.body))
        case .goodbye:
            // The daemon's last frame: there is no need to wait for the end of the stream as well.
            goodbye = try Goodbye(frame.header, reading: frame.body)
            ended()
        default:
            guard frame.header.rawType & 0x80 != 0 else {
                throw WireFault(.outOfState, "a frame of type \(type), which only clients send")
            }
            try end(frame, type)
        }
    }

    /// A part of an answer: the operation stays under way.
    private func part(_ frame: AnswerFrame, _ type: FrameType) throws(WireFault) {
        switch operations.find(frame.header.request) {
        case .awaited(let operation): try operation.partlyAnswered(by: frame, on: self)
        case .abandoned: try undo(frame, type)
        case .unknown: throw Self.unasked(frame.header.request)
        }
    }

    private func end(_ frame: AnswerFrame, _ type: FrameType) throws(WireFault) {
        if isDriven, type == .received { try noteUrgency(of: frame) }
        #if Logging || Metrics
            switch type {
            case .received: counts.received += Int(try Received(reading: frame.body).count)
            case .won: counts.received += Int(try Won(reading: frame.body).count)
            case .selected: counts.sent += 1
            case .failed: counts.sent += Int(try Failed(frame.header, reading: frame.body).accepted)
            default: break
            }
        #endif
        let isPart =
            type == .events
            || (type == .received || type == .won) && frame.header.flags & Received.moreFlag != 0
        if isPart { return try part(frame, type) }
        switch operations.end(frame.header.request) {
        case .awaited(let operation):
            operation.phase.end()
            do throws(WireFault) {
                if type == .failed {
                    var failure = try Failed(frame.header, reading: frame.body)
                    if operation.isLate, failure.code == .cancelled {
                        // Withdrawn because the time was over, and not because anybody cancelled.
                        failure.rawCode = FailureCode.timeout.rawValue
                    }
                    operation.failed(failure, on: self)
                } else {
                    try operation.answered(by: frame, on: self)
                }
            } catch {
                operation.fail(Self.malformed(error))
                throw error
            }
        case .abandoned:
            try undo(frame, type)
            leaveIfReady()
        case .unknown:
            throw Self.unasked(frame.header.request)
        }
    }

    /// Something came for a caller that was told not to expect it any more.
    private func undo(_ frame: AnswerFrame, _ type: FrameType) throws(WireFault) {
        switch type {
        case .received:
            let received = try Received(reading: frame.body)
            ledger.note(
                .returnedUnseen, handle: received.handle, first: received.first, count: received.count)
        case .won:
            var won = try Won(reading: frame.body)
            for _ in 0..<won.count {
                let winner = try won.next()
                ledger.note(.returnedUnseen, handle: winner.handle, first: winner.delivery, count: 1)
            }
        case .opened:
            abandonHandle(try Opened(frame.header, reading: frame.body).handle)
        default:
            break
        }
    }

    /// What somebody waits for, and what is of a closed channel, is settled at once (rules 4 and 20).
    private func noteUrgency(of frame: AnswerFrame) throws(WireFault) {
        if frame.header.flags & Received.closedFlag != 0 { isUrgent = true }
        var received = try Received(reading: frame.body)
        for _ in 0..<received.count {
            let awaited = Received.receiptAwaitedFlag | Received.settlementAwaitedFlag
            if try received.next().flags & awaited != 0 { isUrgent = true }
        }
    }

    private static func unasked(_ id: UInt64) -> WireFault {
        WireFault(.outOfState, "an answer to the request \(id), which is not under way")
    }
}
