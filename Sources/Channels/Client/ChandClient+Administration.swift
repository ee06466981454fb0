// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// Looking after channels: what `chanctl` is made of.
///
/// All these suspend until the daemon has answered, which it does at once, and throw ``ChandError``.
extension ChandClient {
    /// One page of the channels that this user may inspect.
    ///
    /// - Parameters:
    ///   - cursor: where to go on; nil for the first page.
    ///   - count: the most channels to return. A page may hold fewer, even none, although more follow.
    public func channels(from cursor: ChannelPage.Cursor? = nil, count: Int = 256) async throws -> ChannelPage
    {
        let request = ListRequest(cursor: cursor?.position ?? 0, count: UInt32(clamping: max(count, 1)))
        return try await loop.request(
            channel: nil, encode: { request.encoded(request: $0) },
            decode: { frame throws(WireFault) in
                try frame.expect(.listed)
                let listed = try Listed(reading: frame.body)
                return ChannelPage(
                    channels: listed.channels.map(ChannelStatus.init),
                    next: listed.next == 0 ? nil : ChannelPage.Cursor(position: listed.next))
            })
    }

    /// All channels that this user may inspect, page by page.
    public func list() -> ChannelList { ChannelList(client: self) }

    /// The state of a channel, without opening it.
    ///
    /// - Throws: ``ChandError`` with `noSuchChannel` or `notPermitted`, among others.
    public func inspect(_ name: String) async throws -> ChannelStatus {
        try await loop.request(
            channel: name, encode: { InspectRequest.name(name).encoded(request: $0) },
            decode: ChannelStatus.init(answer:))
    }

    /// Who holds a channel and who waits on it.
    public func describe(_ name: String) async throws -> [ChannelParty] {
        var parties: [ChannelParty] = []
        var cursor: UInt64 = 0
        repeat {
            let request = DescribeRequest(name: name, cursor: cursor)
            let page = try await loop.request(
                channel: name, encode: { request.encoded(request: $0) },
                decode: { frame throws(WireFault) in
                    try frame.expect(.described)
                    return try Described(reading: frame.body)
                })
            parties += page.parties.map(ChannelParty.init)
            cursor = page.next
        } while cursor != 0
        return parties
    }

    /// Frees a channel's name at once; its handles drain what is in it (rule 15).
    public func remove(_ name: String) async throws {
        try await loop.request(
            channel: name, encode: { SimpleFrame.name(.remove, request: $0, name: name) },
            decode: { frame throws(WireFault) in try frame.expect(.done) })
    }

    /// Sends bytes to the daemon and back.
    ///
    /// Everything that this client asked for before has been acted on when it returns.
    ///
    /// - Parameter payload: what is sent; up to ``DaemonLimits/maxBodyBytes``.
    /// - Returns: how long it took, from the call to the answer's arrival.
    @discardableResult
    public func ping(_ payload: [UInt8] = []) async throws -> Duration {
        try await loop.pinging(payload).result()
    }
}

extension ClientLoop {
    /// Makes the request that sends bytes to the daemon and back; its answer is how long that took from now on.
    func pinging(_ payload: [UInt8]) throws -> RequestOperation<Duration> {
        guard payload.count <= session.limits.maxBodyBytes else {
            throw ChandError(.messageTooLarge, "a ping of \(payload.count) bytes")
        }
        let start = MonotonicClock.now()
        return RequestOperation(
            self, channel: nil, encode: { SimpleFrame.ping(request: $0, payload: payload) },
            decode: { frame throws(WireFault) in
                try frame.expect(.pong)
                guard frame.body.elementsEqual(payload) else {
                    throw WireFault(.malformed, "PONG with another payload")
                }
                return .nanoseconds(Int64(clamping: MonotonicClock.now() - start))
            })
    }
}

/// A part of the list of channels.
public struct ChannelPage: Sendable {
    /// A place in the list.
    public struct Cursor: Hashable, Sendable {
        let position: UInt64
    }
    /// The channels of this part.
    public let channels: [ChannelStatus]
    /// Where the next part begins; nil at the end.
    public let next: Cursor?
}

/// All channels that a user may inspect; asks for one page after the other as they are iterated over.
public struct ChannelList: AsyncSequence, Sendable {
    /// The elements of the list.
    public typealias Element = ChannelStatus
    let client: ChandClient

    /// Walks the list.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let client: ChandClient
        private var page: ChannelPage?
        private var index = 0

        init(_ client: ChandClient) { self.client = client }

        /// The next channel; nil at the end.
        public mutating func next(
            isolation actor: (any Actor)? = #isolation
        ) async throws -> ChannelStatus? {
            while true {
                if let page, index < page.channels.count {
                    index += 1
                    return page.channels[index - 1]
                }
                if let page, page.next == nil { return nil }
                page = try await client.channels(from: page?.next)
                index = 0
            }
        }
    }

    /// Begins at the first page.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(client) }
}

/// A handle on a channel, or an operation that waits on it.
public struct ChannelParty: Hashable, Sendable {
    /// What it is.
    public enum Kind: Hashable, Sendable {
        /// An open handle.
        case handle
        /// A send that waits.
        case waitingSend
        /// A receive that waits.
        case waitingReceive
    }
    /// What it is.
    public let kind: Kind
    /// What a handle may do.
    public let role: ChannelRole
    /// Whether what waits is a case of a select.
    public let isInSelect: Bool
    /// The session's number.
    public let session: UInt64
    /// The process that connected, as the kernel says.
    public let process: Int32
    /// Its user.
    public let user: UInt32
    /// For how long it has waited, or a handle been open.
    public let waited: Duration
    /// How long ago the session began, up to seven weeks: a process that is younger is another one with the same
    /// number.
    public let sessionAge: Duration

    init(_ party: Party) {
        switch party.kind {
        case .handle: kind = .handle
        case .sendWaiter: kind = .waitingSend
        case .receiveWaiter: kind = .waitingReceive
        }
        role = ChannelRole(rawValue: party.role.rawValue)
        isInSelect = party.inSelect
        session = party.session
        process = Int32(bitPattern: party.pid)
        user = party.uid
        waited = .nanoseconds(Int64(clamping: party.nanoseconds))
        sessionAge = .milliseconds(party.age)
    }
}
