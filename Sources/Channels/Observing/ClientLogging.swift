// SPDX-License-Identifier: Apache-2.0

#if Logging
    public import Logging

    /// What happens to a client, for a log: with the package's trait `Logging`.
    extension ChandClient {
        /// Logs what happens to the connection from now on, with the present state first.
        ///
        /// At `info` that it is there, there again, or was closed; at `warning` that it was lost, which channels could not
        /// be opened again, and once that something has kept the client's thread for longer than its `busyLimit`; at `error`
        /// that the daemon ended it for good; at `debug` each attempt to connect. Does not wait.
        ///
        /// - Parameter logger: told on the client's thread, which it should not hold up.
        public func log(to logger: Logger) {
            let socket = socket.path
            logger.log(.connected(daemon), at: socket)
            loop.session.observers.add { event in
                switch event {
                case .state(let state): logger.log(state, at: socket)
                case .attempt(let number, let failure):
                    logger.debug(
                        "seeking the daemon",
                        metadata: [
                            "socket": "\(socket)", "attempt": "\(number)",
                            "failure": "\(failure.map { "\($0)" } ?? "none")",
                        ])
                case .loopBlocked(let nanoseconds):
                    logger.warning(
                        "tasks block the client's thread: what takes long belongs elsewhere, see runBlocking",
                        metadata: ["milliseconds": "\(nanoseconds / 1_000_000)"])
                case .turn: break
                }
            }
        }
    }

    extension Logger {
        fileprivate func log(_ state: ConnectionState, at socket: String) {
            switch state {
            case .connected(let daemon):
                info("connected", metadata: ["socket": "\(socket)", "session": "\(daemon.session)"])
            case .disconnected(let error):
                warning("connection lost", metadata: ["socket": "\(socket)", "error": "\(error)"])
            case .reconnected(let reconnection):
                info(
                    "connected again",
                    metadata: [
                        "socket": "\(socket)", "session": "\(reconnection.daemon.session)",
                        "same daemon": "\(reconnection.isSameDaemon)",
                        "channels": "\(reconnection.channels.count)",
                    ])
                for channel in reconnection.channels {
                    guard let error = channel.error else { continue }
                    warning(
                        "channel gone", metadata: ["channel": "\(channel.name)", "error": "\(error)"])
                }
            case .closed(let error) where error.code == .clientClosed:
                info("connection closed", metadata: ["socket": "\(socket)"])
            case .closed(let error):
                self.error("connection ended", metadata: ["socket": "\(socket)", "error": "\(error)"])
            }
        }
    }
#endif
