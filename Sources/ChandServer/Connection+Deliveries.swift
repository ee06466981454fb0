// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanSystem
import ChanWire

/// Deliveries as frames in a connection's output.
extension Connection {
    /// Begins the frame of a group of deliveries, or adds them to the one with which the output ends; `append` follows for each.
    func beginDeliveries(_ group: DeliveryGroup, request: UInt64, pool: BufferPool) {
        var messageBytes = group.byteCount + Int(group.count) * Received.messagePrefixByteCount
        if group.passed.messages > 0 {
            messageBytes += OfferedChannel.byteCount(
                messages: group.passed.messages, channels: group.passed.channels,
                textBytes: group.passed.textBytes)
        }
        if openWon.count > 0 {
            if !group.isAhead, addWinner(group, request: request, messageBytes, pool: pool) { return }
            endWon()
        } else if group.isAhead, add(group, request: request, messageBytes) {
            return
        }
        settlePendingSent(pool: pool)
        if group.more, !group.isAhead, features.contains(.won) {
            beginWon(group, request: request, messageBytes, pool: pool)
        } else {
            beginReceived(group, request: request, messageBytes, pool: pool)
        }
    }

    /// Counts a credit's group in the RECEIVED that the output ends with, if nothing of that is written and it may have more.
    private func add(_ group: DeliveryGroup, request: UInt64, _ messageBytes: Int) -> Bool {
        guard var open = openDeliveries, open.request == request, group.more, !group.closed,
            open.end == output.end, open.start >= output.start, pendingSent.count == 0,
            open.handle == group.handle, open.first &+ UInt64(open.count) == group.first,
            Int(open.count) + Int(group.count) <= WireLimits.maxBatchMessages,
            open.messageBytes + messageBytes <= WireLimits.receiveBatchBytes
        else { return false }
        open.count += group.count
        open.messageBytes += messageBytes
        let offset = Int(open.start &- output.start)
        let length = UInt32(truncatingIfNeeded: Received.prefixByteCount + open.messageBytes)
        output.bytes.patch(length, at: offset)
        output.bytes.patch(open.count, at: offset + Received.countOffset)
        openDeliveries = group.passed.messages == 0 ? open : nil
        return true
    }

    private func beginReceived(
        _ group: DeliveryGroup, request: UInt64, _ messageBytes: Int, pool: BufferPool
    ) {
        let start = output.end
        let fixed = FrameHeader.byteCount + Received.prefixByteCount
        let copied = min(messageBytes, Outbox.referencedBodyBytes)
        let target = output.bytes.writable(atLeast: fixed + copied, pool: pool)
        if let base = target.baseAddress {
            Received.write(
                to: base, request: request, caseIndex: group.caseIndex, closed: group.closed,
                handle: group.handle, count: group.count, first: group.first, messageBytes: messageBytes,
                more: group.more)
        }
        output.bytes.commit(fixed)
        let mayGrow = group.isAhead && group.more && !group.closed && group.passed.messages == 0
        openDeliveries =
            mayGrow
            ? OpenDeliveries(
                request: request, handle: group.handle, first: group.first, count: group.count,
                messageBytes: messageBytes, start: start, end: start) : nil
    }

    private func beginWon(
        _ group: DeliveryGroup, request: UInt64, _ messageBytes: Int, pool: BufferPool
    ) {
        openDeliveries = nil
        openWon = OpenWon(request: request, start: output.end)
        let fixed = FrameHeader.byteCount + Won.prefixByteCount
        let target = output.bytes.writable(atLeast: fixed, pool: pool)
        if let base = target.baseAddress { Won.write(to: base, request: request) }
        output.bytes.commit(fixed)
        append(group, messageBytes, pool: pool)
    }

    /// Appends what stands in front of a further winner of the select, if the output ends with the others; ends the frame if it
    /// is the last.
    private func addWinner(
        _ group: DeliveryGroup, request: UInt64, _ messageBytes: Int, pool: BufferPool
    ) -> Bool {
        guard openWon.request == request, openWon.end == output.end, pendingSent.count == 0,
            openWon.byteCount + Won.winnerPrefixByteCount + messageBytes <= WireLimits.receiveBatchBytes
        else { return false }
        append(group, messageBytes, pool: pool)
        if !group.more { endWon(isLast: true) }
        return true
    }

    private func append(_ group: DeliveryGroup, _ messageBytes: Int, pool: BufferPool) {
        openWon.count += 1
        openWon.byteCount += Won.winnerPrefixByteCount + messageBytes
        let target = output.bytes.writable(
            atLeast: Won.winnerPrefixByteCount + min(messageBytes, Outbox.referencedBodyBytes), pool: pool)
        if let base = target.baseAddress {
            Won.writeWinnerPrefix(
                to: base, caseIndex: group.caseIndex, closed: group.closed, handle: group.handle,
                delivery: group.first)
        }
        output.bytes.commit(Won.winnerPrefixByteCount)
    }

    /// Says in the frame's header how much of it there is, once that is known: all of it comes in one call of the broker.
    private func endWon(isLast: Bool = false) {
        let offset = Int(openWon.start &- output.start)
        let length = UInt32(truncatingIfNeeded: Won.prefixByteCount + openWon.byteCount)
        output.bytes.patch(length, at: offset)
        output.bytes.patch(openWon.count, at: offset + Won.countOffset)
        if isLast { output.bytes.patch(UInt8(0), at: offset + FrameHeader.flagsOffset) }
        openWon.count = 0
    }

    /// Appends a message to the frame under way.
    func append(
        _ body: MessageBody, byteCount: Int, attempts: UInt16, flags: DeliveryFlags, pool: BufferPool
    ) {
        let isReferenced = byteCount >= Outbox.referencedBodyBytes
        let prefix = Received.messagePrefixByteCount
        let copied = prefix + (isReferenced ? 0 : byteCount)
        let target = output.bytes.writable(atLeast: copied, pool: pool)
        if let base = target.baseAddress {
            Received.writeMessagePrefix(
                to: base, length: byteCount, attempts: attempts, flags: flags.rawValue)
            if !isReferenced, let source = body.bytes.baseAddress {
                (base + prefix).copyMemory(from: source, byteCount: byteCount)
            }
        }
        output.bytes.commit(copied)
        if isReferenced {
            body.retain()
            output.appendReference(body.bytes, token: body.token)
        }
    }

    /// Ends a group: what the output ends with may have more.
    func endDeliveries() {
        if openWon.count > 0 {
            openWon.end = output.end
        } else if openDeliveries != nil {
            openDeliveries?.end = output.end
        }
    }
}

/// A credit's RECEIVED in an output, to which deliveries may be added.
struct OpenDeliveries {
    let request: UInt64
    let handle: UInt32
    let first: UInt64
    var count: UInt32
    /// Bytes of the messages with their prefixes.
    var messageBytes: Int
    /// Where it begins and ends in the output.
    let start: UInt64
    var end: UInt64
}

/// A WON that is being written.
struct OpenWon {
    var request: UInt64 = 0
    /// Winners so far; none, where there is no such frame.
    var count: UInt32 = 0
    /// Bytes of the body behind its prefix.
    var byteCount = 0
    /// Where it begins and ends in the output.
    var start: UInt64 = 0
    var end: UInt64 = 0
}
