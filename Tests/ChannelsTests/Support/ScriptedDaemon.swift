// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanTestSupport
import ChanWire
import Channels

/// A daemon that says what a test tells it to, to one client: for what an honest daemon does seldom or never.
///
/// Unchecked: steps run one after the other, each on a thread of its own, so that no test blocks the threads
/// that tasks run on.
final class ScriptedDaemon: @unchecked Sendable {
    let directory: String
    let path: String
    private let listener: UnixListener
    private var peer: WireClient?

    init() throws {
        directory = try Files.makeTemporaryDirectory(prefix: "chand-script")
        path = directory + "/s"
        listener = try UnixSocket.listen(path: path)
    }

    deinit { try? Files.removeTree(directory) }

    static let welcome = Welcome(
        maxBodyBytes: 1 << 20, instance: 7, session: 1, maxMessageBytes: 1 << 16, maxSelectCases: 1024,
        maxWaiters: 1 << 16, maxHandles: 1 << 16, uid: 1000, daemonName: "scripted")

    /// Runs a step of the conversation.
    @discardableResult
    func step<Result: Sendable>(
        _ body: @escaping @Sendable (WireClient) throws -> Result
    ) async throws -> Result {
        guard let peer else { throw LiveFailure("nobody has connected") }
        let box = PeerBox(peer: peer)
        return try await onThread { try body(box.peer) }
    }

    /// Accepts the next connection, and answers HELLO.
    func accept(greets: Bool = true, instance: UInt64 = 7) async throws {
        let box = try await onThread { [self] in
            _ = try Transfer.wait(listener.descriptor, for: .read, until: Patience.deadline())
            guard case .connection(let descriptor) = listener.accept() else {
                throw LiveFailure("nobody connects")
            }
            let peer = try WireClient(taking: descriptor, greets: false)
            let hello = try peer.frame()
            guard hello.type == .hello else { throw LiveFailure("expected hello, got \(hello)") }
            if greets {
                var welcome = Self.welcome
                welcome.instance = instance
                try peer.write(welcome.encoded())
            }
            return PeerBox(peer: peer)
        }
        peer = box.peer
    }

    /// Closes the connection without a word.
    func hangUp() { peer = nil }

    /// Connects a client to a new daemon.
    static func connected(
        gracePeriod: Duration = .seconds(5), reconnect: ReconnectPolicy = .never
    ) async throws -> (ScriptedDaemon, ChandClient) {
        let daemon = try ScriptedDaemon()
        async let accepted: Void = daemon.accept()
        let client = try await ChandClient.connect(
            to: daemon.path, name: "test", timeout: Patience.duration, gracePeriod: gracePeriod,
            reconnect: reconnect)
        try await accepted
        return (daemon, client)
    }

    /// The same with a channel of texts open, as handle 3.
    static func opened(
        gracePeriod: Duration = .seconds(5), reconnect: ReconnectPolicy = .never,
        options: ChannelOptions = ChannelOptions()
    ) async throws -> (ScriptedDaemon, ChandClient, Chan<String>) {
        let (daemon, client) = try await connected(gracePeriod: gracePeriod, reconnect: reconnect)
        async let channel = client.channel("c", of: String.self, options: options)
        try await daemon.step { peer in
            let frame = try peer.expect(.open)
            try peer.write(opened(handle: 3).encoded(request: frame.header.request))
        }
        return (daemon, client, try await channel)
    }

    static func opened(handle: UInt32) -> Opened {
        Opened(handle: handle, capacity: 0, generation: 1, created: true, closed: false, name: "/uid/1000/c")
    }
}

private struct PeerBox: @unchecked Sendable {
    let peer: WireClient
}

/// One winner of a WON frame.
struct ScriptedWinner: Sendable {
    var caseIndex: UInt16
    var handle: UInt32
    var delivery: UInt64
    var bytes: [UInt8]

    /// The frame.
    static func frame(request: UInt64, more: Bool = false, _ winners: [ScriptedWinner]) -> [UInt8] {
        var writer = WireWriter(.won, flags: more ? Received.moreFlag : 0, request: request)
        writer.integer(UInt32(winners.count))
        for winner in winners {
            writer.integer(winner.caseIndex)
            writer.integer(UInt16(0))
            writer.integer(winner.handle)
            writer.integer(winner.delivery)
            writer.integer(UInt32(winner.bytes.count))
            writer.integer(UInt32(0))
            writer.raw(winner.bytes)
        }
        return writer.finish()
    }
}

/// Runs something that blocks on a thread of its own.
func onThread<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        do {
            _ = try NativeThread.start(name: "test-step") {
                continuation.resume(with: Swift.Result { try body() })
            }
        } catch {
            continuation.resume(throwing: error)
        }
    }
}

/// What a built program writes, line by line; it must succeed.
func outputLines(
    of program: String, _ arguments: [String] = [], environment: [String: String] = [:]
) throws -> [String] {
    let directory = try Files.makeTemporaryDirectory(prefix: "\(program)-test")
    defer { try? Files.removeTree(directory) }
    let output = try Files.open(writing: "\(directory)/out")
    let process = try ChildProcess.spawn(
        try BuiltProgram.path(program), arguments: arguments,
        environment: DaemonUnderTest.environment().merging(environment) { $1 },
        stdout: .descriptor(output.raw))
    defer { try? process.kill(.kill) }
    let status = try process.wait(timeoutMilliseconds: 2 * Patience.milliseconds)
    guard status == .exited(0) else { throw LiveFailure("\(program) ended with \(status as Any)") }
    return String(decoding: try Files.read("\(directory)/out"), as: UTF8.self).split(separator: "\n").map(
        String.init)
}

extension WireClient {
    /// The next frame, which must be of a type.
    func expect(_ type: FrameType) throws -> WireFrame {
        let frame = try frame()
        guard frame.type == type else { throw LiveFailure("expected \(type), got \(frame)") }
        return frame
    }

    /// The ranges of the next frame, which must settle or give back.
    func expectRanges(_ type: FrameType, seen: Bool = false) throws -> [DeliveryRange] {
        let frame = try expect(type)
        guard (frame.header.flags & GiveBackFlags.seen != 0) == seen else {
            throw LiveFailure("\(frame) is not marked as it should be")
        }
        return try frame.body.withUnsafeBytes { body throws(WireFault) in
            var reader = WireReader(body)
            var ranges: [DeliveryRange] = []
            while reader.remaining > 0 { ranges.append(try DeliveryRange(reading: &reader)) }
            return ranges
        }
    }

    /// Sends a RECEIVED frame.
    func deliver(
        _ messages: [UInt8]..., to request: UInt64, first: UInt64, handle: UInt32 = 3, caseIndex: UInt16 = 0,
        closed: Bool = false, more: Bool = false
    ) throws {
        var writer = WireWriter(
            .received, flags: (closed ? Received.closedFlag : 0) | (more ? Received.moreFlag : 0),
            field: caseIndex, request: request)
        writer.integer(handle)
        writer.integer(UInt32(messages.count))
        writer.integer(first)
        for message in messages {
            writer.integer(UInt32(message.count))
            writer.integer(UInt32(0))
            writer.raw(message)
        }
        try write(writer.finish())
    }

    /// Sends a SENT frame.
    func commit(_ request: UInt64, count: UInt32 = 1) throws {
        var writer = WireWriter(.sent, request: request)
        writer.integer(count)
        try write(writer.finish())
    }

    /// Sends a FAILED frame.
    func refuse(_ request: UInt64, _ code: FailureCode, accepted: UInt32 = 0, text: String = "") throws {
        try write(Failed(code, accepted: accepted, text: text).encoded(request: request))
    }
}
