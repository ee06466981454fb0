// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

extension ChandClient {
    /// A connection to a daemon for code that blocks: no task, no thread of its own.
    ///
    /// ```swift
    /// let client = try ChandClient.Blocking()
    /// let jobs = try client.channel("jobs", capacity: 16, of: String.self)
    /// while let job = try jobs.next() { print(job) }
    /// client.close()
    /// ```
    ///
    /// Every call writes, waits and reads on the calling thread, and returns when the daemon has answered: an operation
    /// without a timeout is one write and one read. It is not `Sendable`, and neither are its channels: one thread at a
    /// time has them all. A lock would only make a second thread wait for as long as the first one receives; let it
    /// connect for itself.
    ///
    /// **Waiting.** Nothing ends a call early but its `timeout`; signals are handled meanwhile and the waiting goes on.
    /// Do not call it from a task that others need: the thread is blocked.
    ///
    /// **Settling.** What was received is settled with the next request, by ``settle()``, by ``close()``, or at once
    /// where ``settlesAtOnce`` says so, where the sender waits for that, and where the channel is closed (rule 19). So a
    /// process that dies right after a receive leaves the message to another receiver.
    ///
    /// **Losing the daemon.** It does not connect again: everything later fails with the error that the operation
    /// under way got, mostly ``ChandError/Code/connectionLost``. Make another client.
    public final class Blocking {
        let loop: ClientLoop
        /// Where the daemon listens.
        public let socket: SocketPath
        /// What the daemon has announced about itself and this session.
        public let daemon: DaemonInfo
        /// Whether a message is settled as soon as it was received, at the cost of a system call for each.
        @exclusivity(unchecked) public var settlesAtOnce = false
        @exclusivity(unchecked) private var isBusy = false

        /// Connects to a daemon, and blocks until it has accepted the session, at most for the time given.
        ///
        /// - Parameters:
        ///   - path: the daemon's socket; see ``SocketPath`` for where it is sought otherwise.
        ///   - name: what operators see of this client, up to 200 bytes; the program's name where it is nil.
        ///   - timeout: how long to wait for the daemon, which may have to be started first.
        ///   - gracePeriod: how long the daemon may take to answer an operation whose time ran out, before it fails
        ///     with ``ChandError/Code/outcomeUnknown`` (rule 10), and to end the session.
        /// - Throws: ``ChandError``, as ``ChandClient/connect(to:name:timeout:gracePeriod:reconnect:busyLimit:)``.
        public init(
            to path: String? = nil, name: String? = nil, timeout: Duration = .seconds(10),
            gracePeriod: Duration = .seconds(5)
        ) throws {
            socket = SocketPath(path)
            do {
                loop = try ClientLoop(BusyNotice(limit: nil, .standardError), isDriven: true)
            } catch {
                throw ChandError(
                    .cannotConnect, "no descriptors for the client: \(error)", errno: error.errno)
            }
            let core = loop.core
            core.beginTurn()
            core.connection.connect(
                ConnectOperation(
                    socket, name: ChandClient.clientName(name), timeout: WireTime.positive(timeout),
                    gracePeriod: WireTime.positive(gracePeriod), reconnect: .never))
            core.drive { if case .greeting = core.connection.state { false } else { true } }
            if case .over(let error) = core.connection.state { throw error }
            guard let daemon = loop.session.daemon else { preconditionFailure("greeted by nobody") }
            self.daemon = daemon
        }

        deinit {
            // The child's copy of the connection is not its to end.
            guard loop.isHere else { return }
            // What was done later is among what was asked.
            _ = loop.core.takeShared()
            loop.core.connection.abort()
        }

        /// Settles what was received so far; does not wait for anything but room to write.
        ///
        /// - Throws: ``ChandError`` where the connection is lost.
        public func settle() throws {
            try call { connection in
                loop.core.drive { !connection.hasOutput }
                // Then there is nothing to write any more either.
                if case .over(let error) = connection.state { throw error }
            }
        }

        /// Settles what was received, and ends the session in order.
        ///
        /// Blocks until the daemon has ended the session, at most for the grace period. Later uses fail with
        /// ``ChandError/Code/clientClosed``; closing again does nothing.
        public func close() {
            guard loop.isHere, !isBusy else { return }
            let connection = loop.core.connection
            loop.core.beginTurn()
            connection.close(CloseOperation())
            loop.core.drive { if case .over = connection.state { true } else { false } }
            connection.closeIfOver()
        }

        /// Sends bytes to the daemon and back, and says how long that took.
        @discardableResult
        public func ping(_ payload: [UInt8] = []) throws -> Duration { try answer(to: loop.pinging(payload)) }

        // MARK: - For channels

        /// Runs an operation on the calling thread.
        ///
        /// - Parameter begin: begins it; by default without anything to encode.
        /// - Returns: its outcome, whose meaning its kind knows.
        func run<Kind: Operation>(
            _ operation: Kind, begin: (Connection, Kind) -> Void = { $0.begin($1) }
        ) throws -> Int {
            try call { connection in
                begin(connection, operation)
                loop.core.drive { operation.ending != nil }
                if connection.isUrgent || settlesAtOnce {
                    connection.isUrgent = false
                    loop.core.drive { !connection.hasOutput }
                }
            }
            guard let ending = operation.ending else { preconditionFailure("driven to no end") }
            return try ending.get()
        }

        /// Asks the daemon something that it answers at once.
        func answer<Answer>(to request: RequestOperation<Answer>) throws -> Answer {
            _ = try run(request)
            return request.received()
        }

        private func call(_ body: (Connection) throws -> Void) throws {
            guard loop.isHere else { throw ChandError.forked }
            guard !isBusy else {
                throw ChandError(.invalidArgument, "a codec can't use the client that it codes for")
            }
            isBusy = true
            defer { isBusy = false }
            loop.core.beginTurn()
            if case .over(let error) = loop.core.connection.state { throw error }
            try body(loop.core.connection)
        }
    }
}

/// Opening channels, as with ``ChandClient``; ``ChannelOptions/rejoin`` is refused, since nothing connects again.
extension ChandClient.Blocking {
    /// Opens a channel of bytes, texts, integers, truth values, or of a type that is its own ``ChanElement``; creates it
    /// where it does not exist (rule 14).
    ///
    /// - Parameters:
    ///   - name: relative to the user's own space, or absolute with a leading `/` (rule 25).
    ///   - capacity: 0 for a rendezvous, more for a buffer, -1 for an unbounded one; left to whoever states it where nil.
    ///   - type: what the channel carries.
    ///   - role: what this value may do.
    ///   - options: everything else.
    public func channel<Element: ChanElement>(
        _ name: String, capacity: Int? = nil, of type: Element.Type = Element.self, role: ChannelRole = .both,
        options: ChannelOptions = ChannelOptions()
    ) throws -> BlockingChan<Element> {
        try open(name, capacity, ElementCodec(native: type), role, options)
    }

    /// Opens a channel of any `Codable` type, sent as JSON.
    @_disfavoredOverload
    public func channel<Element: Codable & Sendable>(
        _ name: String, capacity: Int? = nil, of type: Element.Type = Element.self, role: ChannelRole = .both,
        options: ChannelOptions = ChannelOptions()
    ) throws -> BlockingChan<Element> {
        try open(name, capacity, ElementCodec(JSONCodec(for: type)), role, options)
    }

    /// Opens a channel with a codec of its own.
    public func channel<Element: Sendable>(
        _ name: String, capacity: Int? = nil, codec: some ChanCodec<Element>, role: ChannelRole = .both,
        options: ChannelOptions = ChannelOptions()
    ) throws -> BlockingChan<Element> {
        try open(name, capacity, ElementCodec(codec), role, options)
    }

    /// Makes a channel that a message passed usable here.
    ///
    /// - Parameter passed: from an element that was received through this client.
    /// - Throws: ``ChandError`` with `invalidArgument` for any other channel.
    public func channel<Element>(_ passed: Chan<Element>) throws -> BlockingChan<Element> {
        guard let remote = passed.backend.remote, remote.loop === loop else {
            throw ChandError(
                .invalidArgument, "the channel is not of this client's session", channel: passed.name)
        }
        return BlockingChan(self, remote)
    }

    private func open<Element: Sendable>(
        _ name: String, _ capacity: Int?, _ codec: ElementCodec<Element>, _ role: ChannelRole,
        _ options: ChannelOptions
    ) throws -> BlockingChan<Element> {
        guard !options.rejoin else {
            throw ChandError(.invalidArgument, "a blocking client does not connect again", channel: name)
        }
        let request = try options.request(name: name, role: role, capacity: capacity)
        let operation = OpenOperation(
            loop, request, role: role, codec: codec, rejoins: false, undecodable: options.undecodable)
        _ = try run(operation)
        return BlockingChan(self, operation.received())
    }
}
