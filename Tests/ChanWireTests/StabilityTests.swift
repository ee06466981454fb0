// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Testing

/// The numbers of the protocol (P28).
///
/// A failing line here means that old peers no longer understand new ones.
@Suite struct StabilityTests {
    @Test func frameTypes() {
        let types: [(FrameType, UInt8)] = [
            (.hello, 0x01), (.leave, 0x02), (.open, 0x03), (.closeHandle, 0x04), (.send, 0x05),
            (.receive, 0x06), (.select, 0x07), (.cancel, 0x08), (.settle, 0x09), (.giveBack, 0x0A),
            (.close, 0x0B), (.remove, 0x0C), (.stop, 0x0D), (.inspect, 0x0E), (.list, 0x0F),
            (.describe, 0x10), (.ping, 0x11), (.pause, 0x12), (.resume, 0x13), (.restore, 0x14),
            (.lease, 0x15), (.receipt, 0x16), (.deadLetter, 0x17), (.purge, 0x19), (.peek, 0x1A),
            (.purged, 0x99),
            (.peeked, 0x9A),
            (.wait, 0x18), (.welcome, 0x81), (.goodbye, 0x82),
            (.opened, 0x83),
            (.done, 0x84), (.sent, 0x85), (.received, 0x86), (.selected, 0x87), (.failed, 0x88), (.won, 0x89),
            (.inspected, 0x8E), (.listed, 0x8F), (.described, 0x90), (.pong, 0x91), (.waited, 0x98),
            (.control, 0x20), (.daemonStatus, 0x21), (.daemonState, 0xA1),
            (.sessions, 0x22), (.waiting, 0x23), (.measure, 0x24), (.sessionsListed, 0xA2),
            (.waitingListed, 0xA3), (.measured, 0xA4), (.monitor, 0x25), (.events, 0xA5),
        ]
        #expect(types.count == FrameType.allCases.count)
        for (type, number) in types { #expect(type.rawValue == number) }
    }

    @Test func features() {
        #expect(Features.won.rawValue == 1 && Features.known == [.won])
    }

    @Test func failureCodes() {
        let codes: [FailureCode] = [
            .closed, .wouldBlock, .timeout, .cancelled, .noReceivers, .noSuchChannel, .exists, .mismatch,
            .notPermitted, .quotaExceeded, .invalidName, .invalidArgument, .wrongRole, .handleClosed,
            .noSuchHandle, .messageTooLarge, .leaseExpired, .notConfirmed, .invalidConfiguration,
        ]
        #expect(codes == FailureCode.allCases)
        #expect(codes.map(\.rawValue) == Array(1...19))
    }

    @Test func goodbyeCodes() {
        let codes: [GoodbyeCode] = [
            .done, .malformed, .frameTooLarge, .version, .outOfState, .unknownFrame, .requestInUse,
            .shuttingDown, .tooManySessions, .handshakeTimeout, .slowReceiver, .refused,
        ]
        #expect(codes == GoodbyeCode.allCases)
        #expect(codes.map(\.rawValue) == [0] + Array(100...110))
    }

    @Test func kindsAndBits() {
        #expect([SelectCase.Kind.never, .receive, .send].map(\.rawValue) == [0, 1, 2])
        #expect(SelectCase.Kind(rawValue: 3) == nil)
        #expect([Party.Kind.handle, .sendWaiter, .receiveWaiter].map(\.rawValue) == [1, 2, 3])
        #expect(Party.Kind(rawValue: 0) == nil && Party.Kind(rawValue: 4) == nil)
        let events: [EventRecord.Kind] = [
            .open, .close, .send, .receive, .select, .cancelled, .died, .quota,
        ]
        #expect(events == EventRecord.Kind.allCases && events.map(\.rawValue) == Array(1...8))
        #expect([Role.send, .receive, .both].map(\.rawValue) == [1, 2, 3])
        let states: [ChannelStatus.State] = [
            .closed, .keep, .removed, .closeWithLastSender, .failWithLastReceiver, .sendReady, .receiveReady,
            .paused,
        ]
        #expect(states.map(\.rawValue) == [1, 2, 4, 8, 16, 32, 64, 128])
        #expect([LeaseRequest.Action.done, .giveBack, .extend].map(\.rawValue) == [0, 1, 2])
        #expect(LeaseRequest.Action(rawValue: 3) == nil)
        #expect([Capacity.rendezvous, Capacity.unbounded, Capacity.undecided] == [0, -1, -2])
        #expect(WireTimeout.never == -1 && WireTimeout.none == 0)
    }

    @Test func flags() {
        #expect(FrameHeader.optionalFlag == 0x80)
        #expect(ReceiveRequest.untilDrainedFlag == 1 && ReceiveRequest.leasedFlag == 2)
        #expect(ReceiveRequest.aheadFlag == 4)
        #expect(SendRequest.confirmReceiptFlag == 1 && SendRequest.confirmSettlementFlag == 2)
        #expect(SendRequest.laterFlag == 4)
        #expect(SendRequest.passesFlag == 8 && Received.passesFlag == 16)
        #expect(SelectRequest.orderedFlag == 1 && SelectRequest.severalFlag == 2)
        #expect(GiveBackFlags.seen == 1)
        #expect(Received.closedFlag == 1 && Received.moreFlag == 2)
        #expect(Received.redeliveredFlag == 1)
        #expect(Received.receiptAwaitedFlag == 2 && Received.settlementAwaitedFlag == 4)
        #expect(Received.attemptsLimitedFlag == 8)
        #expect(Failed.noCase == 0xFFFF_FFFF)
    }

    @Test func sizesAndLimits() {
        #expect(FrameHeader.byteCount == 16)
        #expect(SendRequest.prefixByteCount == 16)
        #expect(ReceiveRequest.byteCount == 16)
        #expect(SelectCase.prefixByteCount == 12)
        #expect(DeliveryRange.byteCount == 16)
        #expect(Received.prefixByteCount == 16 && Received.messagePrefixByteCount == 8)
        #expect(Sent.frameByteCount == 20)
        #expect(Party.byteCount == 40)
        #expect(ListedChannel.byteCount == 5 && OfferedChannel.fixedByteCount == 25)
        #expect(WireLimits.magic == 0x444E_4843 && WireLimits.version == 1)
        #expect(WireLimits.maxHandshakeBodyBytes == 256)
        #expect(WireLimits.hardMaxMessageBytes == 16_777_216)
        #expect(WireLimits.bodyOverheadBytes == 4096)
        #expect(WireLimits.maxSelectCases == 1024)
        #expect(WireLimits.maxNameBytes == 200 && WireLimits.maxTextBytes == 200)
        #expect(WireLimits.maxBatchMessages == 65_536)
        #expect(WireLimits.receiveBatchBytes == 262_144)
    }

    /// Every bit of OPEN, by itself, stands where the document says.
    @Test func optionsOfOpen() throws {
        func body(_ change: (inout OpenRequest) -> Void) -> [UInt8] {
            var open = OpenRequest(name: "", role: .send)
            change(&open)
            return open.encoded(request: 0)
        }
        func stated(_ change: (inout OpenRequest) -> Void) -> UInt8 { body(change)[18] }
        #expect(stated { _ in } == 0)
        #expect(stated { $0.capacity = 0 } == 1)
        #expect(stated { $0.typeTag = "" } == 2)
        #expect(stated { $0.closeWithLastSender = false } == 4)
        #expect(stated { $0.failWithLastReceiver = false } == 8)
        #expect(stated { $0.maxBytes = 0 } == 16)
        #expect(stated { $0.mode = 0 } == 32)
        #expect(stated { $0.owner = 0 } == 64)
        #expect(stated { $0.group = 0 } == 128)
        #expect(body { $0.closeWithLastSender = true }[17] == 1)
        #expect(body { $0.failWithLastReceiver = true }[17] == 2)
        #expect(body { $0.mustCreate = true }[5] == 1)
        #expect(body { $0.mustExist = true }[5] == 2)
        #expect(body { $0.keep = true }[5] == 4)
    }
}
