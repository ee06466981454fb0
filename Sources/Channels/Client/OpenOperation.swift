// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// Opens a channel; what it makes belongs to the session in which the daemon answered.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class OpenOperation<Element: Sendable>: Operation, @unchecked Sendable {
    private let request: OpenRequest
    private let role: ChannelRole
    private let codec: ElementCodec<Element>
    private let rejoins: Bool
    private let undecodable: UndecodableMessages
    private var opened: RemoteChannel<Element>?

    /// - Parameter rejoins: whether it is to be opened again in later sessions.
    init(
        _ loop: ClientLoop, _ request: OpenRequest, role: ChannelRole, codec: ElementCodec<Element>,
        rejoins: Bool, undecodable: UndecodableMessages = .giveBack
    ) {
        self.undecodable = undecodable
        self.request = request
        self.role = role
        self.codec = codec
        self.rejoins = rejoins
        super.init(loop, channel: request.name)
    }

    override var isWithdrawable: Bool { false }

    override func write(request: UInt64, to connection: Connection) {
        connection.append(self.request.encoded(request: request))
    }

    override func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        try frame.expect(.opened)
        let answer = try Opened(frame.header, reading: frame.body)
        let handle = RemoteChannel(
            loop: loop, opened: answer, role: role, codec: codec,
            reopening: rejoins ? request.again : nil, undecodable: undecodable)
        if rejoins { connection.reconnecting.add(handle) }
        opened = handle
        resume(returning: 0)
    }

    /// Asks the daemon and suspends until it has answered.
    func result() async throws -> RemoteChannel<Element> {
        _ = try await outcome()
        return received()
    }

    /// What the daemon has opened, once that is the outcome.
    func received() -> RemoteChannel<Element> {
        guard let opened else { preconditionFailure("a channel was opened without an answer") }
        return opened
    }
}

extension OpenRequest {
    /// The same for whatever is there now.
    fileprivate var again: OpenRequest {
        var request = self
        request.mustCreate = false
        request.mustExist = false
        return request
    }
}

/// Opens a handle again, in a new session, before anything else is asked there.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class RejoinOperation: Operation, @unchecked Sendable {
    private let handle: RemoteHandle
    private let request: OpenRequest

    init(_ handle: RemoteHandle, _ request: OpenRequest) {
        self.handle = handle
        self.request = request
        super.init(handle.loop, channel: handle.name)
    }

    override var isWithdrawable: Bool { false }

    override func write(request: UInt64, to connection: Connection) {
        connection.append(self.request.encoded(request: request))
    }

    override func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        try frame.expect(.opened)
        let opened = try Opened(frame.header, reading: frame.body)
        let previous = handle.generation
        if handle.isReleased {
            connection.abandonHandle(opened.handle)
        } else {
            handle.rejoin(as: opened)
        }
        connection.rejoined(
            RejoinedChannel(
                name: handle.name, previousGeneration: previous, generation: opened.generation,
                wasCreated: opened.created, error: nil))
    }

    override func failed(_ failure: Failed, on connection: Connection) {
        let reason = DaemonFailure.error(failure, channel: nil)
        let error = ChandError(
            .channelGone, "the channel could not be opened again after the connection was lost: \(reason)",
            channel: handle.name, underlying: "\(reason)")
        handle.isGone(error)
        connection.rejoined(
            RejoinedChannel(
                name: handle.name, previousGeneration: handle.generation, generation: nil, wasCreated: false,
                error: error))
    }

    /// The connection is lost again: the next session begins from the start.
    override func fail(_ error: any Error) {}
}
