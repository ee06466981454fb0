// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// A connection to a daemon: one session there, and one thread here.
///
/// ```swift
/// let client = try await ChandClient.connect()
/// try await client.run {
///     let jobs = try await client.channel("jobs", capacity: 16, of: String.self)
///     try await jobs.send("hello")
/// }
/// await client.close()
/// ```
///
/// Any task may use it and its channels. Tasks inside ``run(_:)`` run on the client's own thread, without locks
/// and thread hops, and what many of them send in one turn is written at once: that is several times faster.
///
/// The session ends with ``close()``, or when the client and all its channels are gone.
///
/// Where the connection is lost, everything under way fails at once with ``ChandError/Code/connectionLost``, and the
/// client connects again when the daemon is back (``ReconnectPolicy``). What begins meanwhile waits for that. Channels
/// opened with ``ChannelOptions/rejoin`` are opened again; the others fail with ``ChandError/Code/channelGone``.
/// Leases and iterations of the old session stay ended. ``states`` tells what happens.
public final class ChandClient: Sendable {
    let loop: ClientLoop
    /// Where the daemon listens.
    public let socket: SocketPath
    /// What the daemon has announced about itself and this session; the last one, where the connection was lost.
    public var daemon: DaemonInfo {
        guard let daemon = loop.session.daemon else { preconditionFailure("a client that never connected") }
        return daemon
    }

    private init(loop: ClientLoop, socket: SocketPath) {
        self.loop = loop
        self.socket = socket
    }

    /// Connects to a daemon.
    ///
    /// Suspends until the daemon has accepted the session, at most for the time given. Cancelling the task gives
    /// up.
    ///
    /// - Parameters:
    ///   - path: the daemon's socket; see ``SocketPath`` for where it is sought otherwise.
    ///   - name: what operators see of this client, up to 200 bytes; the program's name where it is nil.
    ///   - timeout: how long to wait for the daemon, which may have to be started first.
    ///   - gracePeriod: how long the daemon may take to answer an operation whose time ran out or whose task was
    ///     cancelled, before the operation fails with ``ChandError/Code/outcomeUnknown`` (rule 10), and to end the session.
    ///   - reconnect: what to do when the connection is lost later.
    ///   - busyLimit: where what runs on the client's thread (see ``run(_:)``) keeps it from the connection for longer, a
    ///     line on standard error says so, once a client; nil for never.
    /// - Throws: ``ChandError`` with `daemonNotRunning`, `notPermitted`, `pathTooLong`, `versionMismatch`,
    ///   `timeout`, `quotaExceeded` or `cannotConnect`; `CancellationError`.
    public static func connect(
        to path: String? = nil, name: String? = nil, timeout: Duration = .seconds(10),
        gracePeriod: Duration = .seconds(5), reconnect: ReconnectPolicy = .automatic(),
        busyLimit: Duration? = .seconds(1)
    ) async throws -> ChandClient {
        try await connect(
            to: path, name: name, timeout: timeout, gracePeriod: gracePeriod, reconnect: reconnect,
            busyLimit: busyLimit, log: .standardError)
    }

    /// The same with a log of the caller's.
    static func connect(
        to path: String?, name: String?, timeout: Duration, gracePeriod: Duration, reconnect: ReconnectPolicy,
        busyLimit: Duration?, log: ClientLog
    ) async throws -> ChandClient {
        let socket = SocketPath(path)
        let loop: ClientLoop
        do {
            loop = try ClientLoop(BusyNotice(limit: busyLimit, log))
        } catch {
            throw ChandError(.cannotConnect, "no thread for the client: \(error)", errno: error.errno)
        }
        let operation = ConnectOperation(
            socket, name: Self.clientName(name), timeout: WireTime.positive(timeout),
            gracePeriod: WireTime.positive(gracePeriod), reconnect: reconnect)
        try await suspend { continuation in
            operation.continuation = continuation
            loop.connect(operation)
        } onCancel: {
            loop.giveUp(operation)
        }
        return ChandClient(loop: loop, socket: socket)
    }

    static func clientName(_ given: String?) -> String {
        let whole = given ?? CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? ""
        var name = whole
        while name.utf8.count > WireLimits.maxTextBytes { name.removeLast() }
        return name
    }

    /// Runs a body on the client's own thread, with all tasks that it starts as `async let` or in task groups.
    ///
    /// A `Task { }` started inside does not inherit that; ``go(_:)`` does.
    /// Code on an actor, the main actor included, stays on its actor. The body must not block the thread: all
    /// of the client waits meanwhile, and where that takes long a line on standard error says so.
    ///
    /// In a forked child the body runs on no special thread, and whatever it asks of this client fails.
    ///
    /// - Returns: what the body returns.
    /// - Throws: what the body throws, and nothing else.
    @concurrent
    public func run<Result: Sendable, Failure: Error>(
        _ body: @escaping @Sendable @concurrent () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        guard loop.isHere else { return try await body() }
        return try await withTaskExecutorPreference(loop) { () async throws(Failure) -> Result in
            // A task-local value knows no typed errors.
            let result = await ClientLoop.$current.withValue(loop) {
                () async -> Swift.Result<Result, Failure> in
                do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
            }
            return try result.get()
        }
    }

    /// The client's thread, for `Task(executorPreference:)`.
    public var executor: any TaskExecutor { loop }

    /// Ends the session in order.
    ///
    /// Operations under way fail with ``ChandError/Code/clientClosed``; what had been received for them goes back
    /// unseen. Returns when the daemon has ended the session, or after the grace period; cancelling the task changes
    /// nothing. Later uses fail with `clientClosed`; closing again returns at once.
    public func close() async {
        let operation = CloseOperation()
        await withUnsafeContinuation { continuation in
            operation.continuation = continuation
            loop.close(operation)
        }
    }
}
