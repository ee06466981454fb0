// SPDX-License-Identifier: Apache-2.0

import ChanWire

/// One WAIT frame: its outcome is 0, and `reason` what the close said.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class WaitOperation: Operation, @unchecked Sendable {
    private let handle: RemoteHandle?
    private let name: String
    private let condition: ChannelCondition
    private(set) var reason = CloseReason()

    /// Waits on a handle's channel, and ends with the handle.
    init(_ handle: RemoteHandle, until condition: ChannelCondition, timeout: Int64) {
        self.handle = handle
        name = handle.name
        self.condition = condition
        super.init(handle.loop, channel: handle.name, timeout: timeout)
    }

    /// Waits on the channel of that name.
    init(_ loop: ClientLoop, name: String, until condition: ChannelCondition, timeout: Int64) {
        handle = nil
        self.condition = condition
        self.name = name
        super.init(loop, channel: name, timeout: timeout)
    }

    override func obstacle() -> ChandError? { handle?.obstacle() }

    override func write(request: UInt64, to connection: Connection) {
        let (kind, count) = condition.onWire
        let subject = handle.map { WaitRequest.Subject.handle($0.number) } ?? .name(name)
        let wait = WaitRequest(kind, count: count, on: subject, timeout: timeout)
        connection.append(wait.encoded(request: request))
    }

    override func answered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        try frame.expect(.waited)
        let waited = try Waited(reading: frame.body)
        reason = CloseReason(code: waited.reason, waited.text)
        resume(returning: 0)
    }

    /// Waits, and says what a close said.
    func result() async throws -> CloseReason {
        _ = try await outcome()
        return reason
    }
}
