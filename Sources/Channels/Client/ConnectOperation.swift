// SPDX-License-Identifier: Apache-2.0

/// The request for a connection, on its way to the loop and back.
///
/// Unchecked: the calling task's until it is handed to the loop, the loop's from then on.
final class ConnectOperation: @unchecked Sendable {
    let path: String
    let origin: SocketPath.Origin
    let name: String
    /// Nanoseconds for everything up to WELCOME.
    let timeout: UInt64
    /// Nanoseconds for the answer to a CANCEL, later.
    let gracePeriod: UInt64
    /// What to do when the connection is lost, later.
    let reconnect: ReconnectPolicy
    var isCancelled = false
    var continuation: UnsafeContinuation<Void, any Error>?

    init(_ socket: SocketPath, name: String, timeout: UInt64, gracePeriod: UInt64, reconnect: ReconnectPolicy)
    {
        path = socket.path
        origin = socket.origin
        self.name = name
        self.timeout = timeout
        self.gracePeriod = gracePeriod
        self.reconnect = reconnect
    }

    func succeed() { continuation.take()?.resume() }
    func fail(_ error: any Error) { continuation.take()?.resume(throwing: error) }
}

/// The request for the connection's end, which can't fail.
///
/// Unchecked, as ``ConnectOperation``.
final class CloseOperation: @unchecked Sendable {
    var continuation: UnsafeContinuation<Void, Never>?

    func succeed() { continuation.take()?.resume() }
}
