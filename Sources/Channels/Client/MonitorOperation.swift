// SPDX-License-Identifier: Apache-2.0

import ChanSystem
import ChanWire

/// One MONITOR frame: its outcome, 0, comes when it begins, and then events until it ends.
///
/// Unchecked, as every ``Operation``: it has one owner at a time.
final class MonitorOperation: Operation, @unchecked Sendable {
    private let prefix: String
    private let queue: EventQueue
    /// Wakes the consumer, who alone holds the other end: the monitor ends when that goes.
    private let bell: AsyncThrowingStream<Void, any Error>.Continuation
    private var hasBegun = false

    init(
        _ loop: ClientLoop, prefix: String, to queue: EventQueue,
        waking bell: AsyncThrowingStream<Void, any Error>.Continuation
    ) {
        self.prefix = prefix
        self.queue = queue
        self.bell = bell
        super.init(loop, channel: nil)
    }

    override func write(request: UInt64, to connection: Connection) {
        connection.append(SimpleFrame.name(.monitor, request: request, name: prefix))
    }

    override func partlyAnswered(by frame: AnswerFrame, on connection: Connection) throws(WireFault) {
        try frame.expect(.events)
        let events = try Events(reading: frame.body)
        if !hasBegun {
            hasBegun = true
            bell.onTermination = { [self] _ in cancel() }
            resume(returning: 0)
        }
        queue.append(events.events.map { .event(ChannelEvent($0)) }, dropped: Int(clamping: events.dropped))
        bell.yield()
    }

    override func fail(_ error: any Error) {
        if hasBegun { bell.finish(throwing: error) } else { super.fail(error) }
    }
}

/// Events between the client's loop and their consumer, who may be slower than they come.
final class EventQueue: Sendable {
    /// A bound for those who don't look.
    private static let limit = 4096
    private let events = Lock((waiting: [MonitorEvent](), dropped: 0))

    /// Appends what was left out, and then what happened; counts it where that is too much.
    func append(_ some: [MonitorEvent], dropped: Int) {
        events.withLock { events in
            if dropped > 0 {
                if events.dropped > 0 || events.waiting.count >= Self.limit {
                    events.dropped += dropped
                } else {
                    events.waiting.append(.dropped(dropped))
                }
            }
            let room = events.dropped > 0 ? 0 : max(0, Self.limit - events.waiting.count)
            events.waiting += some.prefix(room)
            events.dropped += some.dropFirst(room).count
        }
    }

    /// Takes out everything, with what was left out at the end.
    func takeAll() -> [MonitorEvent] {
        events.withLock { events in
            defer { events = ([], 0) }
            return events.waiting + (events.dropped > 0 ? [.dropped(events.dropped)] : [])
        }
    }
}

/// What a monitor tells, for one consumer.
struct MonitorEvents: AsyncSequence, Sendable {
    let queue: EventQueue
    let bell: AsyncThrowingStream<Void, any Error>

    struct Iterator: AsyncIteratorProtocol {
        let queue: EventQueue
        var bell: AsyncThrowingStream<Void, any Error>.Iterator
        var taken: ArraySlice<MonitorEvent> = []

        mutating func next() async throws -> MonitorEvent? {
            while taken.isEmpty {
                taken = queue.takeAll()[...]
                if taken.isEmpty, try await bell.next(isolation: #isolation) == nil { return nil }
            }
            return taken.popFirst()
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(queue: queue, bell: bell.makeAsyncIterator()) }
}
