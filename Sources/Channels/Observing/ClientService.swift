// SPDX-License-Identifier: Apache-2.0

#if ServiceLifecycle
    public import ServiceLifecycle

    /// A client as a service of a `ServiceGroup`: with the package's trait `ServiceLifecycle`.
    extension ChandClient: Service {
        /// Runs until graceful shutdown, and then closes the client in order.
        ///
        /// Put it before the services that use it: they are shut down in reverse order, and so find it open. Cancelling
        /// the task closes the client as well.
        ///
        /// - Throws: the ``ChandError`` with which the connection ended for good before.
        public func run() async throws {
            let end = await cancelWhenGracefulShutdown { [states] () -> ChandError? in
                for await state in states {
                    if case .closed(let error) = state { return error }
                }
                return nil
            }
            await close()
            if let end, end.code != .clientClosed { throw end }
        }
    }
#endif
