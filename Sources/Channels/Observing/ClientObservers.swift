// SPDX-License-Identifier: Apache-2.0

#if Logging || Metrics
    import ChanSystem
    import Synchronization

    /// What a client tells those who observe it.
    enum ClientEvent: Sendable {
        /// The connection has changed.
        case state(ConnectionState)
        /// The daemon was sought, for the so-manieth time since the connection was lost.
        case attempt(Int, failure: SystemError?)
        /// The loop has done nothing but run tasks for so many nanoseconds; told once.
        case loopBlocked(UInt64)
        /// A turn of the loop is over in which something has changed.
        case turn(ClientCounts)
    }

    /// What has happened since the last time this was told.
    struct ClientCounts: Sendable, Equatable {
        /// Messages committed.
        var sent = 0
        /// Messages received.
        var received = 0
        /// Operations that the daemon has not answered yet, now.
        var underWay = 0
    }

    /// Who observes a client; told by its loop, which they must not hold up.
    final class ClientObservers: Sendable {
        private let observers = Lock<[@Sendable (ClientEvent) -> Void]>([])
        private let isObserved = Atomic<Bool>(false)

        /// Whether nobody is to be told.
        var isEmpty: Bool { !isObserved.load(ordering: .relaxed) }

        /// Adds one, for as long as the client is there.
        func add(_ observer: @escaping @Sendable (ClientEvent) -> Void) {
            observers.withLock { $0.append(observer) }
            isObserved.store(true, ordering: .relaxed)
        }

        /// Tells all.
        func tell(_ event: ClientEvent) {
            if isEmpty { return }
            for observer in observers.withLock({ $0 }) { observer(event) }
        }
    }

    extension Connection {
        /// Tells what this turn has changed.
        func reportTurn() {
            if session.observers.isEmpty { return }
            counts.underWay = operations.count
            guard counts.sent > 0 || counts.received > 0 || counts.underWay != toldUnderWay else { return }
            toldUnderWay = counts.underWay
            session.observers.tell(.turn(counts))
            counts = ClientCounts()
        }
    }
#endif
