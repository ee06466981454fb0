// SPDX-License-Identifier: Apache-2.0

import ChanWire
import Synchronization

/// A handle on a channel of a daemon, whatever its elements; closed when the last channel value with it goes.
///
/// Unchecked only because it has a subclass: everything in it is constant or atomic.
@usableFromInline
class RemoteHandle: @unchecked Sendable {
    let loop: ClientLoop
    let daemon: DaemonInfo
    let opened: Opened
    let role: ChannelRole
    /// Sends that no caller awaits.
    final let pipeline: SendPipeline
    /// Set when somebody has released the handle.
    ///
    /// From then on no operation may name it, since the daemon may use its number again. What it delivered
    /// before can still be settled.
    private let isReleased = Atomic<Bool>(false)
    /// The delivery that passed the handle, if one did: what it names depends on that.
    fileprivate let offer: ChannelOffer?

    init(loop: ClientLoop, daemon: DaemonInfo, opened: Opened, role: ChannelRole, offer: ChannelOffer? = nil)
    {
        self.loop = loop
        self.daemon = daemon
        self.offer = offer
        self.opened = opened
        self.role = role
        pipeline = SendPipeline(maxWaiting: daemon.limits.maxWaitingOperations)
    }

    deinit {
        if isReleased.load(ordering: .relaxed) { return }
        if let offer { offer.letGo(opened.handle) } else { loop.abandonHandle(opened.handle) }
    }

    final var limits: DaemonLimits { daemon.limits }

    final var number: UInt32 { opened.handle }
    final var name: String { opened.name }

    /// Why an operation can't use the handle.
    final func obstacle() -> ChandError? {
        guard isReleased.load(ordering: .acquiring) else { return offer?.obstacle(for: name) }
        return ChandError(.handleClosed, "the channel was released before", channel: name)
    }

    /// Decodes a message into memory for one element of the channel's type.
    func decode(_ message: MessageBytes, into target: UnsafeMutableRawPointer) throws {
        preconditionFailure("a handle whose elements nobody knows receives nothing")
    }

    /// Marks the handle as released; true for the one caller who is to close it.
    final func markReleased() -> Bool {
        !isReleased.exchange(true, ordering: .acquiringAndReleasing)
    }
}

/// What can be asked about a handle without its elements.
extension RemoteHandle {
    /// Closes the handle and returns when the daemon has.
    final func release() async {
        guard markReleased() else { return }
        if let offer, !offer.isSettled { return offer.letGo(opened.handle) }
        let number = number
        // It fails only where the connection is gone, and the handle with it.
        try? await loop.request(
            channel: name, encode: { SimpleFrame.handle(.closeHandle, request: $0, handle: number) },
            decode: { frame throws(WireFault) in try frame.expect(.done) })
    }

    /// Gives up receiving.
    final func stop() async throws {
        let number = number
        try await loop.request(
            channel: name, handle: self,
            encode: { SimpleFrame.handle(.stop, request: $0, handle: number) },
            decode: { frame throws(WireFault) in try frame.expect(.done) })
    }

    /// Closes the channel; true if this call did.
    final func close(_ reason: CloseReason) async throws -> Bool {
        let number = number
        guard reason.text.utf8.count <= WireLimits.maxTextBytes else {
            throw ChandError(
                .invalidArgument, "the reason's text is over \(WireLimits.maxTextBytes) bytes", channel: name)
        }
        return try await loop.request(
            channel: name, handle: self,
            encode: {
                SimpleFrame.close(request: $0, handle: number, reason: reason.code, text: reason.text)
            },
            decode: { frame throws(WireFault) in
                try frame.expect(.done)
                return frame.header.field == 1
            })
    }

    /// Asks for the channel's state.
    final func status() async throws -> ChannelStatus {
        let number = number
        return try await loop.request(
            channel: name, handle: self,
            encode: { InspectRequest.handle(number).encoded(request: $0) },
            decode: ChannelStatus.init(answer:))
    }
}
