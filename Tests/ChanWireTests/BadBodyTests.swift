// SPDX-License-Identifier: Apache-2.0

import ChanFuzzing
import ChanWire
import Testing

/// Every way in which a body can contradict its type gives the fault `malformed`.
@Suite struct BadBodyTests {
    /// Kinds to which a later version may append fields: more bytes are no fault there.
    private static let extensible: Set<FrameType> = [.welcome, .goodbye, .opened, .failed]
    /// Kinds whose body is any bytes.
    private static let free: Set<FrameType> = [.ping, .pong]
    /// Kinds whose body is a row of records, so that it may end behind each of them.
    private static let rows: Set<FrameType> = [.settle, .giveBack, .receipt]

    private static func type(of frame: [UInt8]) -> FrameType? { FrameType(rawValue: frame[4]) }

    private static func fault(_ frame: [UInt8]) -> WireFault? {
        do throws(WireFault) {
            _ = try Reencoding.frame(frame)
            return nil
        } catch {
            return error
        }
    }

    private static func expectMalformed(
        _ frame: [UInt8], _ text: String, at location: SourceLocation = #_sourceLocation
    ) {
        let fault = fault(frame)
        #expect(fault?.code == .malformed, sourceLocation: location)
        #expect(fault?.text.contains(text) == true, "\(fault?.text ?? "no fault")", sourceLocation: location)
    }

    /// The frame with the bytes at `offset` of its body replaced.
    private static func patched(_ frame: [UInt8], _ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
        var frame = frame
        for (index, byte) in bytes.enumerated() { frame[FrameHeader.byteCount + offset + index] = byte }
        return frame
    }

    @Test func truncatedAtEveryByte() {
        for frame in Corpus.small {
            guard let type = Self.type(of: frame), !Self.free.contains(type) else { continue }
            for end in FrameHeader.byteCount..<max(frame.count, FrameHeader.byteCount) {
                let whole = Self.rows.contains(type) && (end - FrameHeader.byteCount) % 16 == 0
                let fault = Self.fault(Array(frame[..<end]))
                #expect(whole ? fault == nil : fault?.code == .malformed, "\(type) cut at \(end)")
            }
        }
    }

    @Test func excessBytes() {
        for frame in Corpus.small {
            guard let type = Self.type(of: frame), !Self.free.contains(type) else { continue }
            let fault = Self.fault(frame + [0])
            if Self.extensible.contains(type) {
                #expect(fault == nil, "\(type)")
            } else {
                #expect(fault?.code == .malformed, "\(type)")
            }
        }
    }

    @Test func appendedFieldsOfAStatusAreSkipped() throws {
        let plain = Frames.inspected(request: 1, Corpus.status(3, "jobs"))
        var longer = plain + [1, 2, 3, 4]
        longer[FrameHeader.byteCount] += 4
        #expect(try Reencoding.frame(longer) == plain)
        longer[FrameHeader.byteCount] += 1
        Self.expectMalformed(longer, "ends before")
    }

    /// Every field of text, with a byte in it that UTF-8 does not have.
    @Test func badUTF8() {
        var open = OpenRequest(name: "nnnn", role: .both)
        open.typeTag = "tttt"
        var leased = ReceiveRequest(handle: 1, timeout: 0)
        leased.lease = WireLease(nanoseconds: 1, attemptLimit: 1, deadLetter: "nnnn")
        var status = ChannelStatus()
        (status.name, status.closeText, status.typeTag) = ("nnnn", "cccc", "tttt")
        let frames: [[UInt8]] = [
            Hello(clientName: "nnnn").encoded(),
            Welcome(
                maxBodyBytes: 0, instance: 0, session: 0, maxMessageBytes: 0, maxSelectCases: 0,
                maxWaiters: 0, maxHandles: 0, uid: 0, daemonName: "nnnn"
            ).encoded(),
            Goodbye(.done, "nnnn").encoded(),
            open.encoded(request: 1),
            Opened(handle: 0, capacity: 0, generation: 0, created: false, closed: false, name: "nnnn")
                .encoded(request: 1),
            SimpleFrame.close(request: 1, handle: 0, reason: 0, text: "nnnn"),
            SimpleFrame.name(.remove, request: 1, name: "nnnn"),
            SimpleFrame.name(.pause, request: 1, name: "nnnn"),
            SimpleFrame.name(.resume, request: 1, name: "nnnn"),
            SimpleFrame.name(.restore, request: 1, name: "nnnn"),
            PeekRequest(name: "nnnn", count: 1).encoded(request: 1),
            PurgeRequest(name: "nnnn").encoded(request: 1),
            Frames.receive(request: 1, leased),
            InspectRequest.name("nnnn").encoded(request: 1),
            DescribeRequest(name: "nnnn").encoded(request: 1),
            Failed(.closed, text: "nnnn").encoded(request: 1),
            Frames.inspected(request: 1, status),
            Listed(next: 0, channels: [status]).encoded(request: 1),
        ]
        for frame in frames {
            for letter in ["n", "c", "t"].compactMap(\.utf8.first) {
                let run = [UInt8](repeating: letter, count: 4)
                let starts = frame.indices.dropLast(3).filter { Array(frame[$0..<$0 + 4]) == run }
                for start in starts {
                    var bad = frame
                    bad[start + 3] = 0xC3
                    Self.expectMalformed(bad, "UTF-8")
                    bad[start + 2...start + 3] = [0xC0, 0x80]
                    Self.expectMalformed(bad, "UTF-8")
                }
                #expect(letter != UInt8(ascii: "n") || starts.count == 1)
            }
        }
    }

    @Test func helloFromSomebodyElse() {
        let hello = Hello(clientName: "x").encoded()
        Self.expectMalformed(Self.patched(hello, 0, Array("HTTP".utf8)), "no chand client")
        Self.expectMalformed(Hello(clientName: String(repeating: "x", count: 201)).encoded(), "over 200")
        #expect(Self.fault(Hello(clientName: String(repeating: "x", count: 200)).encoded()) == nil)
    }

    @Test func rolesAndOptionsOfOpen() {
        let open = OpenRequest(name: "x", role: .send).encoded(request: 1)
        for role: UInt8 in 0...255 {
            let fault = Self.fault(Self.patched(open, 0, [role]))
            #expect((fault == nil) == (1...3).contains(role), "role \(role)")
        }
        for bit in 0..<16 {
            let fault = Self.fault(Self.patched(open, bit < 8 ? 2 : 3, [1 << UInt8(bit % 8)]))
            #expect((fault == nil) == [0, 1, 2, 3, 5, 6, 7].contains(bit), "stated bit \(bit)")
        }
    }

    @Test func countsOfSend() {
        let one = Frames.send(request: 1, handle: 1, [[]])
        Self.expectMalformed(Self.patched(Frames.send(request: 1, handle: 1, []), 4, [0]), "0 messages")
        Self.expectMalformed(Self.patched(one, 4, [1, 0, 1, 0]), "65537 messages")
        Self.expectMalformed(Self.patched(one, 4, [0xFF, 0xFF, 0xFF, 0xFF]), "4294967295 messages")
        Self.expectMalformed(Self.patched(one, 4, [2]), "ends before")
        Self.expectMalformed(Self.patched(one, 16, [1]), "ends before")
        Self.expectMalformed(Self.patched(one, 16, [0xFF, 0xFF, 0xFF, 0xFF]), "ends before")
        Self.expectMalformed(Self.patched(Frames.send(request: 1, handle: 1, [[], []]), 4, [1]), "follow")
        let most = Frames.send(request: 1, handle: 1, Array(repeating: [], count: 65_536))
        #expect(Self.fault(most) == nil)
    }

    @Test func countsOfReceiveAndReceived() {
        let receive = Frames.receive(request: 1, ReceiveRequest(handle: 1, timeout: 0))
        Self.expectMalformed(Self.patched(receive, 4, [0]), "no message")
        #expect(Self.fault(Self.patched(receive, 4, [0xFF, 0xFF, 0xFF, 0xFF])) == nil)
        let received = Frames.received(request: 1, handle: 1, first: 1, [.init(bytes: [7])])
        Self.expectMalformed(Self.patched(received, 4, [2]), "ends before")
        Self.expectMalformed(Self.patched(received, 4, [0xFF, 0xFF, 0xFF, 0xFF]), "ends before")
        Self.expectMalformed(Frames.received(request: 1, handle: 1, first: 1, []), "no message")
        Self.expectMalformed(Self.patched(received, 16, [0]), "follow")
    }

    /// The flag for a lease and the terms behind the fixed fields go together.
    @Test func termsOfALeasedReceive() {
        var leased = ReceiveRequest(handle: 1, timeout: 0)
        leased.lease = WireLease(nanoseconds: 1, attemptLimit: 2, deadLetter: "dead")
        var frame = Frames.receive(request: 1, leased)
        #expect(Self.fault(frame) == nil)
        frame[5] = 0
        Self.expectMalformed(frame, "follow")
        var plain = Frames.receive(request: 1, ReceiveRequest(handle: 1, timeout: 0))
        plain[5] = ReceiveRequest.leasedFlag
        Self.expectMalformed(plain, "ends before")
    }

    @Test func actionsOfLease() {
        for action: UInt16 in 0...9 {
            var frame = LeaseRequest(.done, handle: 1, delivery: 1).encoded(request: 1)
            frame[6] = UInt8(action)
            if action <= 2 {
                #expect(Self.fault(frame) == nil)
            } else {
                Self.expectMalformed(frame, "unknown action")
            }
        }
    }

    @Test func casesOfSelect() {
        let select = Frames.select(
            request: 1, timeout: 0, [(.receive, 1, false, []), (.send, 1, false, [7])])
        Self.expectMalformed(Self.patched(select, 8, [3]), "unknown kind")
        Self.expectMalformed(Self.patched(select, 8, [255]), "unknown kind")
        Self.expectMalformed(Self.patched(select, 20, [1]), "does not send")
        Self.expectMalformed(Self.patched(select, 20, [0]), "does not send")
        let several = Frames.select(request: 1, timeout: 0, limit: 2, [])
        #expect(Self.fault(several) == nil)
        Self.expectMalformed(Self.patched(several, 8, [0]), "no message")
        Self.expectMalformed(Frames.select(request: 1, timeout: 0, count: 1, []), "ends before")
        for (count, text) in [(1024, "ends before"), (1025, "1025 cases"), (65_535, "65535 cases")] {
            Self.expectMalformed(Frames.select(request: 1, timeout: 0, count: count, []), text)
        }
        let nils = [(kind: SelectCase.Kind.never, handle: UInt32(0), drained: false, message: [UInt8]())]
        #expect(Self.fault(Frames.select(request: 1, timeout: 0, (0..<1024).flatMap { _ in nils })) == nil)
    }

    @Test func kindsAndCountsOfInspection() {
        let inspect = Frames.frame(.inspect, field: 2, request: 1, body: [0, 0, 0, 0])
        Self.expectMalformed(inspect, "unknown kind")
        let party = Party(
            kind: .handle, role: .send, inSelect: false, session: 1, pid: 1, uid: 1, request: 0,
            nanoseconds: 0, age: 0)
        let described = Described(next: 0, parties: [party]).encoded(request: 1)
        for kind: UInt8 in [0, 4, 255] {
            Self.expectMalformed(Self.patched(described, 12, [kind]), "unknown kind")
        }
        let many: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
        Self.expectMalformed(Self.patched(described, 8, many), "ends before")
        Self.expectMalformed(
            Self.patched(Listed(next: 0, channels: []).encoded(request: 1), 8, many), "ends before")
        let waiting = WaitingListed(next: 0, waiting: [WaitingRecord()]).encoded(request: 1)
        for kind: UInt8 in [0, 6, 255] {
            Self.expectMalformed(Self.patched(waiting, 12 + 56, [kind]), "unknown kind")
        }
        let events = Events(dropped: 0, events: [EventRecord(.open)]).encoded(request: 1)
        for kind: UInt8 in [0, 9, 255] {
            Self.expectMalformed(Self.patched(events, 12 + 44, [kind]), "unknown kind")
        }
        let counted = [
            events,
            waiting, SessionsListed(next: 0, sessions: [SessionRecord()]).encoded(request: 1),
        ]
        for frame in counted { Self.expectMalformed(Self.patched(frame, 8, many), "ends before") }
        let measured = Measured(delivered: 0, nanoseconds: 0, buckets: []).encoded(request: 1)
        Self.expectMalformed(Self.patched(measured, 16, many), "ends before")
        let listed = Listed(next: 0, channels: [ChannelStatus()]).encoded(request: 1)
        Self.expectMalformed(Self.patched(listed, 12, [0]), "ends before")
        Self.expectMalformed(Self.patched(listed, 12, many), "ends before")
    }

    @Test func faultsSayWhatTheyAre() {
        let fault = WireFault(.frameTooLarge, "too much")
        #expect("\(fault)" == "frameTooLarge: too much")
    }
}
