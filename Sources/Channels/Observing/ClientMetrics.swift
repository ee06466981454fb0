// SPDX-License-Identifier: Apache-2.0

#if Metrics
    public import CoreMetrics

    /// What a client does, in numbers: with the package's trait `Metrics`.
    extension ChandClient {
        /// Counts what this client does from now on.
        ///
        /// | label | kind | what |
        /// |---|---|---|
        /// | `chand_client_sent` | counter | messages committed |
        /// | `chand_client_received` | counter | messages received, those that don't decode included |
        /// | `chand_client_operations` | meter | operations under way |
        /// | `chand_client_reconnects` | counter | connections after the first |
        ///
        /// They change at the end of a turn of the client's thread, not with each message. Does not wait.
        ///
        /// - Parameters:
        ///   - dimensions: what tells this client from others.
        ///   - factory: where the numbers go; the system's where it is nil.
        public func measure(
            dimensions: [(String, String)] = [], to factory: (any MetricsFactory)? = nil
        ) {
            let factory = factory ?? MetricsSystem.factory
            func counter(_ label: String) -> Counter {
                Counter(label: "chand_client_" + label, dimensions: dimensions, factory: factory)
            }
            let sent = counter("sent")
            let received = counter("received")
            let reconnects = counter("reconnects")
            let underWay = Meter(
                label: "chand_client_operations", dimensions: dimensions, factory: factory)
            loop.session.observers.add { event in
                switch event {
                case .turn(let counts):
                    if counts.sent > 0 { sent.increment(by: counts.sent) }
                    if counts.received > 0 { received.increment(by: counts.received) }
                    underWay.set(counts.underWay)
                case .state(.reconnected): reconnects.increment()
                case .state, .attempt, .loopBlocked: break
                }
            }
        }
    }
#endif
