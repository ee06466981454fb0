// SPDX-License-Identifier: Apache-2.0

import ChanCore
import ChanWire
import ChandServer

/// Sessions of several users around one broker, driven by an input as by a program.
///
/// A step begins with a byte: its lowest two bits say which session, the next three what happens.
///
/// | | what | bytes that follow |
/// |---|---|---|
/// | 0, 1, 2 | a frame | type, flags, field, request, length of the body, body |
/// | 3 | a frame in two pieces | as above, then the length of the first piece |
/// | 4 | any bytes | their number, bytes |
/// | 5 | time passes | the binary logarithm of its nanoseconds |
/// | 6 | the connection ends; the next step of the session begins another one | |
/// | 7 | one message of that many KiB, in pieces; 0: other limits instead | handle, KiB |
///
/// Afterwards the whole state is checked, every session ends and every channel is removed, and nothing may be left.
struct FuzzedSessions: ~Copyable {
    private let input: UnsafeRawBufferPointer
    /// How much of it is read.
    private var taken = 0
    /// A frame, to be run.
    private let frame = UnsafeMutableRawBufferPointer.allocate(
        byteCount: FrameHeader.byteCount + Int(UInt8.max), alignment: 16)
    private var sessions: DetachedSessions
    private var numbers: [Int?] = [nil, nil, nil, nil]
    private var now: UInt64 = 1
    private var hasFewer = false
    /// Two sessions of one user, one of another, one of an administrator.
    private static let users: [UInt32] = [1000, 1000, 1001, 0]
    private static let maxMessageBytes = 64 << 10
    private static let hello = Hello(features: .known, clientName: "fuzz").encoded()
    private static let longest = [UInt8](repeating: 0x5A, count: maxMessageBytes + 2 << 10)

    init(_ input: UnsafeRawBufferPointer, checksEveryFrame: Bool) {
        self.input = input
        var declared = OpenOptions(name: "/pub/declared", role: [])
        declared.capacity = 2
        declared.mode = 0o666
        declared.maxBytes = 8 << 10
        sessions = DetachedSessions(
            limits: Self.limits(fewer: false), spaces: Self.spaces(fewer: false),
            declared: [DeclaredChannel(declared)],
            maxMessageBytes: Self.maxMessageBytes, checksInvariants: checksEveryFrame)
    }

    /// Few of everything, so that every limit is in reach.
    private static func limits(fewer: Bool) -> BrokerLimits {
        var limits = BrokerLimits()
        limits.channelsPerUser = fewer ? 2 : 6
        limits.handlesPerSession = fewer ? 3 : 8
        limits.waitersPerSession = fewer ? 2 : 12
        limits.selectCases = fewer ? 2 : 6
        limits.messagesPerUser = fewer ? 4 : 40
        limits.bytesPerUser = fewer ? 1 << 10 : 160 << 10
        limits.listingsPerUser = fewer ? 2 : 8
        limits.receiveBatchBytes = 4 << 10
        limits.receiveBatchPrefixBytes = Received.messagePrefixByteCount
        return limits
    }

    private static func spaces(fewer: Bool) -> [Space] {
        fewer ? [] : [Space(name: "pub", groups: [1000], isOpenToAll: true)]
    }

    deinit { frame.deallocate() }

    mutating func run() {
        while let byte = next() {
            let index = Int(byte & 3)
            switch byte >> 2 & 7 {
            case 0, 1, 2: receive(nextFrame(), from: index)
            case 3:
                let frame = nextFrame()
                receive(frame, cutAt: Int(next() ?? 0), from: index)
            case 4: receive(take(Int(next() ?? 0)), from: index)
            case 5:
                now = now.addingReportingOverflow(1 << UInt64((next() ?? 0) & 63)).partialValue | now
                sessions.advance(to: now, Self.check)
            case 6:
                if let number = numbers[index] { sessions.end(number, Self.check) }
                numbers[index] = nil
            default: sendBig(from: index)
            }
        }
        sessions.check()
        guard sessions.removeAll() else { finding("something is left") }
        sessions.check()
    }

    private static func check(_ number: Int, _ frames: UnsafeRawBufferPointer) {
        FuzzedStream.forEachType(of: frames) { _ in }
    }

    private mutating func next() -> UInt8? {
        guard taken < input.count else { return nil }
        taken += 1
        return input[taken - 1]
    }

    private mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
        let end = min(taken + count, input.count)
        defer { taken = end }
        return UnsafeRawBufferPointer(rebasing: input[taken..<end])
    }

    /// Valid until the next one.
    private mutating func nextFrame() -> UnsafeRawBufferPointer {
        let type = next() ?? 0
        let flags = next() ?? 0
        let field = UInt16(next() ?? 0)
        let request = UInt64(next() ?? 0)
        let body = take(Int(next() ?? 0))
        var header = FrameHeader(.ping, length: body.count, flags: flags, field: field, request: request)
        header.rawType = type
        if let base = frame.baseAddress { header.write(to: base) }
        UnsafeMutableRawBufferPointer(rebasing: frame[FrameHeader.byteCount...]).copyMemory(from: body)
        return UnsafeRawBufferPointer(rebasing: frame[..<(FrameHeader.byteCount + body.count)])
    }

    private mutating func receive(_ bytes: UnsafeRawBufferPointer, cutAt cut: Int = 0, from index: Int) {
        let number = numbers[index] ?? connect(index)
        let cut = min(cut, bytes.count)
        for piece in [bytes[..<cut], bytes[cut...]] {
            sessions.receive(UnsafeRawBufferPointer(rebasing: piece), from: number, Self.check)
        }
        endIfOver(index)
    }

    private mutating func endIfOver(_ index: Int) {
        guard let number = numbers[index], sessions.hasEnded(number) else { return }
        sessions.end(number, Self.check)
        numbers[index] = nil
    }

    private mutating func connect(_ index: Int) -> Int {
        let number = sessions.connect(uid: Self.users[index])
        Self.hello.withUnsafeBytes { sessions.receive($0, from: number, Self.check) }
        numbers[index] = number
        return number
    }

    private mutating func sendBig(from index: Int) {
        let handle = UInt32(next() ?? 0)
        let size = (Int(next() ?? 0) % 66) << 10
        guard size > 0 else {
            hasFewer.toggle()
            sessions.reconfigure(
                limits: Self.limits(fewer: hasFewer), spaces: Self.spaces(fewer: hasFewer))
            return
        }
        let beginning =
            Frames.array(FrameHeader.byteCount + SendRequest.prefixByteCount) {
                SendRequest.write(
                    to: $0, request: 0xB16, handle: handle, count: 1, timeout: 0, messageBytes: 4 + size,
                    flags: 0)
            } + Frames.array(4) { $0.storeBytes(of: UInt32(size).littleEndian, as: UInt32.self) }
        let number = numbers[index] ?? connect(index)
        // The header, some of the body, the rest.
        beginning.withUnsafeBytes { bytes in
            for piece in [bytes[..<FrameHeader.byteCount], bytes[FrameHeader.byteCount...]] {
                sessions.receive(UnsafeRawBufferPointer(rebasing: piece), from: number, Self.check)
            }
        }
        Self.longest.withUnsafeBytes {
            sessions.receive(UnsafeRawBufferPointer(rebasing: $0[..<size]), from: number, Self.check)
        }
        endIfOver(index)
    }
}
